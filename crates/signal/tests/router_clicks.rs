//! No change clicks (SPEC ROUTER-6): the wave bends at most twice as hard at a change as it does anyway. The same
//! changes without ramps must fail the same test.

mod support;

use radio_signal::ingest::BufferWriter;
use radio_signal::pcm::PcmFrame;
use radio_signal::router::RouterConfig;
use support::*;

/// Loud, but two of them in phase do not clip under an equal-power crossfade.
const AMPLITUDE: f64 = 22_000.0;
const TONE_DBFS: f32 = -3.5;
const HZ: [f64; 4] = [100.0, 250.0, 440.0, 1000.0];
const PHASES: usize = 8;

/// How hard the wave bends at a change, and how hard the steady waves beside it do.
struct Change {
    at_change: f64,
    steady: f64,
}

impl Change {
    fn of(before: &[PcmFrame], change: &[PcmFrame], after: &[PcmFrame]) -> Self {
        Self { at_change: bend_max(change), steady: bend_max(before).max(bend_max(after)) }
    }

    fn clicks(&self) -> bool {
        self.at_change > 2.0 * self.steady
    }
}

fn config(fade_samples: usize) -> RouterConfig {
    RouterConfig { grace_ticks: 5, fade_samples, first_live_tick: 0 }
}

fn run(desk: &mut Desk, ticks: usize) -> Vec<PcmFrame> {
    (0..ticks).map(|_| desk.tick().1).collect()
}

/// A producer that ran dry goes on in real time: it is back once it has its pre-roll, within 12 ticks.
fn play_in_real_time(desk: &mut Desk, writer: &mut BufferWriter, sine: &mut Sine) -> Vec<PcmFrame> {
    let tick = |_| {
        feed(writer, sine.by_ref().take(1));
        desk.tick().1
    };
    (0..30).map(tick).collect()
}

/// Everything that can happen to a station with a tone behind it, and to two stations; one `Change` for each.
fn all_changes(fade_samples: usize, hz: f64, phase: f64) -> Vec<(&'static str, Change)> {
    let mut changes = Vec::new();

    // Silence to programme, programme to silence, silence to tone, tone to programme.
    let mut desk = Desk::new(config(fade_samples), Some(TONE_DBFS), None);
    let (_, mut writer) = desk.producer(station());
    let mut sine = Sine::new(hz, AMPLITUDE, phase);
    feed(&mut writer, sine.by_ref().take(40));
    let heard = run(&mut desk, 60);
    changes.push(("silence to programme", with_lead_in(&heard[..4], &heard[10..20])));
    changes.push(("programme to silence", Change::of(&heard[20..30], &heard[36..42], &[])));
    changes.push(("silence to tone", Change::of(&[], &heard[43..48], &heard[50..60])));
    let back = play_in_real_time(&mut desk, &mut writer, &mut sine);
    let around = [&heard[57..], &back[..13]].concat();
    changes.push(("tone to programme", Change::of(&heard[50..57], &around, &back[15..25])));

    // One producer to the next, by running dry and by rank.
    let mut desk = Desk::new(config(fade_samples), Some(TONE_DBFS), None);
    let (_, mut first) = desk.producer(station());
    let (_, mut second) = desk.producer(play());
    feed(&mut first, Sine::new(hz, AMPLITUDE, phase).take(30));
    feed(&mut second, Sine::new(hz * 1.3, AMPLITUDE, 0.0).take(90));
    let heard = run(&mut desk, 50);
    changes.push(("running dry", Change::of(&heard[10..20], &heard[26..34], &heard[36..46])));
    let back = play_in_real_time(&mut desk, &mut first, &mut Sine::new(hz, AMPLITUDE, phase));
    let around = [&heard[47..], &back[..13]].concat();
    changes.push(("higher priority", Change::of(&heard[36..47], &around, &back[15..25])));
    changes
}

/// The first tick of a programme, with the silence before it.
fn with_lead_in(change: &[PcmFrame], after: &[PcmFrame]) -> Change {
    Change::of(&[], &[&[PcmFrame::SILENCE], change].concat(), after)
}

