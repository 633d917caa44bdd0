//! The producers and their buffers, in a table of fixed size.

use super::arrivals::{Arrivals, Jitter, Lumps};
use crate::ingest::{BufferReader, Gain, GainRamp, SilenceGate};
use crate::pcm::AudioFrame;
use std::cmp::Reverse;

/// Sources that can be attached at the same time.
pub const SOURCES_MAX: usize = 32;

/// Ticks that a source on air must hold beyond the one it plays, so that it can be faded out (SPEC
/// ROUTER-5). It is the same for every fade: a longer look-ahead would take a source off air that
/// still has something to play.
pub(super) const LOOK_AHEAD_TICKS: usize = 1;

/// Number of an input: a door at which producers arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputId(pub u16);

/// A producer: its input, and its number in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId {
    /// The input at which it arrived.
    pub input: InputId,
    /// Its number; lower ones arrived earlier.
    pub producer: u64,
}

/// What an off-air or full buffer does (SPEC IN-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Off air only the freshest pre-roll is kept.
    Drop,
    /// Off air the producer waits, and goes on where it stopped.
    Wait,
}

/// How a source is to be treated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceSpec {
    /// Its input.
    pub input: InputId,
    /// Higher ones go on air before lower ones.
    pub priority: i32,
    /// Ticks it must hold before it is present.
    pub preroll_ticks: usize,
    /// What happens to its PCM off air.
    pub when_full: WhenFull,
    /// Ticks for which no lower input follows when this one leaves; `None`: they follow at once.
    pub grace_ticks: Option<u64>,
    /// Samples of the crossfades to it, and from it to what is no source; `None`: as everywhere.
    pub fade_samples: Option<usize>,
    /// How unevenly its audio arrives.
    pub jitter: Jitter,
    /// When it counts as silent, and so as absent.
    pub gate: SilenceGate,
    /// How much louder it is heard than it comes.
    pub gain: Gain,
}

/// Preferred by the operator; priority; and, within an input, who is not to give way, and arrived first.
type Rank = (bool, i32, (bool, Reverse<u64>));

#[derive(Debug)]
struct Source {
    id: SourceId,
    spec: SourceSpec,
    reader: BufferReader,
    /// Ticks for which there has been something in its buffer.
    held_ticks: u64,
    /// Ticks of its first lump: by how many what came since then has been ahead of them.
    first_ticks: usize,
    /// Ticks that had been offered before.
    held_from: u64,
    arrivals: Arrivals,
    /// Its gain at the end of the last tick.
    gain: Gain,
    /// A frame of it was asked for in this tick.
    was_heard: bool,
    /// It has ended and been on air to its end: whatever is left of it is never heard.
    is_spent: bool,
    lumps: Lumps,
}

impl Source {
    /// Ticks it keeps off air beside its pre-roll.
    fn lump_ticks(&self) -> usize {
        let Jitter { settle_ticks, lump_ticks } = self.spec.jitter;
        // Audio that comes as it is played has no lumps.
        let seen = if settle_ticks > 0 { self.arrivals.lump_ticks as usize } else { 0 };
        lump_ticks.max(self.long_lump_ticks()).max(seen.min(self.lump_ticks_max()))
    }

    /// Ticks that are fresh beside its pre-roll off air: its lump, and of a long one, beside which
    /// its buffer has no room for the next, what of it would be left if it had been heard since it
    /// came.
    fn fresh_lump_ticks(&self) -> usize {
        let heard_ticks = if self.long_lump_ticks() > 0 { self.arrivals.gap_ticks as usize } else { 0 };
        self.lump_ticks().saturating_sub(heard_ticks)
    }

    /// The longest lump that its buffer holds beside its pre-roll.
    fn lump_ticks_max(&self) -> usize {
        self.reader.capacity().saturating_sub(self.needed_ticks())
    }

    /// The lump that its format tells of, if that is longer than those for which every source
    /// waits; else 0.
    fn long_lump_ticks(&self) -> usize {
        let expected_ticks = self.reader.expected_lump_ticks();
        if expected_ticks > self.spec.jitter.lump_ticks { expected_ticks.min(self.lump_ticks_max()) } else { 0 }
    }

    /// Whether it has waited as long as its lumps demand.
    fn has_settled(&self) -> bool {
        let (fill, preroll_ticks) = (self.reader.fill(), self.spec.preroll_ticks);
        let Jitter { settle_ticks, lump_ticks } = self.spec.jitter;
        // A burst is a cushion by itself, and would be cut off air.
        let is_burst = |lump_ticks: usize| !self.arrivals.has_run_dry && fill >= preroll_ticks + lump_ticks;
        let has_waited = self.held_ticks >= settle_ticks;
        match self.long_lump_ticks() {
            0 => has_waited || is_burst(lump_ticks),
            long_ticks => {
                let ahead_ticks = fill.max(self.first_ticks + self.held_ticks as usize);
                is_burst(long_ticks) || (has_waited && ahead_ticks >= preroll_ticks + long_ticks)
            }
        }
    }

