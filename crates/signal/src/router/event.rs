//! What the router tells of its changes (SPEC ROUTER-8).

use super::sources::SourceId;
use crate::units::Serial;

/// Events that wait to be polled; beyond, they are counted as lost.
const EVENTS_MAX: usize = 64;

/// What is on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAir {
    /// Nothing but zeros.
    Silence(SilenceReason),
    /// A producer.
    Source(SourceId),
    /// The fallback's file.
    FallbackFile,
    /// The fallback's tone.
    Tone,
}

/// Why there is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceReason {
    /// The ticks before the tower's start.
    Start,
    /// The programme may come back at any moment.
    Grace,
    /// There is no file, and the tone is off.
    NoFallback,
}

/// Why there was a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// The first tick of the present.
    #[default]
    Started,
    /// A source has its pre-roll.
    Present,
    /// A source that goes before the one on air has its pre-roll.
    HigherPriority,
    /// The source on air delivered nothing more.
    RanDry,
    /// The source on air has ended.
    Ended,
    /// No programme came back within the grace.
    GraceOver,
    /// The fallback's file can be played.
    FileReady,
    /// The fallback's file delivered nothing more.
    FileDry,
    /// The operator wants the fallback.
    FallbackForced,
    /// The operator took the source on air off it.
    TakenOffAir,
    /// The operator prefers its input.
    Preferred,
    /// The source on air sent nothing but silence for too long.
    Silent,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Started => "the tower has started",
            Self::Present => "it has its pre-roll",
            Self::HigherPriority => "it goes before the one that was on air",
            Self::RanDry => "the one before delivered nothing more",
            Self::Ended => "the one before has ended",
            Self::GraceOver => "no programme came back within the grace",
            Self::FileReady => "the fallback file can be played",
            Self::FileDry => "the fallback file delivered nothing more",
            Self::FallbackForced => "the operator wants the fallback",
            Self::TakenOffAir => "the operator took the one before off air",
            Self::Preferred => "the operator prefers it",
            Self::Silent => "the one before has sent nothing but silence for too long",
        })
    }
}

/// One change of what is on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterEvent {
    /// The first tick of what came.
    pub tick: Serial,
    /// What left.
    pub from: OnAir,
    /// What came.
    pub to: OnAir,
    /// Why.
    pub reason: Reason,
    /// How long `from` had been on air, in ticks.
    pub ticks_on_air: u64,
    /// Samples of the fade, if `from` held too few for the fade as configured.
    pub shortened_fade_samples: Option<usize>,
    /// Ticks that `to` held before it came, if it had run dry because its lumps are longer than its
    /// pre-roll; it keeps this pre-roll.
    pub raised_preroll_ticks: Option<usize>,
}

/// A queue of fixed size: the pump allocates nothing.
#[derive(Debug)]
pub(super) struct Events {
    ring: [Option<RouterEvent>; EVENTS_MAX],
    first: usize,
    count: usize,
    lost: u64,
}

impl Events {
    pub(super) const fn new() -> Self {
        Self { ring: [None; EVENTS_MAX], first: 0, count: 0, lost: 0 }
    }

    pub(super) fn push(&mut self, event: RouterEvent) {
        if self.count == EVENTS_MAX {
            self.lost += 1;
            return;
        }
        self.ring[(self.first + self.count) % EVENTS_MAX] = Some(event);
        self.count += 1;
    }

    pub(super) fn pop(&mut self) -> Option<RouterEvent> {
        let event = self.ring[self.first].take()?;
        self.first = (self.first + 1) % EVENTS_MAX;
        self.count -= 1;
        Some(event)
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }
}
