//! Who is on air, tick by tick (SPEC ROUTER-1 to ROUTER-5, IN-3 to IN-5).

mod support;

use radio_signal::pcm::PcmFrame;
use radio_signal::router::{Jitter, OnAir, Reason, RouterConfig, SilenceReason, SourceSpec, WhenFull};
use support::*;

const GRACE: OnAir = OnAir::Silence(SilenceReason::Grace);

#[test]
fn at_start_there_is_grace_then_the_tone() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    assert_eq!(desk.ticks_until(|on_air| on_air != GRACE), 62);
    assert_eq!(desk.router.on_air_now(), OnAir::Tone);
    let events = desk.events();
    let told: Vec<_> = events.iter().map(|e| (e.tick, e.to, e.reason)).collect();
    assert_eq!(told, [(62, OnAir::Tone, Reason::GraceOver)], "one silence after another is not told");
}

#[test]
fn the_past_is_silence_and_grace_is_counted_from_the_present() {
    let config = RouterConfig { first_live_tick: 103, ..CONFIG };
    let mut desk = Desk::new(config, Some(-20.0), None);
    for _ in 0..103 {
        let (on_air, frame) = desk.tick();
        assert_eq!(on_air, OnAir::Silence(SilenceReason::Start));
        assert!(frame.is_silent());
    }
    assert_eq!(desk.ticks_until(|on_air| on_air == OnAir::Tone), 62);
}

#[test]
fn the_preroll_is_played_and_nothing_of_the_programme_is_lost() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    feed(&mut writer, (0..9).map(numbered));
    assert_eq!(desk.tick().0, GRACE, "nine ticks are not the pre-roll of ten");
    feed(&mut writer, [numbered(9)]);
    let mut heard = Vec::new();
    for number in 10..30 {
        let (on_air, frame) = desk.tick();
        assert_eq!(on_air, OnAir::Source(id));
        heard.push(frame);
        feed(&mut writer, [numbered(number)]);
    }
    assert_eq!(heard[0].0[2 * FADE_SAMPLES..], numbered(0).0[2 * FADE_SAMPLES..], "bit-exact after the opening ramp");
    assert!(heard[1..].iter().enumerate().all(|(i, frame)| *frame == numbered(i + 1)), "and from there on");
}

#[test]
fn when_the_programme_stops_there_are_exactly_62_silent_ticks() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    feed(&mut writer, (0..12).map(|_| PcmFrame([1000; 2304])));
    let heard: Vec<_> = (0..12).map(|_| desk.tick()).collect();
    assert!(heard.iter().all(|(on_air, frame)| *on_air == OnAir::Source(id) && !frame.is_silent()));
    let last = heard[11].1;
    assert_eq!(last.0[..2 * (1152 - FADE_SAMPLES)], [1000; 2 * (1152 - FADE_SAMPLES)], "untouched before its fade");
    assert!(last.0[2303].abs() <= 2, "and closed with its last sample");
    for _ in 0..62 {
        let (on_air, frame) = desk.tick();
        assert_eq!(on_air, GRACE);
        assert!(frame.is_silent());
    }
    let (on_air, frame) = desk.tick();
    assert_eq!(on_air, OnAir::Tone);
    assert!(!frame.is_silent());
    let reasons: Vec<_> = desk.events().iter().map(|e| e.reason).collect();
    assert_eq!(reasons, [Reason::Present, Reason::RanDry, Reason::GraceOver]);
}

#[test]
fn programme_returning_resets_grace_at_once() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    (0..40).for_each(|_| assert_eq!(desk.tick().0, GRACE));
    feed(&mut writer, (0..10).map(numbered));
    assert_eq!(desk.tick().0, OnAir::Source(id));
    desk.ticks_until(|on_air| on_air == GRACE);
    assert_eq!(desk.ticks_until(|on_air| on_air == OnAir::Tone), 61, "one of the 62 has passed");
}

#[test]
fn grace_0_is_no_grace() {
    let mut desk = Desk::new(RouterConfig { grace_ticks: 0, ..CONFIG }, Some(-20.0), None);
    assert_eq!(desk.tick().0, OnAir::Tone);
}

#[test]
fn an_input_that_ends_with_less_than_its_preroll_is_played_to_its_end() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    feed(&mut writer, (0..3).map(numbered));
    assert_eq!(desk.tick().0, GRACE);
    drop(writer);
    let heard = desk.ticks_until(|on_air| on_air != OnAir::Source(id));
    assert_eq!(heard, 3);
    assert_eq!(desk.router.poll_detached().map(|(id, _)| id), Some(id), "its buffer is handed back");
}

