//! What is on air at each tick (SPEC ROUTER).
//!
//! The router is a mixing desk: the voice on air has a *deck*, and a voice that has just left has
//! another until its fade is over. Each tick it decides which voice is on air, sees to the fades,
//! and mixes one frame. Sound is f32 up to the end of the mix, where it is rounded and clamped,
//! once.
//!
//! - this file: the desk. `decision`: who is on air. `sources`: the producers and their buffers;
//!   `arrivals`: in what lumps their audio comes.
//! - `operator`: what the operator wants over the head of the rules.
//! - `deck`: a voice and its fades. `event`: what is told of changes.

mod arrivals;
mod decision;
mod deck;
mod event;
mod operator;
mod sources;

pub use arrivals::Jitter;
pub use event::{OnAir, Reason, RouterEvent, SilenceReason};
pub use operator::{Command, INPUTS_MAX, Wishes};
pub use sources::{InputId, SOURCES_MAX, SourceId, SourceSpec, WhenFull};

use crate::fallback::FallbackProvider;
use crate::ingest::{BufferReader, GainRamp};
use crate::pcm::{AudioFrame, PcmFrame};
use crate::units::{Serial, TICK_SAMPLES};
use decision::LeftWithGrace;
use deck::{Deck, Voice};
use event::Events;
use sources::{LOOK_AHEAD_TICKS, Sources};

/// Voices that can be fading out at the same time. With default fades, shorter than a tick, there
/// is never more than one; a change that finds no free deck waits one tick, within which the fade
/// that is nearest to its end is ended.
const FADING_MAX: usize = 3;

/// How the router behaves between sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    /// Ticks of silence between programme and fallback; 0: none.
    pub grace_ticks: u64,
    /// Samples of every crossfade of which a source does not say something else; 0 is a hard cut, which clicks.
    pub fade_samples: usize,
    /// The first tick that is not in the past at start; before it there is silence (SPEC PUMP-5).
    pub first_live_tick: Serial,
}

/// Decides what is on air and mixes it. Called by the pump, so nothing here blocks, allocates or frees.
#[derive(Debug)]
pub struct Router {
    config: RouterConfig,
    fallback: FallbackProvider,
    sources: Sources,
    tick: Serial,
    on_air: Deck,
    fading: [Option<Deck>; FADING_MAX],
    since_tick: Serial,
    silent_ticks: u64,
    left_with_grace: Option<LeftWithGrace>,
    wishes: Wishes,
    events: Events,
}

impl Router {
    /// A router with no source.
    #[must_use]
    pub fn new(config: RouterConfig, fallback: FallbackProvider) -> Self {
        Self {
            config,
            fallback,
            sources: Sources::new(config.fade_samples),
            tick: 0,
            on_air: Deck::steady(Voice::Silence(SilenceReason::Start)),
            fading: [None; FADING_MAX],
            since_tick: 0,
            silent_ticks: 0,
            left_with_grace: None,
            wishes: Wishes::default(),
            events: Events::new(),
        }
    }

    /// Adds a source.
    ///
    /// # Errors
    /// The buffer itself, when there are [`SOURCES_MAX`] already.
    pub fn attach(&mut self, id: SourceId, spec: SourceSpec, reader: BufferReader) -> Result<(), BufferReader> {
        self.sources.attach(id, spec, reader)
    }

    /// Treats the sources of an input in another way from the next tick on.
    pub fn treat(&mut self, spec: SourceSpec) {
        self.sources.treat(spec);
    }

    /// Changes the silence between programme and fallback.
    pub const fn set_grace(&mut self, grace_ticks: u64) {
        self.config.grace_ticks = grace_ticks;
    }

    /// Another file takes the place of the fallback's, or none does: the one on air goes on until the other has something,
    /// and is faded into it. Returns a buffer to be freed by the caller.
    #[must_use]
    pub fn replace_fallback_file(&mut self, file: Option<BufferReader>) -> Option<BufferReader> {
        self.fallback.replace_file(file)
    }

