//! Listeners outlive their fan-out: another one goes on in its memory, with duplicates of its sockets, and every
//! listener's bytes are unbroken (SPEC LIS-7).
#![cfg(not(loom))]

mod common;

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{HEAD, chain, mp3_length, unix, wait_until};
use radio_fanout::{
    Fanout, FanoutConfig, Hooks, ListenerId, ListenerMeta, Memory, MountConfig, PageCursor, Publisher, StartAt,
    Survivor, TitlePublisher,
};

const METAINT: u16 = 700;
const LISTENERS: usize = 60;

/// What a parent process would hold.
#[derive(Default)]
struct Holder(Mutex<HashMap<u64, Held>>);

type Held = (OwnedFd, Vec<u8>, ListenerMeta);

impl Hooks for Holder {
    fn admitted(&self, id: ListenerId, socket: BorrowedFd<'_>, head: &[u8], meta: &ListenerMeta) {
        let held = (socket.try_clone_to_owned().unwrap(), head.to_vec(), meta.clone());
        self.0.lock().unwrap().insert(id.0, held);
    }

    fn released(&self, id: ListenerId) {
        self.0.lock().unwrap().remove(&id.0);
    }
}

impl Holder {
    fn survivors(&self) -> Vec<Survivor> {
        let held = self.0.lock().unwrap();
        let survivor = |(&id, (socket, head, meta)): (&u64, &Held)| Survivor {
            id: ListenerId(id),
            socket: socket.try_clone().unwrap(),
            head: head.clone(),
            meta: meta.clone(),
            written: None,
        };
        held.iter().map(survivor).collect()
    }
}

/// Small numbers that look like chance.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn config(shards: usize) -> FanoutConfig {
    FanoutConfig { shards, listeners_max: 100, sndbuf_bytes: 4096, stall_ms_max: u64::MAX / 2, ..Default::default() }
}

fn mounts() -> Vec<MountConfig> {
    vec![MountConfig { period_ticks: 2, ..MountConfig::new("m", 418, 20_000) }]
}

struct Reader {
    stream: UnixStream,
    head: Vec<u8>,
    metaint: usize,
    received: Vec<u8>,
}