#[test]
fn a_lower_input_follows_at_once_and_the_higher_one_takes_the_air_back() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (station_id, mut live) = desk.producer(station());
    let (play_id, mut files) = desk.producer(play());
    feed(&mut live, (0..12).map(numbered));
    feed(&mut files, (0..90).map(numbered));
    assert_eq!(desk.ticks_until(|on_air| on_air != OnAir::Source(station_id)), 11, "its last tick is the crossfade");
    assert_eq!(desk.router.on_air_now(), OnAir::Source(play_id));
    (0..5).for_each(|_| assert_eq!(desk.tick().0, OnAir::Source(play_id)));
    // It ran dry before a lump: it comes back once it holds that lump and what it is ahead by.
    feed(&mut live, (0..10).map(numbered));
    let back = (0..5).position(|number| {
        feed(&mut live, [numbered(number)]);
        desk.tick().0 == OnAir::Source(station_id)
    });
    assert!(back.is_some(), "it is back within 5 ticks");
    let reasons: Vec<_> = desk.events().iter().map(|e| e.reason).collect();
    assert_eq!(reasons, [Reason::Present, Reason::RanDry, Reason::HigherPriority]);
}

#[test]
fn an_input_with_its_own_grace_keeps_lower_inputs_waiting() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (station_id, mut live) = desk.producer(SourceSpec { grace_ticks: Some(20), ..station() });
    let (play_id, mut files) = desk.producer(play());
    feed(&mut live, (0..12).map(numbered));
    feed(&mut files, (0..50).map(numbered));
    assert_eq!(desk.ticks_until(|on_air| on_air != OnAir::Source(station_id)), 12);
    assert_eq!(desk.ticks_until(|on_air| on_air != GRACE), 19, "20 silent ticks, one of which has passed");
    assert_eq!(desk.router.on_air_now(), OnAir::Source(play_id));
}

#[test]
fn of_two_producers_the_earliest_that_delivers_is_heard_and_they_never_mix() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (first_id, mut first) = desk.producer(station());
    let (second_id, mut second) = desk.producer(station());
    feed(&mut second, (0..10).map(|_| numbered(2000)));
    assert_eq!(desk.tick().0, OnAir::Source(second_id), "the first is connected and delivers nothing");
    feed(&mut first, (0..12).map(|_| numbered(1000)));
    let mut heard = Vec::new();
    for _ in 0..11 {
        feed(&mut second, [numbered(2000)]);
        heard.push(desk.tick());
    }
    assert!(heard.iter().all(|(on_air, _)| *on_air == OnAir::Source(first_id)));
    assert!(heard[1..10].iter().all(|(_, frame)| *frame == numbered(1000)), "after the crossfade only the first");
    drop(first);
    assert_eq!(desk.tick().0, OnAir::Source(second_id), "the next takes over when it leaves");
    let (_, frame) = desk.tick();
    assert_eq!(frame, numbered(2000));
}

#[test]
fn off_air_a_dropping_producer_keeps_its_freshest_and_a_waiting_one_pauses() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (_, mut on_air) = desk.producer(station());
    let (_, mut dropping) = desk.producer(station());
    let (play_id, mut waiting) = desk.producer(play());
    feed(&mut on_air, (0..60).map(|_| numbered(5000)));
    feed(&mut waiting, (0..30).map(|i| numbered(100 + i)));
    for number in 0..40 {
        feed(&mut dropping, [numbered(number)]);
        desk.tick();
    }
    assert_eq!(dropping.gauge().count(), 10, "the freshest pre-roll");
    assert_eq!(dropping.gauge().stale_count(), 30);
    assert_eq!(waiting.gauge().count(), 30, "nothing was taken from it");
    drop(on_air);
    drop(dropping);
    desk.ticks_until(|on_air| on_air == OnAir::Source(play_id));
    let (_, frame) = desk.tick();
    assert_eq!(frame, numbered(101), "it goes on where it stood");
}

#[test]
fn what_a_producer_left_behind_off_air_goes_stale_and_its_place_is_free_again() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (_, mut on_air) = desk.producer(station());
    let (left_id, mut left) = desk.producer(station());
    feed(&mut on_air, (0..60).map(|_| numbered(5000)));
    feed(&mut left, (0..30).map(numbered));
    (0..5).for_each(|_| _ = desk.tick());
    drop(left);
    for _ in 0..20 {
        assert_ne!(desk.tick().0, OnAir::Source(left_id));
    }
    assert_eq!(desk.router.poll_detached().map(|(id, _)| id), Some(left_id));
}

#[test]
fn preroll_1_goes_on_air_as_soon_as_the_look_ahead_tick_is_there() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(SourceSpec { preroll_ticks: 1, ..station() });
    feed(&mut writer, [numbered(0)]);
    assert_eq!(desk.tick().0, GRACE);
    feed(&mut writer, [numbered(1)]);
    assert_eq!(desk.tick().0, OnAir::Source(id));
}