fn every_case(mut case: impl FnMut(&str, f64, f64, &Change), fade_samples: usize) {
    for hz in HZ {
        for step in 0..PHASES {
            let phase = std::f64::consts::TAU * step as f64 / PHASES as f64;
            for (name, change) in all_changes(fade_samples, hz, phase) {
                case(name, hz, phase, &change);
            }
        }
    }
}

#[test]
fn no_change_clicks() {
    every_case(
        |name, hz, phase, change| {
            let Change { at_change, steady } = change;
            assert!(!change.clicks(), "{name}, {hz} Hz, phase {phase:.2}: {at_change} against {steady}");
        },
        FADE_SAMPLES,
    );
}

#[test]
fn no_change_clicks_when_fades_last_longer_than_a_tick() {
    every_case(
        |name, hz, phase, change| {
            let Change { at_change, steady } = change;
            assert!(!change.clicks(), "{name}, {hz} Hz, phase {phase:.2}: {at_change} against {steady}");
        },
        3 * FADE_SAMPLES,
    );
}

#[test]
fn without_ramps_every_kind_of_change_clicks() {
    let mut clicked = std::collections::BTreeMap::new();
    every_case(|name, _, _, change| *clicked.entry(name.to_owned()).or_insert(0) += usize::from(change.clicks()), 0);
    assert_eq!(clicked.len(), 6);
    for (name, count) in clicked {
        assert!(count > HZ.len() * PHASES / 2, "{name}: a hard cut clicked in {count} cases only");
    }
}

/// A producer that dies in the middle of a frame leaves a frame padded with zeros; the sound must not stop at a cliff.
#[test]
fn a_producer_that_dies_within_a_frame_does_not_click() {
    for sounding in [1, 10, 100, 700, 1000, 1151] {
        for hz in HZ {
            let mut desk = Desk::new(config(FADE_SAMPLES), None, None);
            let (_, mut writer) = desk.producer(station());
            let mut frames: Vec<PcmFrame> = Sine::new(hz, AMPLITUDE, 0.7).take(20).collect();
            frames[19].0[2 * sounding..].fill(0);
            feed(&mut writer, frames);
            drop(writer);
            let heard = run(&mut desk, 25);
            let change = Change::of(&heard[5..15], &heard[16..], &[]);
            let Change { at_change, steady } = change;
            assert!(!change.clicks(), "{sounding} samples of {hz} Hz: {at_change} against {steady}");
        }
    }
}

/// A producer of which a single frame is left is faded in and out within it.
#[test]
fn a_single_frame_does_not_click() {
    for hz in HZ {
        let mut desk = Desk::new(config(FADE_SAMPLES), None, None);
        let (_, mut writer) = desk.producer(station());
        feed(&mut writer, Sine::new(hz, AMPLITUDE, 1.5).take(1));
        drop(writer);
        let heard = run(&mut desk, 4);
        let steady = bend_max(&Sine::new(hz, AMPLITUDE, 1.5).take(4).collect::<Vec<_>>());
        assert!(heard.iter().any(|frame| !frame.is_silent()), "it is heard");
        assert!(bend_max(&heard) <= 2.0 * steady, "{hz} Hz: {} against {steady}", bend_max(&heard));
    }
}

#[test]
fn a_change_of_mind_in_mid_fade_is_smooth_too() {
    let long = 20 * 1152;
    let mut desk = Desk::new(config(long), Some(TONE_DBFS), None);
    let (_, mut low) = desk.producer(play());
    let (_, mut high) = desk.producer(station());
    feed(&mut low, Sine::new(300.0, AMPLITUDE / 2.0, 0.0).take(100));
    let mut heard = run(&mut desk, 30);
    let mut live = Sine::new(500.0, AMPLITUDE / 2.0, 0.3);
    feed(&mut high, live.by_ref().take(25)); // enough to come, and to have to leave again while it is still coming
    heard.extend(run(&mut desk, 60));
    let steady = bend_max(&Sine::new(500.0, AMPLITUDE / 2.0, 0.0).take(4).collect::<Vec<_>>());
    assert!(bend_max(&heard[25..]) <= 2.0 * steady, "{} against {steady}", bend_max(&heard[25..]));
}