    /// The buffer of a replaced file that is heard no more, to be freed by the caller.
    pub fn poll_replaced_file(&mut self) -> Option<BufferReader> {
        let (on_air, fading) = (&self.on_air, &self.fading);
        let plays = |deck: &Deck, file| deck.voice == Voice::File(file);
        self.fallback.take_replaced(|file| plays(on_air, file) || fading.iter().flatten().any(|deck| plays(deck, file)))
    }

    /// Takes in what the operator wants; it counts from the next tick on.
    pub fn command(&mut self, command: Command) {
        self.wishes.apply(command);
    }

    /// The next tick: always one whole frame, whatever has come or gone.
    pub fn next_frame(&mut self, out: &mut PcmFrame) -> OnAir {
        let tick = self.tick;
        self.tick += 1;
        self.sources.look();
        if tick >= self.config.first_live_tick {
            self.choose(tick);
            let mut sum = AudioFrame::SILENCE;
            self.mix(tick, &mut sum);
            // The mix is whole and not clamped: a stage that processes it (compressor, limiter)
            // belongs here.
            out.round(&sum, tick);
            self.fading
                .iter_mut()
                .filter(|deck| deck.as_ref().is_some_and(Deck::has_faded_out))
                .for_each(|d| *d = None);
        } else {
            *out = PcmFrame::SILENCE;
        }
        self.sources.note_held();
        let (on_air, fading) = (&self.on_air, &self.fading);
        self.sources.trim(|slot| on_air.plays_slot(slot) || fading.iter().flatten().any(|deck| deck.plays_slot(slot)));
        self.on_air_now()
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<RouterEvent> {
        self.events.pop()
    }

    /// Events lost because nobody polled.
    #[must_use]
    pub const fn events_lost(&self) -> u64 {
        self.events.lost()
    }

    /// The next source that has ended and been played to its end, with its buffer, to be freed by the caller.
    pub fn poll_detached(&mut self) -> Option<(SourceId, BufferReader)> {
        let (on_air, fading) = (&self.on_air, &self.fading);
        self.sources
            .take_finished(|slot| on_air.plays_slot(slot) || fading.iter().flatten().any(|deck| deck.plays_slot(slot)))
    }

    /// What is on air.
    #[must_use]
    pub fn on_air_now(&self) -> OnAir {
        self.name(self.on_air.voice)
    }

    /// Ticks that a file must hold beyond the one it plays, so that it can always be faded out (SPEC ROUTER-5).
    fn look_ahead_ticks(&self) -> usize {
        self.config.fade_samples.div_ceil(TICK_SAMPLES).max(1)
    }

    /// Samples of the crossfade between two voices: who comes says how, and who leaves where no source comes.
    fn fade_samples(&self, from: Voice, to: Voice) -> usize {
        match (from, to) {
            (_, Voice::Source(slot)) | (Voice::Source(slot), _) => self.sources.fade_samples(slot),
            _ => self.config.fade_samples,
        }
    }

    fn name(&self, voice: Voice) -> OnAir {
        match voice {
            Voice::Silence(reason) => OnAir::Silence(reason),
            Voice::File(_) => OnAir::FallbackFile,
            Voice::Tone => OnAir::Tone,
            Voice::Source(slot) => {
                self.sources.id(slot).map_or(OnAir::Silence(SilenceReason::NoFallback), OnAir::Source)
            }
        }
    }

    /// Decides, and starts whatever fades that takes.
    ///
    /// A source that is still fading out cannot be on a second deck: its fade is ended within this
    /// tick, and the change comes with the next.
    fn choose(&mut self, tick: Serial) {
        let (voice, reason) = self.decide();
        if voice == self.on_air.voice {
            // Nothing changes but, perhaps, that it is about to end.
        } else if let Some(deck) = self.fading.iter_mut().flatten().find(|deck| deck.voice == voice && is_source(voice))
        {
            *deck = deck.ending_this_tick();
        } else if let Some(free) = self.fading.iter().position(Option::is_none) {
            self.change(tick, voice, reason, free);
        } else if let Some(deck) = self.fading.iter_mut().flatten().min_by_key(|deck| deck.remaining_samples()) {
            *deck = deck.ending_this_tick();
        }
        self.close_what_ends();
        match self.on_air.voice {
            Voice::Silence(SilenceReason::Grace) => self.silent_ticks += 1,
            Voice::Source(_) => self.silent_ticks = 0,
            _ => {}
        }
    }

    /// Puts `voice` on air; the one that leaves goes to the deck `free`.
    fn change(&mut self, tick: Serial, voice: Voice, reason: Reason, free: usize) {
        let (from, since) = (self.on_air_now(), self.since_tick);
        let leaver = self.on_air.voice;
        let configured_samples = self.fade_samples(leaver, voice);
        let Crossfade { delay_samples, fade_samples, left_samples } = self.crossfade(configured_samples);
        let faded_samples = self.on_air.closing_samples().unwrap_or(fade_samples.min(left_samples));
        let leaving = if self.on_air.is_closing() {
            self.on_air
        } else {
            self.on_air.fading_out(delay_samples, fade_samples.min(left_samples))
        };
        self.fading[free] = (!leaving.has_faded_out()).then_some(leaving);
        self.on_air = Deck::fading_in(voice, delay_samples, fade_samples);
        self.since_tick = tick;
        let raised_preroll_ticks = self.note_lumps(leaver, voice, reason);
        let to = self.name(voice);
        // One kind of silence after another is no change that anyone could hear, and of a file in
        // the place of another its title tells.
        let is_told =
            |pair| !matches!(pair, (OnAir::Silence(_), OnAir::Silence(_)) | (OnAir::FallbackFile, OnAir::FallbackFile));
        if is_told((from, to)) {
            // Where only silence was left there was nothing to fade.
            let is_shortened = is_source(leaver) && (1..configured_samples).contains(&faded_samples);
            let shortened_fade_samples = is_shortened.then_some(faded_samples);
            let ticks_on_air = tick - since;
            let event =
                RouterEvent { tick, from, to, reason, ticks_on_air, shortened_fade_samples, raised_preroll_ticks };
            self.events.push(event);
        }
    }

    /// One source leaves, perhaps because its pre-roll was shorter than its lumps, and another comes,
    /// perhaps with a pre-roll that has been raised for that.
    fn note_lumps(&mut self, leaver: Voice, comer: Voice, reason: Reason) -> Option<usize> {
        // Without a grace that is over at once.
        if let (Voice::Source(slot), Reason::RanDry | Reason::GraceOver) = (leaver, reason) {
            self.sources.note_ran_dry(slot);
        }
        let Voice::Source(slot) = comer else { return None };
        self.sources.note_came(slot)
    }

    /// The crossfade from the voice on air, which leaves. One that is at its end leaves over its
    /// last samples; one that is already closing goes on doing so.
    fn crossfade(&mut self, configured_samples: usize) -> Crossfade {
        let at_once = |left_samples| Crossfade { delay_samples: 0, fade_samples: configured_samples, left_samples };
        let slot = match self.on_air.voice {
            Voice::Source(slot) => slot,
            Voice::File(file) => return at_once(self.fallback.fill(file) * TICK_SAMPLES),
            Voice::Tone => return at_once(usize::MAX),
            Voice::Silence(_) => return at_once(0),
        };
        let is_closing = self.on_air.is_closing();
        if !is_closing && !self.is_at_its_end(slot, configured_samples) {
            return at_once(usize::MAX);
        }
        self.sources.note_left(slot);
        let left_samples = self.sources.sounding_samples(slot);
        if is_closing {
            return at_once(left_samples);
        }
        // What follows fades in over a tick at least: a shorter fade would click.
        let fade_samples = configured_samples.min(left_samples.max(TICK_SAMPLES));
        Crossfade { delay_samples: left_samples.saturating_sub(fade_samples), fade_samples, left_samples }
    }

    /// A source that ends while there is no other to follow it, or that ends while it is already
    /// fading out, ends in a fade that closes with its last sample.
    fn close_what_ends(&mut self) {
        for index in 0..FADING_MAX {
            let Some(deck) = self.fading[index] else { continue };
            let Voice::Source(slot) = deck.voice else { continue };
            let left_samples = self.sources.sounding_samples(slot);
            let delivers_no_more = self.sources.ended(slot) || self.sources.fill(slot) <= LOOK_AHEAD_TICKS;
            if !deck.is_closing() && delivers_no_more && left_samples < deck.remaining_samples() {
                self.fading[index] = Some(deck.closing(0, left_samples));
            }
        }
        let Voice::Source(slot) = self.on_air.voice else { return };
        let left_samples = self.sources.sounding_samples(slot);
        let fade_samples = self.sources.fade_samples(slot);
        // Where another follows, the crossfade to it comes with a later tick, if there is one.
        let ends_now = left_samples <= TICK_SAMPLES || self.follower().is_none();
        if !self.on_air.is_closing() && ends_now && self.is_at_its_end(slot, fade_samples) {
            let fade_samples = fade_samples.min(left_samples);
            self.on_air = self.on_air.closing(left_samples - fade_samples, fade_samples);
        }
    }

    /// Whether a source must be faded out from this tick on, because after it there would be less
    /// left than a fade of `fade_samples` takes. One that has not ended may deliver again: it is at
    /// its end when it holds no more than this tick, however long the fade. The last frame of one
    /// that has ended may hold a few samples only.
    fn is_at_its_end(&mut self, slot: usize, fade_samples: usize) -> bool {
        if self.sources.ended(slot) {
            self.sources.sounding_samples(slot) < fade_samples + TICK_SAMPLES
        } else {
            self.sources.fill(slot) <= LOOK_AHEAD_TICKS
        }
    }

    /// Adds up all voices of this tick.
    fn mix(&mut self, tick: Serial, sum: &mut AudioFrame) {
        let nothing_fades = self.on_air.is_steady() && self.fading.iter().all(Option::is_none);
        let mut frame = AudioFrame::SILENCE;
        for deck in self.fading.iter_mut().flatten().chain(std::iter::once(&mut self.on_air)) {
            let gain = render(deck.voice, tick, &mut self.sources, &mut self.fallback, &mut frame);
            if nothing_fades && gain.is_unity() {
                // The rule, not the exception: what was fed is what is sent, bit for bit.
                *sum = frame;
                return;
            }
            deck.mix_into(&frame, gain, sum);
        }
    }
}

/// How one voice gives way to another.
struct Crossfade {
    /// Samples before it begins.
    delay_samples: usize,
    fade_samples: usize,
    /// Samples that the voice which leaves still has.
    left_samples: usize,
}

const fn is_source(voice: Voice) -> bool {
    matches!(voice, Voice::Source(_))
}

/// The next frame of a voice, and the gain to mix it with.
fn render(
    voice: Voice,
    tick: Serial,
    sources: &mut Sources,
    fallback: &mut FallbackProvider,
    out: &mut AudioFrame,
) -> GainRamp {
    use crate::fallback::FallbackKind;
    match voice {
        Voice::Silence(_) => *out = AudioFrame::SILENCE,
        Voice::Source(slot) => return sources.render(slot, out),
        Voice::File(file) => fallback.render(FallbackKind::File(file), tick, out),
        Voice::Tone => fallback.render(FallbackKind::Tone, tick, out),
    }
    GainRamp::UNITY
}
