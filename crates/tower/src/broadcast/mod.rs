//! The broadcast loop: takes each frame from the frame buffer when it is due and publishes it to every listener
//! (SPEC PUMP-2, ENC-11). Runs on the pump's thread, so it never blocks and never allocates.
//!
//! Called by `pump` at each tick. It knows neither encoder processes nor listeners' sockets.

mod figures;

pub use figures::BroadcastFigures;

use radio_encoder::SilentFrames;
use radio_fanout::Publisher;
use radio_signal::frame_ring::{FrameBuf, FrameRingBuffer, Get};
use radio_signal::release::{Missing, Release};
use radio_signal::units::Serial;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Number of an output, never used twice in one life of the tower: its mount may come back as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutputId(pub u32);

/// Something that operators want to know of; at most one each tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BroadcastEvent {
    /// A frame was due and not there: listeners wait, for the first time since all was well.
    HoldBegan {
        /// The frame that is missing.
        frame: u64,
    },
    /// The frame came, or silence took its slot.
    HoldEnded {
        /// The frame that had been missing.
        frame: u64,
        /// How long the hold was, in ticks.
        ticks: u64,
        /// Frames of silence that were sent instead, since the hold began.
        silent_frames: u64,
    },
}

/// The last stage of one output.
pub struct Broadcast {
    frames: Arc<FrameRingBuffer>,
    silence: SilentFrames,
    release: Release,
    publisher: Publisher,
    figures: Arc<BroadcastFigures>,
    buffer: FrameBuf,
    hold: Option<Hold>,
    first: u64,
}

struct Hold {
    frame: u64,
    began: Serial,
    silent_before: u64,
}

impl Broadcast {
    /// Joins the frame buffer of an output to its listeners.
    #[must_use]
    pub fn new(
        frames: Arc<FrameRingBuffer>,
        silence: SilentFrames,
        release: Release,
        publisher: Publisher,
        figures: Arc<BroadcastFigures>,
    ) -> Self {
        let first = release.next();
        figures.frames.store(first, Relaxed);
        Self { frames, silence, release, publisher, figures, buffer: FrameBuf::new(), hold: None, first }
    }

    /// Releases what is due at `tick`.
    pub fn tick(&mut self, tick: Serial) -> Option<BroadcastEvent> {
        let mut event = None;
        while let Some(n) = self.release.due(tick) {
            match self.frames.get_frame(n, &mut self.buffer) {
                Get::Frame => {
                    self.figures.is_silent.store(false, Relaxed);
                    self.publish(n);
                }
                Get::NotYet if self.release.missing(tick) == Missing::Hold => {
                    event = self.hold_begins(n, tick).or(event);
                    break;
                }
                Get::NotYet | Get::Dropped => self.fill_with_silence(n),
            }
        }
        if self.release.due(tick).is_none() {
            event = self.hold_ends(tick).or(event);
        }
        event
    }

    fn publish(&mut self, n: u64) {
        // Refused only if the numbers did not follow each other, and here they do.
        let _ = self.publisher.publish(n, self.buffer.as_slice());
        self.frames.advance_to(n + 1);
        self.release.released();
        self.figures.frames.store(n + 1, Relaxed);
    }

    /// Puts silence into slot `n`. The write-once slot settles the race with an encoder that delivers at this very
    /// moment: whatever is in the slot afterwards is what every listener gets.
    fn fill_with_silence(&mut self, n: u64) {
        let silence = self.silence.frame(n);
        let _ = self.frames.push(n, silence);
        if self.frames.get_frame(n, &mut self.buffer) != Get::Frame {
            self.buffer.set(silence);
        }
        let is_silent = self.buffer.as_slice() == silence;
        self.figures.silent_frames.fetch_add(u64::from(is_silent), Relaxed);
        self.figures.is_silent.store(is_silent, Relaxed);
        self.publish(n);
    }

    fn hold_begins(&mut self, frame: u64, tick: Serial) -> Option<BroadcastEvent> {
        self.figures.behind_ticks.store(self.release.behind_ticks(tick), Relaxed);
        self.figures.behind_ticks_max.fetch_max(self.release.behind_ticks(tick), Relaxed);
        if self.hold.is_some() {
            return None;
        }
        self.hold = Some(Hold { frame, began: tick, silent_before: self.figures.silent_frames.load(Relaxed) });
        // Before the first frame the output is starting, and nobody waits for anything that was promised.
        if frame == self.first {
            return None;
        }
        self.figures.holds.fetch_add(1, Relaxed);
        Some(BroadcastEvent::HoldBegan { frame })
    }

    fn hold_ends(&mut self, tick: Serial) -> Option<BroadcastEvent> {
        let hold = self.hold.take()?;
        self.figures.behind_ticks.store(0, Relaxed);
        let silent_frames = self.figures.silent_frames.load(Relaxed) - hold.silent_before;
        if hold.frame == self.first && silent_frames == 0 {
            return None;
        }
        Some(BroadcastEvent::HoldEnded { frame: hold.frame, ticks: tick - hold.began, silent_frames })
    }
}
