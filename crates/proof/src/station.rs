//! A station: PCM into the tower's socket, in real time.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of PCM a second.
const BYTES_PER_SECOND: u64 = 192_000;

/// How a station sends.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Size of one write; the reference client's is 4096.
    pub block_bytes: usize,
    /// How far ahead of real time it is: this much is sent at once on connecting.
    pub lead: Duration,
    /// Begin again at the end, until stopped.
    pub looped: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { block_bytes: 4096, lead: Duration::from_millis(100), looped: false }
    }
}

/// Sends `pcm` once, in real time from now on, on a connection that stays open.
pub fn send(stream: &mut UnixStream, pcm: &[u8], manner: Manner) -> std::io::Result<()> {
    let started = Instant::now();
    let mut total = 0;
    for block in pcm.chunks(manner.block_bytes) {
        wait_for_turn(started, total, manner);
        stream.write_all(block)?;
        total += block.len() as u64;
    }
    Ok(())
}

/// Sleeps until the block after `total` bytes is due.
fn wait_for_turn(started: Instant, total: u64, manner: Manner) {
    let due = started + Duration::from_micros(total * 1_000_000 / BYTES_PER_SECOND);
    std::thread::sleep(due.saturating_duration_since(Instant::now() + manner.lead));
}

/// A connected station, sending from a thread of its own.
pub struct Station {
    sent: Arc<AtomicU64>,
    leave: Arc<AtomicBool>,
    started: Instant,
    sender: Option<JoinHandle<()>>,
}

impl Station {
    /// Connects and sends `pcm` from its first byte, each block at its absolute deadline.
    #[track_caller]
    #[must_use]
    pub fn start(socket: &Path, pcm: Arc<Vec<u8>>, manner: Manner) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("no station socket: {error}"));
        let sent = Arc::new(AtomicU64::new(0));
        let leave = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let sender = std::thread::spawn({
            let (sent, leave) = (Arc::clone(&sent), Arc::clone(&leave));
            move || {
                loop {
                    for block in pcm.chunks(manner.block_bytes) {
                        let total = sent.load(Ordering::Relaxed);
                        wait_for_turn(started, total, manner);
                        if leave.load(Ordering::Relaxed) || stream.write_all(block).is_err() {
                            return;
                        }
                        sent.store(total + block.len() as u64, Ordering::Relaxed);
                    }
                    if !manner.looped {
                        return;
                    }
                }
            }
        });
        Self { sent, leave, started, sender: Some(sender) }
    }

    /// Bytes sent so far.
    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// When it connected.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Leaves after the block being sent; gives the bytes sent in all.
    #[must_use]
    pub fn stop(mut self) -> u64 {
        self.leave.store(true, Ordering::Relaxed);
        self.join();
        self.sent_bytes()
    }

    /// Waits until all of its PCM is sent and it has left; gives the bytes sent in all.
    #[must_use]
    pub fn finish(mut self) -> u64 {
        self.join();
        self.sent_bytes()
    }

    fn join(&mut self) {
        if let Some(sender) = self.sender.take() {
            let _panicked_with_its_own_message = sender.join();
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    #[test]
    fn pcm_is_sent_whole_in_real_time_after_its_lead() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("pcm.sock");
        let socket = UnixListener::bind(&path).expect("a socket");
        let pcm = Arc::new(crate::material::noise(3, 25));
        let station = Station::start(&path, Arc::clone(&pcm), Manner::default());
        let mut received = Vec::new();
        socket.accept().expect("the station").0.read_to_end(&mut received).expect("all of it");
        let took = station.started().elapsed();
        assert_eq!(station.finish(), received.len() as u64);
        assert_eq!(received, *pcm);
        assert!(took >= Duration::from_millis(470), "600 ms of PCM less 100 ms of lead and a block took {took:?}");
    }
}
