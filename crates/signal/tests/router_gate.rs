//! A source that sends nothing but silence is absent until there is sound (SPEC ROUTER-7).

mod support;

use radio_signal::ingest::{RETURN_TICKS, SilenceGate};
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{OnAir, Reason, SourceSpec};
use support::*;

const GATE: SilenceGate = SilenceGate { ticks: 100, peak: 32 };

fn reasons(desk: &mut Desk) -> Vec<(OnAir, Reason)> {
    desk.events().iter().map(|event| (event.to, event.reason)).collect()
}

#[test]
fn a_silent_source_makes_way_without_grace_and_comes_back_with_sound_and_neither_clicks() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    // A pre-roll shorter than what brings it back: its own beginning, which is a click, is not in it.
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
    // Nothing of what it had sent before is lost, and nobody else is on air a tick too early.
    let silent = play(&mut desk, vec![PcmFrame::SILENCE; 200]);
    assert_eq!(silent.iter().position(|on_air| *on_air == OnAir::Tone), Some(GATE.ticks as usize - 1));
    assert!(
        silent[GATE.ticks as usize..].iter().all(|on_air| *on_air == OnAir::Tone),
        "and it does not come back by itself"
    );
    let back = play(&mut desk, sine.by_ref().take(60).collect());
    let returned = back.iter().position(|on_air| *on_air == OnAir::Source(id)).expect("it is back");
    assert!((RETURN_TICKS as usize - 1..=RETURN_TICKS as usize + 1).contains(&returned), "{returned}");
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
            silent.offer(&PcmFrame::SILENCE);
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
