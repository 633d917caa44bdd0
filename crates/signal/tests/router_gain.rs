//! The gain of an input is applied where it is mixed (SPEC ROUTER-1, SIG-1).

mod support;

use radio_signal::ingest::{Gain, SilenceGate};
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{OnAir, SourceSpec};
use radio_signal::units::TICK_VALUES;
use support::*;

const LEVEL: i16 = 10_000;

fn louder(db: f32) -> SourceSpec {
    SourceSpec { gain: Gain::from_db(db), ..station() }
}

fn level(ticks: usize) -> Vec<PcmFrame> {
    vec![PcmFrame([LEVEL; TICK_VALUES]); ticks]
}

/// Whether a frame is of one level, but for its dither.
fn is_at(frame: &PcmFrame, wanted: f64) -> bool {
    frame.0.iter().all(|&value| (f64::from(value) - wanted).abs() <= 1.6)
}

#[test]
fn a_change_is_heard_within_one_tick_however_much_waits_in_the_buffer_and_makes_no_step() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (id, mut writer) = desk.producer(louder(0.0));
    feed(&mut writer, level(100));
    (0..5).for_each(|_| _ = desk.tick());
    assert_eq!(desk.tick().1, level(1)[0], "without a gain bit for bit");
    let mut heard = Vec::new();
    for db in [-6.0, -60.0, 3.0, 20.0, 0.0] {
        desk.router.treat(louder(db));
        let ramp = desk.tick().1;
        let (on_air, after) = desk.tick();
        assert_eq!(on_air, OnAir::Source(id));
        let wanted = (f64::from(LEVEL) * 10f64.powf(f64::from(db) / 20.0)).min(32_767.0);
        assert!(is_at(&after, wanted), "{db} dB: {:?} instead of {wanted}", &after.0[..4]);
        heard.extend([ramp, after]);
    }
    assert_eq!(heard.last(), Some(&level(1)[0]), "and bit for bit again");
    let left: Vec<i32> = heard.iter().flat_map(|f| f.0.iter().step_by(2)).map(|&value| i32::from(value)).collect();
    let step = left.windows(2).map(|pair| (pair[0] - pair[1]).abs()).max();
    assert!(step <= Some(100), "{step:?}: a tick is 1152 steps");
}

#[test]
fn a_gain_and_a_fade_are_rounded_once() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (_, mut writer) = desk.producer(louder(-6.0));
    // Two steps of 16 bits: rounded twice, this would be 1 all along.
    feed(&mut writer, vec![PcmFrame([2; TICK_VALUES]); 100]);
    desk.tick();
    let heard: Vec<PcmFrame> = (0..80).map(|_| desk.tick().1).collect();
    let values = heard.iter().flat_map(|frame| frame.0).map(f64::from);
    let mean = values.sum::<f64>() / (80 * TICK_VALUES) as f64;
    assert!((mean - 2.0 * 10f64.powf(-0.3)).abs() < 0.01, "{mean}: dither keeps what is lower than a step");
}

#[test]
fn a_source_comes_on_air_with_the_gain_that_it_has_now() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (id, mut writer) = desk.producer(louder(20.0));
    feed(&mut writer, level(5));
    desk.tick();
    desk.router.treat(louder(0.0));
    desk.tick();
    feed(&mut writer, level(20));
    let (on_air, first) = desk.tick();
    assert_eq!(on_air, OnAir::Source(id));
    assert_eq!(first.0[2 * FADE_SAMPLES..], level(1)[0].0[2 * FADE_SAMPLES..], "bit for bit after the fade");
}

#[test]
fn the_gate_judges_what_is_heard_with_its_gain() {
    // -50 dBFS: sound at a gain of 0 dB, silence at -20 dB.
    let quiet = PcmFrame([104; TICK_VALUES]);
    for (db, is_heard) in [(0.0, true), (-20.0, false)] {
        let mut desk = Desk::new(CONFIG, Some(-20.0), None);
        let gate = SilenceGate::new(20, -60.0);
        let (id, mut writer) = desk.producer(SourceSpec { gate, ..louder(db) });
        feed(&mut writer, vec![quiet; 10]);
        for _ in 0..60 {
            feed(&mut writer, [quiet]);
            desk.tick();
        }
        assert_eq!(desk.router.on_air_now() == OnAir::Source(id), is_heard, "{db} dB");
        // A louder gain brings it back without another sound of its own.
        desk.router.treat(SourceSpec { gate, ..louder(0.0) });
        for _ in 0..3 {
            feed(&mut writer, [quiet]);
            desk.tick();
        }
        assert_eq!(desk.router.on_air_now(), OnAir::Source(id));
    }
}