impl Reader {
    fn read(&mut self, bytes: usize) {
        let mut buffer = vec![0; bytes];
        match self.stream.read(&mut buffer) {
            Ok(n) => self.received.extend(&buffer[..n]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }

    /// Checks every byte; gives the numbers of the frames and of the titles.
    fn check(&self, first: u64) -> (u64, Vec<u64>) {
        let mut rest = self.received.strip_prefix(&self.head[..]).unwrap();
        let (mut audio, mut titles) = (Vec::new(), Vec::new());
        while self.metaint > 0 && rest.len() > self.metaint {
            audio.extend(&rest[..self.metaint]);
            let end = self.metaint + 1 + 16 * usize::from(rest[self.metaint]);
            let text = rest[self.metaint + 1..end].split(|&byte| byte == 0).next().unwrap();
            if let Some(number) = text.strip_prefix(b"title ") {
                titles.push(String::from_utf8(number.to_vec()).unwrap().parse().unwrap());
            }
            rest = &rest[end..];
        }
        audio.extend(rest);
        let numbers = chain(&audio);
        let end = first + numbers.len() as u64;
        assert_eq!(numbers, (first..end).collect::<Vec<_>>(), "frames are missing, repeated or cut");
        (end, titles)
    }
}

/// Publishes and reads for a while, at whatever pace; the shards are somewhere in the middle when it returns.
fn live_on(
    (publisher, title_publisher): (&mut Publisher, &mut TitlePublisher),
    ticker: &radio_fanout::Ticker,
    readers: &mut [Reader],
    dice: &mut Dice,
    tick: &mut u64,
) {
    for _ in 0..5 + dice.roll(60) {
        *tick += 1;
        let number = publisher.next_frame();
        if dice.roll(10) == 0 {
            title_publisher.set(number, format!("title {number}").as_bytes()).unwrap();
        }
        publisher.publish(number, &common::frame(number, mp3_length(number))).unwrap();
        ticker.tick(*tick);
        for reader in readers.iter_mut() {
            if dice.roll(3) == 0 {
                reader.read(1 + dice.roll(3000) as usize);
            }
        }
    }
}

#[test]
fn every_listener_gets_the_next_byte_from_the_next_fan_out_wherever_the_last_one_stopped() {
    let memory = Memory::zeroed(Fanout::memory_words(&config(1), &mounts()));
    let holder = Arc::new(Holder::default());
    let (mut dice, mut tick) = (Dice(7), 0);
    let mut readers: Vec<Reader> = Vec::new();
    let mut joined = Vec::new();
    let (mut in_heads, mut in_frames) = (0, 0);
    // As often as it takes for many to be in the middle of something: how far the shards come meanwhile, nobody knows.
    for life in 0..1000 {
        if life >= 40 && in_heads > 5 && in_frames > 100 {
            break;
        }
        let config = config(1 + life % 3);
        let hooks = Arc::clone(&holder) as Arc<dyn Hooks>;
        let (fanout, mut publishers) = Fanout::go_on(config, mounts(), &memory, hooks, holder.survivors()).unwrap();
        let rows = fanout.listeners(PageCursor::default(), 1000).rows;
        assert_eq!(rows.len(), readers.len());
        for row in rows {
            let sent = row.sent_through_frame.map_or(row.joined_frame, |through| through + 1);
            let whole = (row.joined_frame..sent).map(mp3_length).sum::<usize>() as u64;
            let head = readers[row.id.0 as usize - 1].head.len() as u64;
            in_heads += u64::from(row.bytes < head);
            in_frames += u64::from(row.metaint == 0 && row.bytes > head + whole);
        }
        let (mut titles, publisher, ticker) =
            (publishers[0].take_titles().unwrap(), &mut publishers[0], fanout.ticker());
        while readers.len() < LISTENERS.min(3 * (life + 1)) {
            live_on((publisher, &mut titles), &ticker, &mut readers, &mut dice, &mut tick);
            let (theirs, ours) = unix();
            ours.set_nonblocking(true).unwrap();
            let metaint = if readers.len().is_multiple_of(2) { METAINT } else { 0 };
            let start = fanout.mounts()[0].start_at(StartAt::Behind(dice.roll(100)));
            let meta = ListenerMeta { metaint, ..ListenerMeta::default() };
            // Some heads do not fit the socket.
            let head = HEAD.repeat(if readers.len().is_multiple_of(3) { 60_000 / HEAD.len() } else { 1 });
            fanout.admit(theirs, &fanout.mounts()[0], start, head.clone(), meta).unwrap();
            readers.push(Reader { stream: ours, head, metaint: metaint.into(), received: Vec::new() });
            joined.push(start.frame);
        }
        live_on((publisher, &mut titles), &ticker, &mut readers, &mut dice, &mut tick);
        fanout.hand_over();
    }
    assert!(in_heads > 5 && in_frames > 100, "only {in_heads} stopped in their heads, {in_frames} in a frame");

    let (fanout, publishers) =
        Fanout::go_on(config(2), mounts(), &memory, Arc::clone(&holder) as Arc<dyn Hooks>, holder.survivors()).unwrap();
    let last = publishers[0].next_frame();
    // Everyone catches up, and is then let go.
    let ticker = fanout.ticker();
    wait_until("everyone has everything", || {
        tick += 1;
        ticker.tick(tick);
        readers.iter_mut().for_each(|reader| reader.read(100_000));
        let rows = fanout.listeners(PageCursor::default(), 1000).rows;
        assert_eq!(rows.len(), LISTENERS);
        rows.iter().all(|row| row.sent_through_frame == Some(last - 1) && row.skipped_frames == 0)
    });
    fanout.shutdown(Duration::from_secs(1));
    assert!(holder.0.lock().unwrap().is_empty(), "whoever held the sockets is told to let go");
    for (reader, first) in readers.iter_mut().zip(joined) {
        reader.stream.set_nonblocking(false).unwrap();
        reader.stream.read_to_end(&mut reader.received).unwrap();
        let (end, titles) = reader.check(first);
        assert_eq!(end, last);
        assert!(titles.is_sorted_by(|a, b| a < b), "a title came twice or too late: {titles:?}");
        assert!(reader.metaint == 0 || !titles.is_empty());
    }
}

#[test]
fn a_memory_of_other_settings_is_refused_and_a_record_without_a_socket_is_freed() {
    let memory = Memory::zeroed(Fanout::memory_words(&config(1), &mounts()));
    let holder = Arc::new(Holder::default());
    let go_on = |config: FanoutConfig, mounts: Vec<MountConfig>, survivors| {
        Fanout::go_on(config, mounts, &memory, Arc::clone(&holder) as Arc<dyn Hooks>, survivors)
    };
    let (fanout, _publishers) = go_on(config(1), mounts(), Vec::new()).unwrap();
    let (theirs, _ours) = unix();
    let start = fanout.mounts()[0].start_at(StartAt::Behind(0));
    let first = fanout.admit(theirs, &fanout.mounts()[0], start, HEAD.to_vec(), ListenerMeta::default()).unwrap();
    fanout.hand_over();

    let other = vec![MountConfig { name: "other".into(), ..mounts().remove(0) }];
    assert_eq!(go_on(config(1), other, Vec::new()).err().unwrap().kind(), ErrorKind::InvalidData);
    let fewer = FanoutConfig { listeners_max: 99, ..config(1) };
    assert_eq!(go_on(fewer, mounts(), Vec::new()).err().unwrap().kind(), ErrorKind::InvalidData);

    let (fanout, _publishers) = go_on(config(1), mounts(), Vec::new()).unwrap();
    assert_eq!(fanout.listeners_now(), 0);
    assert!(fanout.listeners(PageCursor::default(), 10).rows.is_empty());
    let (theirs, _ours) = unix();
    let second = fanout.admit(theirs, &fanout.mounts()[0], start, HEAD.to_vec(), ListenerMeta::default()).unwrap();
    assert!(second > first, "a number is never given twice");
}
