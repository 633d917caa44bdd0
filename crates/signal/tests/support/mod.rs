//! A router with producers that a test feeds by hand.
#![allow(dead_code, reason = "each test program uses its part")]

use radio_signal::fallback::{FallbackConfig, FallbackProvider};
use radio_signal::ingest::{BufferReader, BufferWriter, Gain, SilenceGate, input_buffer};
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{InputId, Jitter, OnAir, Router, RouterConfig, RouterEvent, SourceId, SourceSpec, WhenFull};
use radio_signal::units::{SAMPLE_RATE_HZ, TICK_VALUES};

pub(crate) const STATION: InputId = InputId(0);
pub(crate) const PLAY: InputId = InputId(1);
pub(crate) const FADE_SAMPLES: usize = 960;

pub(crate) const CONFIG: RouterConfig =
    RouterConfig { grace_ticks: 62, fade_samples: FADE_SAMPLES, first_live_tick: 0 };

pub(crate) struct Desk {
    pub router: Router,
    next_producer: u64,
}

impl Desk {
    pub(crate) fn new(config: RouterConfig, tone_dbfs: Option<f32>, file: Option<BufferReader>) -> Self {
        Self {
            router: Router::new(config, FallbackProvider::new(FallbackConfig { tone_dbfs }, file)),
            next_producer: 0,
        }
    }

    pub(crate) fn producer(&mut self, spec: SourceSpec) -> (SourceId, BufferWriter) {
        let id = SourceId { input: spec.input, producer: self.next_producer };
        self.next_producer += 1;
        let (writer, reader) = input_buffer(100);
        self.router.attach(id, spec, reader).expect("there is a place");
        (id, writer)
    }

    pub(crate) fn tick(&mut self) -> (OnAir, PcmFrame) {
        let mut frame = PcmFrame::SILENCE;
        let on_air = self.router.next_frame(&mut frame);
        (on_air, frame)
    }

    /// Ticks until `wanted` holds; the number of ticks before it did. At most 10,000.
    pub(crate) fn ticks_until(&mut self, wanted: impl Fn(OnAir) -> bool) -> usize {
        (0..10_000).find(|_| wanted(self.tick().0)).expect("it comes to pass")
    }

    pub(crate) fn events(&mut self) -> Vec<RouterEvent> {
        std::iter::from_fn(|| self.router.poll_event()).collect()
    }
}

pub(crate) fn station() -> SourceSpec {
    SourceSpec {
        input: STATION,
        priority: 20,
        preroll_ticks: 10,
        when_full: WhenFull::Drop,
        grace_ticks: None,
        fade_samples: None,
        jitter: Jitter::NONE,
        gate: SilenceGate::default(),
        gain: Gain::UNITY,
    }
}

pub(crate) fn play() -> SourceSpec {
    SourceSpec { input: PLAY, priority: 10, when_full: WhenFull::Wait, ..station() }
}

/// A frame in which every value says which frame it is.
pub(crate) fn numbered(number: usize) -> PcmFrame {
    PcmFrame([number as i16 + 1; TICK_VALUES])
}

pub(crate) fn feed(writer: &mut BufferWriter, frames: impl IntoIterator<Item = PcmFrame>) {
    frames.into_iter().for_each(|frame| assert!(writer.offer_pcm(&frame), "the buffer has room"));
}

/// A sine, frame by frame, the same on both channels.
pub(crate) struct Sine {
    pub hz: f64,
    pub amplitude: f64,
    pub phase: f64,
    pub sample: u64,
}

impl Sine {
    pub(crate) fn new(hz: f64, amplitude: f64, phase: f64) -> Self {
        Self { hz, amplitude, phase, sample: 0 }
    }
}

impl Iterator for Sine {
    type Item = PcmFrame;

    fn next(&mut self) -> Option<PcmFrame> {
        let mut frame = PcmFrame::SILENCE;
        for pair in frame.0.chunks_exact_mut(2) {
            let angle = std::f64::consts::TAU * self.hz * self.sample as f64 / f64::from(SAMPLE_RATE_HZ) + self.phase;
            pair.fill((angle.sin() * self.amplitude).round() as i16);
            self.sample += 1;
        }
        Some(frame)
    }
}

/// The largest second difference of the left channel: how hard the wave bends.
pub(crate) fn bend_max(frames: &[PcmFrame]) -> f64 {
    let left: Vec<f64> = frames.iter().flat_map(|f| f.0.iter().step_by(2)).map(|&v| f64::from(v)).collect();
    left.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).fold(0.0, f64::max)
}
