//! A source that sends nothing but silence is absent until there is sound (SPEC ROUTER-7).

mod support;

use proptest::prelude::*;
use radio_signal::ingest::{BufferWriter, RETURN_TICKS, SilenceGate};
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{OnAir, Reason, SourceId, SourceSpec, WhenFull};
use support::*;

const GATE: SilenceGate = SilenceGate { ticks: 100, peak: 0.001 };

fn reasons(desk: &mut Desk) -> Vec<(OnAir, Reason)> {
    desk.events().iter().map(|event| (event.to, event.reason)).collect()
}

#[test]
fn a_silent_source_makes_way_without_grace_and_comes_back_with_sound_and_neither_clicks() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    // A pre-roll shorter than the sound that brings it back.
    let (id, mut writer) = desk.producer(SourceSpec { gate: GATE, preroll_ticks: 5, ..station() });
    let mut sine = Sine::new(250.0, 10_000.0, 0.3);
    feed(&mut writer, sine.by_ref().take(20));
    let mut heard = Vec::new();
    let mut play = |desk: &mut Desk, frames: Vec<PcmFrame>| -> Vec<OnAir> {
        frames
            .into_iter()
            .map(|frame| {
                feed(&mut writer, [frame]);
                let (on_air, frame) = desk.tick();
                heard.push(frame);
                on_air
            })
            .collect()
    };
    assert!(play(&mut desk, sine.by_ref().take(50).collect()).iter().all(|on_air| *on_air == OnAir::Source(id)));
    // The 20 ticks that wait are heard before the silence, and then as much silence as the gate
    // allows.
    let silent = play(&mut desk, vec![PcmFrame::SILENCE; 200]);
    let heard_ticks = 20 + GATE.ticks as usize;
    assert_eq!(silent.iter().position(|on_air| *on_air == OnAir::Tone), Some(heard_ticks));
    assert!(silent[heard_ticks..].iter().all(|on_air| *on_air == OnAir::Tone), "and it does not come back by itself");
    let back = play(&mut desk, sine.by_ref().take(60).collect());
    let returned = back.iter().position(|on_air| *on_air == OnAir::Source(id)).expect("it is back");
    assert!((19..=21).contains(&returned), "when its first sound would be heard: {returned}");
    assert_eq!(reasons(&mut desk)[1..], [(OnAir::Tone, Reason::Silent), (OnAir::Source(id), Reason::Present)]);
    let steady = bend_max(&heard[10..40]).max(bend_max(&heard[200..240]));
    let changes = &heard[140..];
    assert!(bend_max(changes) <= 2.0 * steady, "{} against {steady}", bend_max(changes));
}

#[test]
fn a_lower_source_follows_a_silent_one_and_without_a_gate_silence_is_programme() {
    for (gate, is_gated) in [(GATE, true), (SilenceGate::default(), false)] {
        let mut desk = Desk::new(CONFIG, Some(-20.0), None);
        let (dj, mut silent) = desk.producer(SourceSpec { gate, grace_ticks: Some(500), ..station() });
        let (playing, mut music) = desk.producer(play());
        let mut on_air = Vec::new();
        for number in 0..400 {
            silent.offer_pcm(&PcmFrame::SILENCE);
            if !music.is_full() {
                feed(&mut music, [numbered(number)]);
            }
            on_air.push(desk.tick().0);
        }
        let last = if is_gated { playing } else { dj };
        assert_eq!(on_air.last(), Some(&OnAir::Source(last)));
        assert_eq!(
            desk.events().iter().any(|event| event.reason == Reason::Silent),
            is_gated,
            "no grace is waited for"
        );
    }
}

