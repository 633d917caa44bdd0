//! Who is on air: the rules of ROUTER-1 to ROUTER-5, without any audio.

use super::Router;
use super::deck::Voice;
use super::event::{Reason, SilenceReason};
use super::sources::{InputId, SOURCES_MAX};
use crate::fallback::FallbackKind;

/// Ticks of its file beyond the look-ahead that the fallback wants before it goes back to it: a decoder that stutters
/// must not make file and tone take turns.
const FILE_RETURN_TICKS: usize = 8;

/// The last source on air, whose own grace keeps lower inputs waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeftWithGrace {
    input: InputId,
    priority: i32,
    grace_ticks: u64,
}

impl Router {
    /// The voice for this tick, and why, if it is another than the last tick's.
    pub(super) fn decide(&mut self) -> (Voice, Reason) {
        let current = self.on_air.voice;
        let current_slot = if let Voice::Source(slot) = current { Some(slot) } else { None };
        if let Some(slot) = current_slot {
            // In force while it is asked what would follow.
            self.left_with_grace = self.grace_of(slot);
        }
        let follower = self.follower();
        let goes_on = current_slot.is_some_and(|slot| self.goes_on(slot, follower));
        if goes_on {
            self.left_with_grace = None;
        }
        match (self.best(current_slot.filter(|_| goes_on), follower), current_slot) {
            (Some(best), _) if Voice::Source(best) == current => (current, Reason::Present),
            (Some(best), None) => (Voice::Source(best), Reason::Present),
            (Some(best), Some(slot)) if goes_on => (Voice::Source(best), self.reason_to_go_before(best, slot)),
            (Some(best), Some(slot)) => (Voice::Source(best), self.reason_of_leaving(slot)),
            // It is not to come back at any moment, so there is nothing to wait for in silence.
            (None, Some(slot)) if self.is_barred(slot) => (self.fallback_voice().0, self.reason_of_leaving(slot)),
            (None, Some(slot)) if self.has_a_tail(slot) => (current, Reason::RanDry),
            (None, Some(slot)) => self.without_programme(self.reason_of_leaving(slot)),
            (None, None) => self.without_programme(Reason::GraceOver),
        }
    }

    /// Whether the source on air can be on air for one more tick and still be faded out afterwards,
    /// as long as the change to its follower takes.
    fn goes_on(&mut self, slot: usize, follower: Option<usize>) -> bool {
        let fade_samples = self.sources.fade_samples(follower.unwrap_or(slot));
        !self.is_barred(slot) && !self.on_air.is_closing() && !self.is_at_its_end(slot, fade_samples)
    }

    /// Whether this source is not to be on air: the operator does not want it, or it sends silence.
    fn is_barred(&self, slot: usize) -> bool {
        self.sources.is_silent(slot) || self.is_unwanted(slot)
    }

    fn is_unwanted(&self, slot: usize) -> bool {
        self.wishes.fallback_forced() || self.sources.spec(slot).is_some_and(|spec| !self.wishes.allows(spec.input))
    }

    fn is_preferred(&self, slot: usize) -> bool {
        self.wishes.preferred().is_some_and(|input| self.sources.spec(slot).is_some_and(|spec| spec.input == input))
    }

    fn reason_to_go_before(&self, best: usize, current: usize) -> Reason {
        if self.sources.gives_way(current) {
            Reason::Ended
        } else if self.is_preferred(best) {
            Reason::Preferred
        } else {
            Reason::HigherPriority
        }
    }

    /// Whether the source on air still has something to be faded out with.
    fn has_a_tail(&self, slot: usize) -> bool {
        !self.on_air.has_faded_out() && (self.on_air.is_closing() || self.sources.fill(slot) > 0)
    }

    fn reason_of_leaving(&self, slot: usize) -> Reason {
        if self.wishes.fallback_forced() {
            Reason::FallbackForced
        } else if self.is_unwanted(slot) {
            Reason::TakenOffAir
        } else if self.sources.is_silent(slot) {
            Reason::Silent
        } else if self.sources.ended(slot) {
            Reason::Ended
        } else {
            Reason::RanDry
        }
    }

    /// The source that follows when the voice on air leaves. It may still be fading out (see
    /// [`Self::choose`]).
    pub(super) fn follower(&self) -> Option<usize> {
        let can_follow = |&slot: &usize| {
            !self.on_air.plays_slot(slot)
                && !self.is_barred(slot)
                && self.sources.is_ready(slot)
                && !self.must_wait(slot)
        };
        (0..SOURCES_MAX).filter(can_follow).max_by_key(|&slot| self.sources.rank(slot, self.wishes.preferred()))
    }

    fn best(&self, one: Option<usize>, other: Option<usize>) -> Option<usize> {
        one.into_iter().chain(other).max_by_key(|&slot| self.sources.rank(slot, self.wishes.preferred()))
    }

    /// The grace that counts once this source is gone.
    fn grace_of(&self, slot: usize) -> Option<LeftWithGrace> {
        let spec = self.sources.spec(slot).filter(|_| !self.is_barred(slot))?;
        let grace_ticks = spec.grace_ticks?;
        Some(LeftWithGrace { input: spec.input, priority: spec.priority, grace_ticks })
    }

    /// Whether a lower input has to wait for the grace of the one that left.
    fn must_wait(&self, slot: usize) -> bool {
        let (Some(left), Some(spec)) = (self.left_with_grace, self.sources.spec(slot)) else {
            return false;
        };
        !self.is_preferred(slot)
            && spec.input != left.input
            && spec.priority < left.priority
            && self.silent_ticks < left.grace_ticks
    }

    fn without_programme(&self, reason: Reason) -> (Voice, Reason) {
        if self.wishes.fallback_forced() {
            let (voice, reason) = self.fallback_voice();
            return (voice, if reason == Reason::GraceOver { Reason::FallbackForced } else { reason });
        }
        let grace_ticks = self.left_with_grace.map_or(self.config.grace_ticks, |left| left.grace_ticks);
        let came_from_programme = matches!(self.on_air.voice, Voice::Source(_));
        let silent_ticks = if came_from_programme { 0 } else { self.silent_ticks };
        let in_grace =
            matches!(self.on_air.voice, Voice::Source(_) | Voice::Silence(SilenceReason::Start | SilenceReason::Grace));
        if in_grace && silent_ticks < grace_ticks {
            let reason = if came_from_programme { reason } else { Reason::Started };
            return (Voice::Silence(SilenceReason::Grace), reason);
        }
        self.fallback_voice()
    }

    fn fallback_voice(&self) -> (Voice, Reason) {
        let look_ahead = self.look_ahead_ticks();
        let (wanted_ticks, reason) = match self.on_air.voice {
            Voice::File(_) => (look_ahead, Reason::FileDry),
            Voice::Tone | Voice::Silence(SilenceReason::NoFallback) => {
                (look_ahead + FILE_RETURN_TICKS, Reason::FileReady)
            }
            _ => (look_ahead, Reason::GraceOver),
        };
        let voice = match self.fallback.best(wanted_ticks) {
            FallbackKind::File(file) => Voice::File(file),
            FallbackKind::Tone => Voice::Tone,
            FallbackKind::Silence => Voice::Silence(SilenceReason::NoFallback),
        };
        (voice, reason)
    }
}
