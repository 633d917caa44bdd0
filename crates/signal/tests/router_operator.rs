//! What the operator wants goes before the rules, tick by tick and without a click (SPEC ROUTER-6).

mod support;

use radio_signal::ingest::BufferWriter;
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{Command, OnAir, Reason, SourceId};
use support::*;

fn forced(forced: bool) -> Command {
    Command::ForceFallback { forced }
}

/// A desk with the station on air, which is fed a tick for each that is played.
fn station_on_air() -> (Desk, SourceId, BufferWriter, Sine) {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    let mut sine = Sine::new(250.0, 10_000.0, 0.3);
    feed(&mut writer, sine.by_ref().take(20));
    assert_eq!(desk.tick().0, OnAir::Source(id));
    desk.events();
    (desk, id, writer, sine)
}

fn play_on(desk: &mut Desk, writer: &mut BufferWriter, sine: &mut Sine, ticks: usize) -> Vec<(OnAir, PcmFrame)> {
    (0..ticks)
        .map(|_| {
            feed(writer, sine.by_ref().take(1));
            desk.tick()
        })
        .collect()
}

#[test]
fn forced_fallback_comes_with_the_next_tick_and_goes_with_the_tick_of_its_release_without_a_click() {
    let (mut desk, id, mut writer, mut sine) = station_on_air();
    let before = play_on(&mut desk, &mut writer, &mut sine, 10);
    desk.router.command(forced(true));
    let fallback = play_on(&mut desk, &mut writer, &mut sine, 100);
    assert!(fallback.iter().all(|(on_air, _)| *on_air == OnAir::Tone), "no grace, and no return by itself");
    desk.router.command(forced(false));
    let after = play_on(&mut desk, &mut writer, &mut sine, 10);
    assert!(after.iter().all(|(on_air, _)| *on_air == OnAir::Source(id)));
    let told: Vec<_> = desk.events().iter().map(|event| (event.to, event.reason)).collect();
    assert_eq!(told, [(OnAir::Tone, Reason::FallbackForced), (OnAir::Source(id), Reason::Present)]);

    let heard: Vec<PcmFrame> = [before, fallback, after].concat().into_iter().map(|(_, frame)| frame).collect();
    let steady = bend_max(&heard[..9]).max(bend_max(&heard[20..100]));
    assert!(bend_max(&heard) <= 2.0 * steady, "{} against {steady}", bend_max(&heard));
}

#[test]
fn forced_fallback_ends_a_grace_and_nobody_comes_on_air_while_it_lasts() {
    let (mut desk, _, writer, _) = station_on_air();
    drop(writer);
    desk.ticks_until(|on_air| matches!(on_air, OnAir::Silence(_)));
    desk.router.command(forced(true));
    assert_eq!(desk.tick().0, OnAir::Tone);
    let (_, mut writer) = desk.producer(station());
    feed(&mut writer, (0..30).map(numbered));
    for _ in 0..50 {
        assert_eq!(desk.tick().0, OnAir::Tone);
    }
    assert_eq!(desk.events().last().map(|event| event.reason), Some(Reason::FallbackForced));
}

#[test]
fn an_input_taken_off_air_gives_way_at_once_to_a_lower_one_and_comes_back_when_it_may() {
    let (mut desk, live, mut writer, mut sine) = station_on_air();
    let (files, mut file_writer) = desk.producer(play());
    feed(&mut file_writer, (0..90).map(numbered));
    desk.router.command(Command::Allow { input: STATION, allowed: false });
    let heard = play_on(&mut desk, &mut writer, &mut sine, 20);
    assert!(heard.iter().all(|(on_air, _)| *on_air == OnAir::Source(files)));
    desk.router.command(Command::Allow { input: STATION, allowed: true });
    let heard = play_on(&mut desk, &mut writer, &mut sine, 20);
    assert!(heard.iter().all(|(on_air, _)| *on_air == OnAir::Source(live)));
    let told: Vec<_> = desk.events().iter().map(|event| event.reason).collect();
    assert_eq!(told, [Reason::TakenOffAir, Reason::HigherPriority]);
}

#[test]
fn taking_the_last_input_off_air_leads_to_the_fallback_without_any_grace() {
    let (mut desk, id, mut writer, mut sine) = station_on_air();
    desk.router.command(Command::Allow { input: PLAY, allowed: false });
    assert_eq!(play_on(&mut desk, &mut writer, &mut sine, 1)[0].0, OnAir::Source(id), "another input is another");
    desk.router.command(Command::Allow { input: STATION, allowed: false });
    let heard = play_on(&mut desk, &mut writer, &mut sine, 100);
    assert!(heard.iter().all(|(on_air, _)| *on_air == OnAir::Tone));
    assert_eq!(desk.events()[0].reason, Reason::TakenOffAir);
}

#[test]
fn a_preferred_input_goes_before_higher_ones_until_it_has_nothing_or_is_preferred_no_more() {
    let (mut desk, live, mut writer, mut sine) = station_on_air();
    let (files, mut file_writer) = desk.producer(play());
    feed(&mut file_writer, (0..90).map(numbered));
    assert_eq!(play_on(&mut desk, &mut writer, &mut sine, 1)[0].0, OnAir::Source(live));
    desk.router.command(Command::Prefer { input: Some(PLAY) });
    let heard = play_on(&mut desk, &mut writer, &mut sine, 30);
    assert!(heard.iter().all(|(on_air, _)| *on_air == OnAir::Source(files)));
    let heard = play_on(&mut desk, &mut writer, &mut sine, 80);
    assert_eq!(heard.last().map(|(on_air, _)| *on_air), Some(OnAir::Source(live)), "the files have run dry");
    // They ran dry before a lump: they come back once they hold that lump and what it is ahead by.
    feed(&mut file_writer, (0..30).map(numbered));
    let back = (0..5).position(|number| {
        feed(&mut file_writer, [numbered(number)]);
        play_on(&mut desk, &mut writer, &mut sine, 1)[0].0 == OnAir::Source(files)
    });
    assert!(back.is_some(), "and are back within 5 ticks");
    desk.router.command(Command::Prefer { input: None });
    assert_eq!(play_on(&mut desk, &mut writer, &mut sine, 1)[0].0, OnAir::Source(live));
    let told: Vec<_> = desk.events().iter().map(|event| event.reason).collect();
    assert_eq!(told, [Reason::Preferred, Reason::RanDry, Reason::Preferred, Reason::HigherPriority]);
}

#[test]
fn a_preferred_input_waits_for_nobodys_grace() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    let (_, mut live) = desk.producer(radio_signal::router::SourceSpec { grace_ticks: Some(200), ..station() });
    feed(&mut live, (0..12).map(numbered));
    let (files, mut file_writer) = desk.producer(play());
    feed(&mut file_writer, (0..90).map(numbered));
    desk.ticks_until(|on_air| matches!(on_air, OnAir::Silence(_)));
    desk.router.command(Command::Prefer { input: Some(PLAY) });
    assert_eq!(desk.tick().0, OnAir::Source(files));
}
