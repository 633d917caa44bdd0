//! What the encoder's tests share: PCM, what LAME makes of it uninterrupted, and a manager at work.

use radio_config::EncoderKind;
use radio_encoder::{EncoderConfig, EncoderManager, EncoderNews, PcmFeed, State, StateChange};
use radio_lame::{Encoder, Settings};
use radio_signal::frame_ring::{FrameBuf, FrameRingBuffer, Get};
use radio_signal::pcm::PcmFrame;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Far beyond what anything here takes on a busy machine; reaching it is a failure.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Ticks that must be in before a frame can be out, with ffmpeg the slower one; one more confirms each frame, and one the first.
pub(super) const LAG_TICKS: u64 = 6;

/// Two tones, noise, and steps of 40 dB, so that no two frames are alike and encoders have a past to forget.
pub(super) fn tick(serial: u64) -> PcmFrame {
    let mut frame = PcmFrame::SILENCE;
    let loud = if (serial / 37).is_multiple_of(2) { 9000.0 } else { 90.0 };
    for (i, pair) in frame.0.chunks_mut(2).enumerate() {
        let n = serial * 1152 + i as u64;
        let t = n as f64 / 48_000.0;
        let noise = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / f64::from(1 << 24) - 0.5;
        pair[0] = (loud * ((t * 2764.6).sin() + noise)) as i16;
        pair[1] = (loud * ((t * 8168.1).sin() - noise)) as i16;
    }
    frame
}

/// The frames of one uninterrupted encode of the ticks from 0 on.
pub(super) fn reference(ticks: u64) -> Vec<Vec<u8>> {
    let settings = Settings { sample_rate_hz: 48_000, channels: 2, mono: false, bitrate_kbps: 128 };
    let mut encoder = Encoder::new(settings).unwrap();
    let mut stream = Vec::new();
    (0..ticks).for_each(|serial| encoder.encode_interleaved(&tick(serial).0, &mut stream).unwrap());
    stream.chunks_exact(384).map(<[u8]>::to_vec).collect()
}

/// Defaults, with the built-in encoder found where cargo has put it.
pub(super) fn config(kind: EncoderKind) -> EncoderConfig {
    let output = radio_config::Output { encoder: kind, ..radio_config::Output::default() };
    let mut config = EncoderConfig::from_config(&radio_config::Encoder::default(), &output);
    for program in std::iter::once(&mut config.main).chain(&mut config.stand_in) {
        if program.kind == EncoderKind::Builtin {
            assert_eq!(program.command[0], "/proc/self/exe");
            program.command[0] = env!("CARGO_BIN_EXE_tower").into();
        }
    }
    config
}

/// The same without a stand-in.
pub(super) fn alone_on_air(kind: EncoderKind) -> EncoderConfig {
    let mut config = config(kind);
    config.stand_in = None;
    config.supervision.stand_in = None;
    config
}

/// A shell script in the place of an encoder, and waits short enough for a test.
pub(super) fn fake(script: &str) -> EncoderConfig {
    let mut config = config(EncoderKind::Builtin);
    config.main.command = ["sh", "-c", script].map(Into::into).to_vec();
    config.supervision.stall_threshold_ms = 200;
    config.supervision.backoff_ms = vec![20, 40];
    config.supervision.restarts_max = 2;
    config.supervision.main.recovery_retry_ms = 60_000;
    config
}

pub(super) struct Rig {
    pub manager: EncoderManager,
    pub feed: PcmFeed,
    pub changes: Receiver<StateChange>,
    pub fed: u64,
    pub taken: u64,
}

impl Rig {
    pub(super) fn start(config: EncoderConfig) -> Self {
        Self::start_with(config, None)
    }

    pub(super) fn start_with(config: EncoderConfig, frames: Option<Arc<FrameRingBuffer>>) -> Self {
        let mut manager = EncoderManager::new(config, frames).unwrap();
        let (sender, changes) = channel();
        let tell = move |news| {
            if let EncoderNews::State(change) = news {
                sender.send(change).unwrap_or(());
            }
        };
        let feed = manager.start(tell).unwrap();
        Self { manager, feed, changes, fed: 0, taken: 0 }
    }

    pub(super) fn push(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.feed.push(self.fed, &tick(self.fed));
            self.fed += 1;
        }
    }

    /// Frame `taken`, once it is there.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut frame = FrameBuf::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.manager.get_frame(self.taken, &mut frame) {
                Get::Frame => break,
                Get::NotYet if Instant::now() < deadline => std::thread::sleep(Duration::from_micros(200)),
                other => panic!("frame {}: {other:?}, {:#?}", self.taken, self.manager.status()),
            }
        }
        self.taken += 1;
        self.manager.frame_buffer().advance_to(self.taken);
        frame.as_slice().to_vec()
    }

    /// Feeds and takes frames up to `end`, each compared with an uninterrupted encode's.
    pub(super) fn run_to(&mut self, end: u64, reference: &[Vec<u8>]) {
        while self.taken < end {
            self.push((self.taken + LAG_TICKS).saturating_sub(self.fed));
            let n = self.taken;
            assert!(self.take() == reference[n as usize], "frame {n} differs from the uninterrupted encode");
        }
    }

    pub(super) fn wait_for(&self, state: State) -> StateChange {
        loop {
            let change = self.changes.recv_timeout(PATIENCE);
            let change = change.unwrap_or_else(|_| panic!("no {state}: {:#?}", self.manager.status()));
            if change.to == state {
                return change;
            }
        }
    }

    /// Feeds in real time meanwhile.
    pub(super) fn feed_until(&mut self, state: State) -> StateChange {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.changes.recv_timeout(Duration::from_millis(24)) {
                Ok(change) if change.to == state => return change,
                Ok(_) => {}
                Err(_) => self.push(1),
            }
        }
        panic!("no {state}: {:#?}", self.manager.status());
    }

    pub(super) fn pid(&self) -> u32 {
        self.manager.status().pid.expect("a process is at work")
    }

    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

/// Processes, living or zombie, whose parent is this test process.
pub(super) fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.split_whitespace().nth(1) == Some(&me)))
        .collect()
}

/// The dead are buried a moment after they have been given up, but all of them.
pub(super) fn wait_for_children(count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while children().len() != count {
        assert!(Instant::now() < deadline, "{:#?}", children());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Tests that count this process's children or its CPU time run one at a time.
pub(super) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
