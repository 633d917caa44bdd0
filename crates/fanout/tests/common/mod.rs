//! A fan-out whose time is stepped by hand, frames that tell their number, and readers that check every byte.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use radio_fanout::{
    Fanout, FanoutConfig, ListenerMeta, ListenerRow, Mount, MountConfig, PageCursor, Publisher, Start, Ticker,
};

pub(crate) const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const MARK: [u8; 4] = [0xff, 0xfb, 0x94, 0x64];
/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Frame `number`: mark, number, length, and bytes that follow from the number.
pub(crate) fn frame(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = [&MARK[..], &number.to_be_bytes(), &(length as u32).to_be_bytes()].concat();
    let fill = |i: usize| (number as usize * 131 + i * 7) as u8;
    bytes.extend((bytes.len()..length).map(fill));
    bytes
}

/// Numbers of the whole frames that `bytes` consist of; panics if they are anything else.
pub(crate) fn chain(mut bytes: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    while !bytes.is_empty() {
        let number = u64::from_be_bytes(bytes[4..12].try_into().unwrap());
        let length = u32::from_be_bytes(bytes[12..16].try_into().unwrap()) as usize;
        assert!(length <= bytes.len(), "frame {number} is cut: {} of {length} bytes", bytes.len());
        assert!(bytes[..length] == frame(number, length), "frame {number} is damaged");
        numbers.push(number);
        bytes = &bytes[length..];
    }
    numbers
}

/// Length of MP3 frames of 128 kbit/s at 44.1 kHz: 417 or 418, by the padding pattern of 49.
pub(crate) fn mp3_length(number: u64) -> usize {
    417 + usize::from(number * 47 % 49 < 47)
}

/// A fan-out and its one clock.
pub(crate) struct Station {
    pub fanout: Fanout,
    publishers: Vec<Publisher>,
    ticker: Ticker,
    tick: u64,
    length: fn(u64) -> usize,
}

impl Station {
    pub(crate) fn new(config: FanoutConfig, mounts: Vec<MountConfig>, length: fn(u64) -> usize) -> Self {
        let (fanout, publishers) = Fanout::start(config, mounts).unwrap();
        let ticker = fanout.ticker();
        Self { fanout, publishers, ticker, tick: 0, length }
    }

    /// One mount "m" of 44.1 kHz MP3, 400 frames deep, with this period.
    pub(crate) fn mp3(shards: usize, period_ticks: u64) -> Self {
        let mount = MountConfig { period_ticks, ..MountConfig::new("m", 418, 400) };
        Self::new(FanoutConfig { shards, ..FanoutConfig::default() }, vec![mount], mp3_length)
    }

    pub(crate) fn mount(&self) -> Mount {
        self.fanout.mounts()[0].clone()
    }

    /// Publishes `count` frames to every mount, without a tick.
    pub(crate) fn publish(&mut self, count: u64) {
        for publisher in &mut self.publishers {
            for _ in 0..count {
                let number = publisher.next_frame();
                publisher.publish(number, &frame(number, (self.length)(number))).unwrap();
            }
        }
    }

    /// Gives one tick and waits until all shards have served it.
    pub(crate) fn tick(&mut self) {
        self.tick += 1;
        self.ticker.tick(self.tick);
        let tick = self.tick;
        wait_until("the tick is served", || self.fanout.snapshot().served_tick >= Some(tick));
    }

    /// A frame and a tick, `count` times.
    pub(crate) fn advance(&mut self, count: u64) {
        for _ in 0..count {
            self.publish(1);
            self.tick();
        }
    }

    /// Admits a listener and waits until a shard has it: ticks before that pass it by.
    pub(crate) fn admit(&self, socket: impl Into<std::os::fd::OwnedFd>, start: Start) {
        let admitted = || self.fanout.snapshot().totals.admitted;
        let before = admitted();
        self.fanout.admit(socket, &self.mount(), start, HEAD.to_vec(), ListenerMeta::default()).unwrap();
        wait_until("a shard has the listener", || admitted() > before);
    }

    pub(crate) fn rows(&self) -> Vec<ListenerRow> {
        self.fanout.listeners(PageCursor::default(), 1000).rows
    }
}

/// Waits for an event that another thread brings about.
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let since = Instant::now();
    while !happened() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::yield_now();
    }
}

/// Both ends of a TCP connection over loopback: the fan-out's and the listener's.
pub(crate) fn tcp() -> (TcpStream, TcpStream) {
    tcp_with_window(None)
}

/// Both ends of a Unix connection, whose buffers hold only what the fan-out's end says.
pub(crate) fn unix() -> (UnixStream, UnixStream) {
    let (theirs, ours) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    (theirs, ours)
}

/// The same over TCP, with a receive buffer of the listener's own.
pub(crate) fn tcp_with_window(bytes: Option<usize>) -> (TcpStream, TcpStream) {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    if let Some(bytes) = bytes {
        ours.set_recv_buffer_size(bytes).unwrap();
    }
    let address: SocketAddr = door.local_addr().unwrap();
    ours.connect(&address.into()).unwrap();
    let ours = TcpStream::from(ours);
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    (door.accept().unwrap().0, ours)
}

/// Reads the head, and then exactly the frames `numbers`.
pub(crate) fn expect_head_and(stream: &mut impl Read, numbers: std::ops::Range<u64>, length: fn(u64) -> usize) {
    let mut head = [0; HEAD.len()];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head, HEAD);
    expect(stream, numbers, length);
}

/// Reads exactly the frames `numbers`.
pub(crate) fn expect(stream: &mut impl Read, numbers: std::ops::Range<u64>, length: fn(u64) -> usize) {
    let mut bytes = vec![0; numbers.clone().map(length).sum()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(chain(&bytes), numbers.collect::<Vec<_>>());
}

/// Reads what is there now from a non-blocking stream, at most `max` bytes.
pub(crate) fn read_some(stream: &mut impl Read, max: usize, into: &mut Vec<u8>) -> usize {
    let mut bytes = vec![0; max];
    match stream.read(&mut bytes) {
        Ok(n) => {
            into.extend(&bytes[..n]);
            n
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => 0,
        Err(error) => panic!("{error}"),
    }
}
