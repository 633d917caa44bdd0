//! Crossfades that an input has for itself (SPEC ROUTER-6).

mod support;

use radio_signal::pcm::PcmFrame;
use radio_signal::router::{Command, OnAir, RouterConfig, SourceSpec};
use support::*;

/// Half a second: long for the buffer of a test.
const LONG_TICKS: usize = 20;
const LONG_SAMPLES: usize = LONG_TICKS * TICK_SAMPLES;
const TICK_SAMPLES: usize = radio_signal::units::TICK_SAMPLES;

/// A source of frames whose values are all the same, so that a fade shows in each.
fn level(value: i16, ticks: usize) -> Vec<PcmFrame> {
    vec![PcmFrame([value; radio_signal::units::TICK_VALUES]); ticks]
}

/// Ticks at the beginning of `heard` that are not wholly of one level.
fn fading_ticks(heard: &[PcmFrame], value: i16) -> usize {
    heard.iter().position(|frame| frame.0.iter().all(|&v| v == value)).expect("the fade ends")
}

#[test]
fn an_input_fades_in_and_out_as_long_as_it_says_and_the_others_as_long_as_the_router_says() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (music, mut playing) = desk.producer(play());
    feed(&mut playing, level(4000, 95));
    assert_eq!(desk.tick().0, OnAir::Source(music));
    let begins: Vec<PcmFrame> = (0..4).map(|_| desk.tick().1).collect();
    assert_eq!(fading_ticks(&begins, 4000), 0, "the router's fade is over within its first tick");

    let (dj, mut live) = desk.producer(SourceSpec { fade_samples: Some(LONG_SAMPLES), ..station() });
    feed(&mut live, level(8000, 60));
    let heard: Vec<(OnAir, PcmFrame)> = (0..30).map(|_| desk.tick()).collect();
    assert!(heard.iter().all(|(on_air, _)| *on_air == OnAir::Source(dj)));
    let frames: Vec<PcmFrame> = heard.into_iter().map(|(_, frame)| frame).collect();
    assert_eq!(fading_ticks(&frames, 8000), LONG_TICKS, "the crossfade is the new one's");

    // It ends: music follows with its own short fade, and nothing of the other is lost for it.
    drop(live);
    assert_eq!(desk.ticks_until(|on_air| on_air == OnAir::Source(music)), 29, "of the 30 that it still had");
    let after: Vec<PcmFrame> = (0..4).map(|_| desk.tick().1).collect();
    assert_eq!(fading_ticks(&after, 4000), 0);
    assert!(desk.events().iter().all(|event| event.shortened_fade_samples.is_none()));
}

#[test]
fn with_nobody_to_follow_it_fades_out_as_long_as_it_says_to_its_last_sample() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (dj, mut live) = desk.producer(SourceSpec { fade_samples: Some(LONG_SAMPLES), ..station() });
    feed(&mut live, level(8000, 70));
    drop(live);
    let heard: Vec<PcmFrame> = std::iter::from_fn(|| Some(desk.tick()))
        .take_while(|(air, _)| *air == OnAir::Source(dj))
        .map(|(_, f)| f)
        .collect();
    assert_eq!(heard.len(), 70, "nothing of it is lost");
    let whole = heard.iter().rposition(|frame| frame.0.iter().all(|&v| v == 8000)).expect("it was on air");
    assert_eq!(heard.len() - 1 - whole, LONG_TICKS);
    assert!(heard.last().is_some_and(|frame| frame.0.last().is_some_and(|&v| v.abs() <= 1)), "it ends in silence");
}

