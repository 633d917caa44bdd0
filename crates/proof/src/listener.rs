//! A listener that remembers when each byte came.

use crate::http::{Head, read_head, send_get};
use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for one byte; a stream silent for longer has ended for this listener.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// What a listener has received so far.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// All bytes after the head.
    pub bytes: Vec<u8>,
    /// For each read: when it returned, and how many bytes there were in all by then.
    pub arrivals: Vec<(Instant, usize)>,
    /// How the stream ended; `None` while it goes on.
    pub end: Option<String>,
}

impl Recording {
    /// Longest time between two reads that brought bytes, from `since` on (a burst comes in many reads at once).
    #[must_use]
    pub fn longest_gap(&self, since: Instant) -> Duration {
        let gap = |pair: &[(Instant, usize)]| pair[1].0.duration_since(pair[0].0.max(since).min(pair[1].0));
        self.arrivals.windows(2).filter(|pair| pair[1].0 > since).map(gap).max().unwrap_or_default()
    }

    /// Most bytes that were ever ahead of real time, counted from `connected` (SPEC LIS-5's flood).
    #[must_use]
    pub fn most_ahead_bytes(&self, connected: Instant, bytes_per_second: f64) -> i64 {
        let ahead = |&(at, total): &(Instant, usize)| {
            total as i64 - ((at - connected).as_secs_f64() * bytes_per_second).round() as i64
        };
        self.arrivals.iter().map(ahead).max().unwrap_or(0)
    }

    /// When each whole frame of `frame_bytes` had arrived, with its number, if the first is `first_frame`.
    #[must_use]
    pub fn frame_arrivals(&self, first_frame: u64, frame_bytes: usize) -> Vec<(Instant, u64)> {
        let mut frames = Vec::new();
        for &(at, total) in &self.arrivals {
            while (frames.len() + 1) * frame_bytes <= total {
                frames.push((at, first_frame + frames.len() as u64));
            }
        }
        frames
    }
}

/// A connected listener, read by a thread of its own.
pub struct Listener {
    /// Status and headers of the stream.
    pub head: Head,
    /// Just before the connection was opened.
    pub connected: Instant,
    socket: TcpStream,
    recording: Arc<Mutex<Recording>>,
    reader: Option<JoinHandle<()>>,
}

impl Listener {
    /// Asks for `target` (for instance `/stream?burst=2`) and records what comes.
    #[track_caller]
    #[must_use]
    pub fn open(address: SocketAddr, target: &str) -> Self {
        Self::try_open(address, target, "").unwrap_or_else(|error| panic!("cannot listen to {target}: {error}"))
    }

    /// The same with extra header lines, each ended by CRLF.
    pub fn try_open(address: SocketAddr, target: &str, extra: &str) -> io::Result<Self> {
        let connected = Instant::now();
        let mut socket = send_get(address, target, extra, READ_TIMEOUT)?;
        let (head, rest) = read_head(&mut socket)?;
        let mut recording = Recording::default();
        if !rest.is_empty() {
            recording.arrivals.push((Instant::now(), rest.len()));
            recording.bytes = rest;
        }
        let recording = Arc::new(Mutex::new(recording));
        let reader = std::thread::Builder::new().name("listener".into()).spawn({
            let (mut socket, recording) = (socket.try_clone()?, Arc::clone(&recording));
            move || record(&mut socket, &recording)
        })?;
        Ok(Self { head, connected, socket, recording, reader: Some(reader) })
    }

    /// Number of the first frame of this stream.
    #[track_caller]
    #[must_use]
    pub fn first_frame(&self) -> u64 {
        self.head.number("x-tower-frame")
    }

    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes received so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.lock().bytes.len()
    }

    /// How the stream ended; `None` while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<String> {
        self.lock().end.clone()
    }

    /// A copy of everything so far.
    #[must_use]
    pub fn so_far(&self) -> Recording {
        self.lock().clone()
    }

    /// Waits until `count` bytes have come.
    #[track_caller]
    pub fn wait_bytes(&self, count: usize, limit: Duration) {
        crate::alarm::wait_until(&format!("{count} bytes of the stream"), limit, || self.received() >= count);
    }

    /// Waits until the tower has ended the stream; says how.
    #[track_caller]
    #[must_use]
    pub fn wait_end(&self, limit: Duration) -> String {
        crate::alarm::wait_for("the end of the stream", limit, || self.end())
    }

    /// Hangs up and gives everything that was received.
    #[must_use]
    pub fn stop(mut self) -> Recording {
        // Taken first: the end that our own hanging up makes is none of the tower's.
        let recording = std::mem::take(&mut *self.lock());
        self.hang_up();
        recording
    }

    fn hang_up(&mut self) {
        let _already_closed = self.socket.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _panicked_with_its_own_message = reader.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hang_up();
    }
}

fn record(socket: &mut TcpStream, recording: &Mutex<Recording>) {
    let mut piece = vec![0u8; 64 * 1024];
    loop {
        let outcome = socket.read(&mut piece);
        let at = Instant::now();
        let mut recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(0) => recording.end = Some("closed by the tower".into()),
            Ok(count) => {
                recording.bytes.extend_from_slice(&piece[..count]);
                let total = recording.bytes.len();
                recording.arrivals.push((at, total));
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => recording.end = Some(format!("broken: {error}")),
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(arrivals: &[(u64, usize)]) -> (Instant, Recording) {
        let start = Instant::now();
        let arrivals = arrivals.iter().map(|&(ms, total)| (start + Duration::from_millis(ms), total)).collect();
        (start, Recording { arrivals, ..Recording::default() })
    }

    #[test]
    fn hanging_up_is_not_an_end_that_the_tower_made() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("bound");
        let tower = std::thread::spawn(move || {
            use std::io::Write;
            let (mut socket, _) = server.accept().expect("the listener");
            socket.write_all(b"HTTP/1.1 200 OK\r\nX-Tower-Frame: 7\r\n\r\nabc").expect("it reads");
            socket
        });
        let listener = Listener::open(address, "/stream");
        let socket = tower.join().expect("the small server");
        listener.wait_bytes(3, Duration::from_secs(5));
        assert_eq!(listener.first_frame(), 7);
        let recording = listener.stop();
        assert_eq!((recording.bytes.as_slice(), recording.end), (&b"abc"[..], None));

        drop(socket);
    }

    #[test]
    fn the_longest_gap_is_found_and_one_before_the_question_is_cut_to_it() {
        let (start, recording) = recording(&[(0, 10), (500, 20), (900, 30), (1000, 40)]);
        assert_eq!(recording.longest_gap(start).as_millis(), 500);
        assert_eq!(recording.longest_gap(start + Duration::from_millis(200)).as_millis(), 400);
    }

    #[test]
    fn a_flood_is_bytes_ahead_of_real_time() {
        let (start, recording) = recording(&[(0, 100), (1000, 1100), (1001, 5000)]);
        assert_eq!(recording.most_ahead_bytes(start, 1000.0), 3999);
    }

    #[test]
    fn a_frame_has_arrived_with_its_last_byte() {
        let (start, recording) = recording(&[(0, 100), (10, 400), (20, 1200)]);
        let frames = recording.frame_arrivals(7, 384);
        let numbers: Vec<_> = frames.iter().map(|&(at, n)| ((at - start).as_millis(), n)).collect();
        assert_eq!(numbers, [(10, 7), (20, 8), (20, 9)]);
    }
}