    /// Ticks it must hold to go on air: its pre-roll, which the look-ahead is a part of.
    fn needed_ticks(&self) -> usize {
        self.spec.preroll_ticks.max(LOOK_AHEAD_TICKS + 1).max(self.lumps.raised_ticks)
    }

    /// Frames that have come since the last tick.
    fn note_arrivals(&mut self) {
        let offered = self.reader.offered();
        let arrived = offered - std::mem::replace(&mut self.lumps.offered, offered);
        self.note_ahead(arrived as usize);
    }

    /// Of a source whose pre-roll did not last until its next lump, the pre-roll becomes as long as
    /// that lump, as far as its buffer holds it.
    fn note_ahead(&mut self, arrived: usize) {
        let Some(ahead_ticks) = &mut self.lumps.ahead_ticks else { return };
        *ahead_ticks = ahead_ticks.saturating_sub(1) + arrived;
        // One tick more: the rest of a lump that is no whole tick comes with the next.
        let lump_ticks = (*ahead_ticks + LOOK_AHEAD_TICKS + 2).min(self.reader.capacity());
        // What comes through a network is held for its lumps in another way.
        if self.spec.jitter == Jitter::NONE && lump_ticks > self.needed_ticks() {
            self.lumps.raised_ticks = lump_ticks;
            self.lumps.is_untold = true;
        }
    }
}

#[derive(Debug)]
pub(super) struct Sources {
    slots: [Option<Source>; SOURCES_MAX],
    /// Of sources that have no crossfade of their own.
    fade_samples: usize,
}

impl Sources {
    pub(super) const fn new(fade_samples: usize) -> Self {
        Self { slots: [const { None }; SOURCES_MAX], fade_samples }
    }