#[test]
fn a_fade_that_a_source_can_no_longer_hold_is_shortened_and_told() {
    for (is_connected, held_ticks, shortened) in
        [(true, 60, Some(TICK_SAMPLES)), (false, 15, Some(15 * TICK_SAMPLES)), (false, 60, None)]
    {
        for is_followed in [false, true] {
            let mut desk = Desk::new(CONFIG, None, None);
            let (dj, mut live) = desk.producer(SourceSpec { fade_samples: Some(LONG_SAMPLES), ..station() });
            feed(&mut live, level(8000, held_ticks));
            desk.tick();
            let (_music, mut playing) = desk.producer(SourceSpec { fade_samples: Some(LONG_SAMPLES), ..play() });
            feed(&mut playing, level(if is_followed { 4000 } else { 0 }, if is_followed { 95 } else { 1 }));
            let _connected = is_connected.then_some(live);
            desk.ticks_until(|on_air| on_air != OnAir::Source(dj));
            let told = desk.events().last().map(|event| event.shortened_fade_samples);
            // The first of its ticks was played before.
            let wanted = shortened.map(|samples| samples.min((held_ticks - 1) * TICK_SAMPLES));
            assert_eq!(told, Some(wanted), "{held_ticks} ticks, connected: {is_connected}, followed: {is_followed}");
        }
    }
}

/// What comes is not left alone at a low level by what leaves: both fades are of the same length.
#[test]
fn a_shortened_crossfade_has_equal_power() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (dj, mut live) = desk.producer(station());
    feed(&mut live, level(8000, 30));
    desk.tick();
    let (_, mut playing) = desk.producer(SourceSpec { fade_samples: Some(LONG_SAMPLES), ..play() });
    feed(&mut playing, level(8000, 95));
    desk.ticks_until(|on_air| on_air != OnAir::Source(dj));
    let after: Vec<PcmFrame> = (0..3).map(|_| desk.tick().1).collect();
    assert_eq!(fading_ticks(&after, 8000), 0, "the other had one tick left");
}

#[test]
fn a_source_that_is_wanted_again_while_it_fades_out_is_back_with_the_next_ticks() {
    let mut desk = Desk::new(RouterConfig { fade_samples: 400 * TICK_SAMPLES, ..CONFIG }, Some(-20.0), None);
    let (dj, mut live) = desk.producer(station());
    let mut run = |desk: &mut Desk, ticks: usize| -> Vec<(OnAir, PcmFrame)> {
        let mut one = || {
            live.offer_pcm(&level(8000, 1)[0]);
            desk.tick()
        };
        (0..ticks).map(|_| one()).collect()
    };
    run(&mut desk, 500);
    let changes = desk.events().len();
    for _ in 0..5 {
        desk.router.command(Command::ForceFallback { forced: true });
        assert!(run(&mut desk, 20).iter().skip(1).all(|(on_air, _)| *on_air == OnAir::Tone));
        desk.router.command(Command::ForceFallback { forced: false });
        let back = run(&mut desk, 20).iter().position(|(on_air, _)| *on_air == OnAir::Source(dj));
        assert!(back.is_some_and(|ticks| ticks <= 3), "{back:?}");
    }
    assert_eq!((changes, desk.events().len()), (1, 10), "one for each change");
}

#[test]
fn a_crossfade_that_does_not_fit_into_the_buffer_keeps_no_source_off_air() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (dj, mut live) = desk.producer(SourceSpec { fade_samples: Some(1000 * TICK_SAMPLES), ..station() });
    feed(&mut live, level(8000, 100));
    assert_eq!(desk.tick().0, OnAir::Source(dj));
}

#[test]
fn a_long_crossfade_between_sines_bends_no_harder_than_they_do() {
    let mut desk = Desk::new(CONFIG, None, None);
    let (_, mut playing) = desk.producer(play());
    feed(&mut playing, Sine::new(250.0, 10_000.0, 0.0).take(90));
    let steady: Vec<PcmFrame> = (0..20).map(|_| desk.tick().1).collect();
    let (_, mut live) = desk.producer(SourceSpec { fade_samples: Some(LONG_SAMPLES), ..station() });
    feed(&mut live, Sine::new(330.0, 10_000.0, 1.0).take(60));
    let heard: Vec<PcmFrame> = (0..60).map(|_| desk.tick().1).collect();
    let limit = 2.0 * bend_max(&steady[5..]).max(bend_max(&heard[25..30]));
    assert!(bend_max(&heard[1..]) <= limit, "{} against {limit}", bend_max(&heard[1..]));
}