#[test]
fn a_silent_source_that_waits_is_not_stuck_and_one_that_ends_is_played_to_its_end() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(SourceSpec { gate: GATE, ..play() });
    let mut sine = Sine::new(250.0, 10_000.0, 0.3);
    let mut on_air = Vec::new();
    for tick in 0..400 {
        while !writer.is_full() {
            let frame = if tick < 250 { PcmFrame::SILENCE } else { sine.next().expect("it never ends") };
            feed(&mut writer, [frame]);
        }
        on_air.push(desk.tick().0);
    }
    assert!(on_air.contains(&OnAir::Tone));
    assert_eq!(on_air.last(), Some(&OnAir::Source(id)), "it was read on, so its sound was found");
    feed(&mut writer, []);
    drop(writer);
    desk.ticks_until(|on_air| on_air == OnAir::Tone);
}

/// A source that is fed in some way, and what was on air at each tick; fed until `frames` are over,
/// and then 50 ticks more.
struct Played {
    id: SourceId,
    heard: Vec<(OnAir, PcmFrame)>,
}

impl Played {
    /// In real time (`is_early` false), or as early as its buffer takes it.
    fn new(spec: SourceSpec, frames: &[PcmFrame], is_early: bool) -> Self {
        let mut desk = Desk::new(CONFIG, Some(-20.0), None);
        let (id, mut writer) = desk.producer(spec);
        let mut rest = frames.iter();
        // A pre-roll at once, or it would have to be waited for.
        rest.by_ref().take(spec.preroll_ticks.max(2)).for_each(|frame| assert!(writer.offer_pcm(frame)));
        let mut heard = Vec::new();
        loop {
            heard.push(desk.tick());
            let is_over = if is_early { Self::fill(&mut writer, &mut rest) } else { Self::one(&mut writer, &mut rest) };
            if is_over {
                break;
            }
        }
        drop(writer);
        heard.extend((0..150).map(|_| desk.tick()));
        Self { id, heard }
    }

    fn one<'a>(writer: &mut BufferWriter, frames: &mut impl Iterator<Item = &'a PcmFrame>) -> bool {
        frames.next().is_none_or(|frame| !writer.offer_pcm(frame))
    }

    fn fill<'a>(writer: &mut BufferWriter, frames: &mut impl Iterator<Item = &'a PcmFrame>) -> bool {
        while !writer.is_full() {
            if Self::one(writer, frames) {
                return true;
            }
        }
        false
    }

    /// The source's own ticks with sound, and the most of its silent ticks in a row.
    fn sounding_and_silent(&self) -> (usize, usize) {
        let (mut sounding, mut silent, mut silent_max) = (0, 0, 0);
        for (on_air, frame) in &self.heard {
            let is_its_own = *on_air == OnAir::Source(self.id);
            sounding += usize::from(is_its_own && !frame.is_silent());
            silent = if is_its_own && frame.is_silent() { silent + 1 } else { 0 };
            silent_max = silent_max.max(silent);
        }
        (sounding, silent_max)
    }

    /// Changes of what is on air, with the ticks that each lasts.
    fn stretches(&self) -> Vec<(OnAir, usize)> {
        let chunks = self.heard.chunk_by(|one, other| one.0 == other.0);
        chunks.map(|chunk| (chunk[0].0, chunk.len())).collect()
    }
}

fn sound(ticks: usize) -> Vec<PcmFrame> {
    vec![numbered(1000); ticks]
}

fn silence(ticks: usize) -> Vec<PcmFrame> {
    vec![PcmFrame::SILENCE; ticks]
}

#[test]
fn sound_that_is_in_the_buffer_when_silence_arrives_is_played() {
    let gate = SilenceGate { ticks: 20, peak: 0.001 };
    for (when_full, is_early) in [(WhenFull::Wait, true), (WhenFull::Drop, true), (WhenFull::Drop, false)] {
        let spec = SourceSpec { gate, when_full, ..station() };
        let played = Played::new(spec, &[sound(200), silence(300)].concat(), is_early);
        let (id, stretches) = (OnAir::Source(played.id), played.stretches());
        assert_eq!(stretches[..2].iter().map(|(on_air, _)| *on_air).collect::<Vec<_>>(), [id, OnAir::Tone]);
        assert_eq!(stretches[0].1, 220, "all of its sound and 20 silent ticks");
        assert_eq!(stretches.len(), 2, "{stretches:?}");
    }
}