#[test]
fn a_33rd_source_is_refused_with_its_buffer() {
    let mut desk = Desk::new(CONFIG, None, None);
    let _writers: Vec<_> = (0..32).map(|_| desk.producer(station())).collect();
    let (_writer, reader) = radio_signal::ingest::input_buffer(4);
    let id = radio_signal::router::SourceId { input: STATION, producer: 99 };
    assert!(desk.router.attach(id, station(), reader).is_err());
}

#[test]
fn the_fallback_file_gives_way_to_the_tone_at_the_very_tick_and_comes_back() {
    let (mut file, reader) = radio_signal::ingest::input_buffer(100);
    feed(&mut file, (0..20).map(numbered));
    let mut desk = Desk::new(RouterConfig { grace_ticks: 0, ..CONFIG }, Some(-20.0), Some(reader));
    assert_eq!(desk.ticks_until(|on_air| on_air != OnAir::FallbackFile), 19, "its last frame fades into the tone");
    assert_eq!(desk.router.on_air_now(), OnAir::Tone);
    feed(&mut file, (0..30).map(numbered));
    assert_eq!(desk.tick().0, OnAir::FallbackFile);
    let reasons: Vec<_> = desk.events().iter().map(|e| e.reason).collect();
    assert_eq!(reasons[1..], [Reason::FileDry, Reason::FileReady]);
}

#[test]
fn a_producer_whose_place_another_took_is_heard_until_that_one_is_ready_and_no_longer() {
    for spec in [station(), SourceSpec { when_full: WhenFull::Wait, ..station() }] {
        let mut desk = Desk::new(CONFIG, Some(-20.0), None);
        let (first_id, mut first) = desk.producer(spec);
        feed(&mut first, (0..60).map(|_| numbered(1000)));
        assert_eq!(desk.tick().0, OnAir::Source(first_id));
        let (second_id, mut second) = desk.producer(spec);
        first.give_way();
        assert!((0..5).all(|_| desk.tick().0 == OnAir::Source(first_id)), "nobody else is there yet");
        feed(&mut second, (0..10).map(|_| numbered(2000)));
        assert_eq!(desk.tick().0, OnAir::Source(second_id), "whatever the first has left");
        assert_eq!(desk.events().last().map(|event| event.reason), Some(Reason::Ended));
        drop(second);
        desk.tick();
        assert_eq!(desk.router.poll_detached().map(|(id, _)| id), Some(first_id), "it is gone once it is faded out");
        assert_eq!(desk.ticks_until(|on_air| on_air != OnAir::Source(second_id)), 8);
        assert_eq!(desk.router.on_air_now(), GRACE);
    }
}

/// A source whose audio comes in lumps of a second, as Ogg pages do.
fn lumpy() -> SourceSpec {
    SourceSpec { jitter: Jitter { settle_ticks: 10, lump_ticks: 60 }, ..station() }
}

#[test]
fn a_source_that_comes_in_lumps_waits_for_a_time_and_does_not_run_dry_between_them() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(lumpy());
    let mut heard = 0;
    for tick in 0..420 {
        // Each lump is up to eight ticks late.
        if tick >= 5 && (tick - 5) % 42 == (tick / 42 * 3) % 9 {
            feed(&mut writer, (0..42).map(numbered));
        }
        let on_air = desk.tick().0;
        assert_eq!(on_air == OnAir::Source(id), tick >= 15, "tick {tick}: {on_air:?}");
        heard += usize::from(on_air == OnAir::Source(id));
    }
    assert_eq!(heard, 405);
}

#[test]
fn without_the_wait_the_same_source_runs_dry() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    let mut breaks = 0;
    for tick in 0..420 {
        if tick >= 5 && (tick - 5) % 42 == (tick / 42 * 3) % 9 {
            feed(&mut writer, (0..42).map(numbered));
        }
        breaks += usize::from(desk.tick().0 != OnAir::Source(id) && tick > 5);
    }
    assert!(breaks > 0);
}

#[test]
fn off_air_a_source_that_comes_in_lumps_keeps_a_lump_beside_its_preroll() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (first, mut live) = desk.producer(station());
    feed(&mut live, (0..30).map(numbered));
    let (second, mut waiting) = desk.producer(lumpy());
    feed(&mut waiting, (0..90).map(numbered));
    assert_eq!(desk.tick().0, OnAir::Source(first));
    assert_eq!(waiting.gauge().count(), 70);
    drop(live);
    let played = desk.ticks_until(|on_air| on_air == OnAir::Source(second));
    assert!((28..=30).contains(&played), "{played} ticks");
}

#[test]
fn a_burst_is_on_air_at_once_and_nothing_of_it_is_cut() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(lumpy());
    feed(&mut writer, (0..95).map(numbered));
    assert_eq!(desk.tick().0, OnAir::Source(id));
    assert_eq!((writer.gauge().count(), writer.gauge().stale_count()), (94, 0));
}