    pub(super) fn attach(
        &mut self,
        id: SourceId,
        spec: SourceSpec,
        mut reader: BufferReader,
    ) -> Result<(), BufferReader> {
        match self.slots.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => {
                reader.set_gate(spec.gate);
                reader.set_gain(spec.gain);
                let gain = spec.gain;
                let lumps = Lumps { offered: reader.offered(), ..Lumps::default() };
                *slot = Some(Source {
                    id,
                    spec,
                    reader,
                    gain,
                    was_heard: false,
                    is_spent: false,
                    held_ticks: 0,
                    first_ticks: 0,
                    held_from: 0,
                    arrivals: Arrivals::default(),
                    lumps,
                });
                Ok(())
            }
            None => Err(reader),
        }
    }

    /// Treats the sources of an input in another way.
    pub(super) fn treat(&mut self, spec: SourceSpec) {
        for source in self.slots.iter_mut().flatten().filter(|source| source.id.input == spec.input) {
            source.reader.set_gate(spec.gate);
            source.reader.set_gain(spec.gain);
            source.spec = spec;
        }
    }

    pub(super) fn id(&self, slot: usize) -> Option<SourceId> {
        self.get(slot).map(|source| source.id)
    }

    pub(super) fn spec(&self, slot: usize) -> Option<SourceSpec> {
        self.get(slot).map(|source| source.spec)
    }

    pub(super) fn fill(&self, slot: usize) -> usize {
        self.get(slot).map_or(0, |source| source.reader.fill())
    }

    /// Samples of its crossfades.
    pub(super) fn fade_samples(&self, slot: usize) -> usize {
        self.get(slot).and_then(|source| source.spec.fade_samples).unwrap_or(self.fade_samples)
    }

    /// Samples that a source still has to be heard with.
    pub(super) fn sounding_samples(&mut self, slot: usize) -> usize {
        self.slots.get_mut(slot).and_then(Option::as_mut).map_or(0, |source| source.reader.sounding_samples())
    }

    pub(super) fn ended(&self, slot: usize) -> bool {
        self.get(slot).is_none_or(|source| source.reader.ended())
    }

    /// It leaves the air: if it has ended, for good.
    pub(super) fn note_left(&mut self, slot: usize) {
        if let Some(source) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            source.is_spent |= source.reader.ended();
        }
    }

    /// It has left the air because it ran dry; what is in its buffer has come in this tick.
    pub(super) fn note_ran_dry(&mut self, slot: usize) {
        if let Some(source) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            source.lumps.ahead_ticks = Some(0);
            source.note_ahead(source.reader.fill());
        }
    }

    /// It comes on air; its pre-roll in ticks, if that has been raised and not told.
    pub(super) fn note_came(&mut self, slot: usize) -> Option<usize> {
        let lumps = &mut self.slots.get_mut(slot)?.as_mut()?.lumps;
        lumps.ahead_ticks = None;
        std::mem::take(&mut lumps.is_untold).then_some(lumps.raised_ticks)
    }

    /// Whether another took its place, so that it is heard only until that one is ready (SPEC ROUTER-1).
    pub(super) fn gives_way(&self, slot: usize) -> bool {
        self.get(slot).is_some_and(|source| source.reader.gives_way())
    }

    /// Whether a source counts as silent (SPEC ROUTER-7), though it may have ended.
    pub(super) fn is_silent(&self, slot: usize) -> bool {
        self.get(slot).is_some_and(|source| source.reader.is_silent())
    }

    /// Looks at what has come, and through the gates at what is about to be heard.
    pub(super) fn look(&mut self) {
        for source in self.slots.iter_mut().flatten() {
            source.note_arrivals();
            source.reader.judge_gate();
        }
    }

    /// Whether an off-air source could go on air: it has its pre-roll, or has ended with less (SPEC ROUTER-3).
    pub(super) fn is_ready(&self, slot: usize) -> bool {
        self.get(slot).is_some_and(|source| {
            let fill = source.reader.fill();
            let has_ended_with_less = fill > 0 && source.reader.ended() && !source.reader.gives_way();
            !source.is_spent && ((source.has_settled() && fill >= source.needed_ticks()) || has_ended_with_less)
        })
    }

    /// Higher goes first: what the operator prefers, then by the input's priority, then by the order of arrival
    /// (SPEC ROUTER-1, IN-5), but for one whose place another took.
    pub(super) fn rank(&self, slot: usize, preferred: Option<InputId>) -> Option<Rank> {
        let source = self.get(slot)?;
        let arrival = (!source.reader.gives_way(), Reverse(source.id.producer));
        Some((preferred == Some(source.spec.input), source.spec.priority, arrival))
    }

    /// The next frame of a source, and the gain to mix it with; silence if it has none.
    pub(super) fn render(&mut self, slot: usize, out: &mut AudioFrame) -> GainRamp {
        let Some(source) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            *out = AudioFrame::SILENCE;
            return GainRamp::UNITY;
        };
        source.was_heard = true;
        if !source.reader.pop(out) {
            *out = AudioFrame::SILENCE;
        }
        GainRamp::new(std::mem::replace(&mut source.gain, source.reader.gain()), source.reader.gain())
    }

    /// One tick has gone by.
    pub(super) fn note_held(&mut self) {
        for source in self.slots.iter_mut().flatten() {
            source.reader.note_tick();
            source.arrivals.note(source.reader.offered());
            let fill = source.reader.fill();
            if fill == 0 {
                source.arrivals.has_run_dry |= source.was_heard;
                source.held_ticks = 0;
                continue;
            }
            let offered = source.reader.offered();
            if source.held_ticks == 0 {
                (source.first_ticks, source.held_from) = (fill, offered.saturating_sub(fill as u64));
            } else if source.long_lump_ticks() > 0 {
                // A long first lump may come over several ticks.
                let ahead_ticks = offered.saturating_sub(source.held_from).saturating_sub(source.held_ticks);
                source.first_ticks = source.first_ticks.max(ahead_ticks as usize);
            }
            source.held_ticks = source.held_ticks.saturating_add(1);
        }
    }

    /// Off air, sources that drop keep only what is fresh; nothing stale is ever played (SPEC
    /// IN-4). What one that has ended left behind is no longer fresh, and goes as time goes; the
    /// rest of one that was on air to its end, or whose place another took, goes at once. Behind a
    /// closed gate silence goes as time goes, and sound is kept.
    pub(super) fn trim(&mut self, in_use: impl Fn(usize) -> bool) {
        for (slot, source) in self.slots.iter_mut().enumerate() {
            let Some(source) = source else { continue };
            let is_over = source.is_spent || source.reader.gives_way();
            let was_heard = std::mem::take(&mut source.was_heard);
            // What is not heard needs no ramp.
            source.gain = source.reader.gain();
            if in_use(slot) {
                continue;
            }
            if source.reader.is_silent() && !is_over {
                if !was_heard {
                    source.reader.pass_silence();
                }
                continue;
            }
            if source.spec.when_full == WhenFull::Wait && !is_over {
                continue;
            }
            let fresh_ticks = source.needed_ticks() + source.fresh_lump_ticks();
            let fill = source.reader.fill();
            source.reader.keep_newest(match (is_over, source.reader.ended()) {
                (true, _) => 0,
                (false, true) => fill.saturating_sub(1).min(fresh_ticks),
                (false, false) => fresh_ticks,
            });
        }
    }

    /// Takes out one source that has ended and been played to its end.
    pub(super) fn take_finished(&mut self, in_use: impl Fn(usize) -> bool) -> Option<(SourceId, BufferReader)> {
        let finished = |(slot, source): (usize, &mut Option<Source>)| {
            let done = source.as_ref().is_some_and(|s| s.reader.ended() && s.reader.fill() == 0);
            if done && !in_use(slot) { source.take() } else { None }
        };
        self.slots.iter_mut().enumerate().find_map(finished).map(|source| (source.id, source.reader))
    }

    fn get(&self, slot: usize) -> Option<&Source> {
        self.slots.get(slot).and_then(Option::as_ref)
    }
}