#[test]
fn a_silent_stretch_within_the_buffer_passes_unheard_and_what_follows_is_heard_whole() {
    let gate = SilenceGate { ticks: 20, peak: 0.001 };
    for (when_full, is_early) in [(WhenFull::Wait, true), (WhenFull::Drop, true), (WhenFull::Drop, false)] {
        let spec = SourceSpec { gate, when_full, ..station() };
        let played = Played::new(spec, &[sound(50), silence(60), sound(50)].concat(), is_early);
        assert_eq!(played.sounding_and_silent(), (100, 20));
        let ticks: Vec<usize> = played.stretches().iter().map(|(_, ticks)| *ticks).collect();
        assert_eq!(ticks[0], 70);
        assert!((40..=45).contains(&ticks[1]), "the rest of the silence: {ticks:?}");
        assert_eq!(ticks[2], 50);
    }
}

#[test]
fn a_source_that_sounds_again_at_the_moment_at_which_its_gate_would_close_stays() {
    let gate = SilenceGate { ticks: 20, peak: 0.001 };
    let spec = SourceSpec { gate, preroll_ticks: 15, ..station() };
    let played = Played::new(spec, &[sound(50), silence(25), sound(50)].concat(), false);
    assert_eq!(played.stretches()[0], (OnAir::Source(played.id), 125));
}

#[test]
fn a_source_that_ends_behind_its_gate_is_gone_and_its_silence_is_not_heard() {
    for (when_full, is_early) in [(WhenFull::Wait, true), (WhenFull::Drop, true), (WhenFull::Drop, false)] {
        let mut desk = Desk::new(CONFIG, Some(-20.0), None);
        let (id, mut writer) = desk.producer(SourceSpec { gate: GATE, when_full, ..station() });
        feed(&mut writer, silence(20));
        let mut on_air = Vec::new();
        for _ in 0..150 {
            if is_early {
                while !writer.is_full() {
                    feed(&mut writer, silence(1));
                }
            } else {
                feed(&mut writer, silence(1));
            }
            on_air.push(desk.tick().0);
        }
        assert_eq!(on_air.last(), Some(&OnAir::Tone));
        desk.events();
        // A click at the very end is no sound that brings it back.
        if writer.gauge().count() < 90 {
            feed(&mut writer, sound(3));
        }
        drop(writer);
        assert!((0..300).all(|_| desk.tick().0 == OnAir::Tone), "nothing of it is heard");
        assert_eq!(desk.events(), []);
        assert_eq!(desk.router.poll_detached().map(|(id, _)| id), Some(id));
    }
}

#[test]
fn of_a_source_that_ends_behind_its_gate_the_sound_that_it_has_sent_is_heard() {
    let frames = [sound(30), silence(150), sound(15)].concat();
    let played = Played::new(SourceSpec { gate: GATE, ..station() }, &frames, false);
    assert_eq!(played.sounding_and_silent().0, 45);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Stretches of sound and silence of any lengths, clicks among them.
    #[test]
    fn all_sound_is_heard_and_of_silence_no_more_than_the_gate_allows(
        stretches in proptest::collection::vec((RETURN_TICKS as usize..80, 1usize..150), 1..6),
        gate_ticks in 1u64..60,
        preroll_ticks in 1usize..30,
        waits in any::<bool>(),
        is_early in any::<bool>(),
    ) {
        let frames: Vec<PcmFrame> = stretches.iter().flat_map(|&(s, z)| [sound(s), silence(z)].concat()).collect();
        let sent: usize = stretches.iter().map(|(ticks, _)| ticks).sum();
        let when_full = if waits { WhenFull::Wait } else { WhenFull::Drop };
        let gate = SilenceGate { ticks: gate_ticks, peak: 0.001 };
        let spec = SourceSpec { gate, preroll_ticks, when_full, ..station() };
        let (sounding, silent) = Played::new(spec, &frames, is_early).sounding_and_silent();
        prop_assert_eq!(sounding, sent);
        prop_assert!(silent as u64 <= gate_ticks + RETURN_TICKS, "{} silent ticks", silent);
    }
}
