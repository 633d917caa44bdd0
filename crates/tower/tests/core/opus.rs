//! The built-in Opus encoder on air (SPEC ENC-4, ENC-9, ENC-11): alone, without FFmpeg, killed again
//! and again; and in the place of an FFmpeg that dies.

use crate::codecs::{PATIENCE, are_of_one_stream, delivering, encoder, is_programme, play};
use crate::common;
use radio_proof::chance::Chance;
use radio_proof::codecs::ogg;
use radio_proof::listener::Listener;
use radio_proof::monitor::Monitor;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{material, mp3, numbered};
use rustix::process::Signal;
use std::sync::Arc;

/// Packets that an encoder keeps when its input is cut off.
const LOOKAHEAD_PACKETS: usize = 6;

const KILLS: usize = 20;

/// A tower that nothing but a kill disturbs, with its station, its monitor and a listener from the
/// first frame on.
#[track_caller]
fn on_air(setup: Setup) -> (Tower, Station, Monitor, Listener) {
    let patient =
        ["suspicion_ms = 20_000", "first_frame_ms = 20_000", "stall_threshold_ms = 20_000", "hold_max_ms = 4000"];
    let setup = setup.line("station.when_full = \"wait\"");
    let tower = patient.iter().fold(setup, |setup, line| setup.line(&format!("encoder.{line}"))).start();
    let (monitor, listener) = (tower.monitor(Some(0)), tower.listen("/opus?burst=30"));
    assert_eq!((monitor.first_serial, listener.first_frame()), (0, 0), "both begin with the tower");
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner);
    tower.wait_source("station", PATIENCE);
    (tower, station, monitor, listener)
}

fn packets(stream: &[u8]) -> Vec<Vec<u8>> {
    ogg(stream).into_iter().skip(2).flat_map(|page| page.packets).collect()
}

#[test]
fn codec_opus_alone_is_on_air_without_ffmpeg_and_20_kills_change_no_byte() {
    let setup = common::setup()
        .variable("PATH", "/nonexistent")
        .line(r#"output = [{ mount = "/opus", codec = "opus", bitrate_kbps = 96 }]"#);
    let (tower, station, monitor, listener) = on_air(setup);
    let mut chance = Chance::from_time();
    println!("RADIO_SEED={}", chance.seed());
    let from = monitor.next_serial() as usize + 20;
    // More than a segment and a replay, so that no replacement begins at tick 0.
    monitor.wait_serial(320, PATIENCE);
    let mut pid = delivering(&tower, 0, None);
    for _ in 0..KILLS {
        monitor.wait_serial(monitor.next_serial() + 8 + chance.below(60) as u64, PATIENCE);
        assert!(signal(u32::try_from(pid).expect("a pid"), Signal::KILL));
        pid = delivering(&tower, 0, Some(pid));
    }
    let to = monitor.next_serial() as usize;
    monitor.wait_serial(to as u64 + 120, PATIENCE);
    let encoder = encoder(&tower, 0);
    let stream = listener.stop().bytes;
    let _fed_bytes = station.stop();
    let pcm = monitor.stop();
    let figures = ["kind", "guarantee", "deaths", "replays", "replays_proved", "replays_unmatched"];
    println!("{:?}", figures.map(|key| (key, &encoder[key])));
    assert_eq!((&encoder["kind"], &encoder["guarantee"]), (&"builtin".into(), &"exact".into()), "{encoder:#}");
    assert_eq!((&encoder["deaths"], &encoder["replays_unmatched"]), (&KILLS.into(), &0.into()), "{encoder:#}");

    let arguments = ["encode", "--codec", "opus", "--bitrate", "96"];
    let reference = packets(&mp3::filter(env!("CARGO_BIN_EXE_tower"), &arguments, &pcm.bytes).0);
    let heard = packets(&stream);
    let [heard, reference] = [&heard, &reference].map(|all| all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    numbered::assert_identical(0, &heard, &reference[..reference.len() - LOOKAHEAD_PACKETS], to * 6 / 5);
    is_programme("/opus", &play(&stream, "ogg"), &pcm.left(), (from, to));
    are_of_one_stream(&ogg(&stream));
}

#[test]
fn an_opus_output_whose_ffmpeg_dies_for_good_is_carried_by_the_builtin_encoder_without_a_lost_sample() {
    let setup = common::setup();
    let once = setup.path("ran-once").display().to_string();
    let script = format!("#!/bin/sh\n[ -e {once} ] && exit 1\n: > {once}\nexec ffmpeg \"$@\"\n");
    let ffmpeg = setup.script("ffmpeg-once", &script);
    let setup = setup
        .line(&format!("encoder.ffmpeg = {ffmpeg:?}"))
        .line(r#"output = [{ mount = "/opus", codec = "opus", encoder = "ffmpeg", bitrate_kbps = 96 }]"#);
    let (tower, station, monitor, listener) = on_air(setup);
    let from = monitor.next_serial() as usize + 20;
    monitor.wait_serial(320, PATIENCE);
    let pid = delivering(&tower, 0, None);
    assert_eq!(encoder(&tower, 0)["carried_by"], "ffmpeg");
    assert!(signal(u32::try_from(pid).expect("a pid"), Signal::KILL));
    let carried = || encoder(&tower, 0)["carried_by"] == "builtin";
    radio_proof::alarm::wait_until("the built-in encoder to carry the output", PATIENCE, carried);
    monitor.wait_serial(monitor.next_serial() + 160, PATIENCE);
    let to = monitor.next_serial() as usize;
    monitor.wait_serial(to as u64 + 120, PATIENCE);
    let encoder = encoder(&tower, 0);
    assert_eq!((&encoder["carried_by"], &encoder["guarantee"]), (&"builtin".into(), &"approx".into()), "{encoder:#}");
    let stream = listener.stop().bytes;
    let _fed_bytes = station.stop();
    let pcm = monitor.stop();
    is_programme("/opus", &play(&stream, "ogg"), &pcm.left(), (from, to));
    are_of_one_stream(&ogg(&stream));
}
