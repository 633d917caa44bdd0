//! HE-AAC by a command (SPEC SIG-4, ENC-4, ENC-9, ENC-11): frames of 2048 samples that tell half
//! the rate. No encoder of it is in Debian's main; FFmpeg's AAC-LC at 24 kHz makes the same frames
//! without SBR in them, and a few frames of a real encoder are stored.

use crate::codecs::{PATIENCE, delivering, encoder, is_programme, play};
use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::codecs::adts;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::{material, measure};
use rustix::process::Signal;
use std::sync::Arc;

/// Samples at 48 kHz of the silence with which FFmpeg's encoder begins: a frame.
const BEGINS: usize = 2048;
const FRAME_TICKS: f64 = 2048.0 / 1152.0;

fn output() -> String {
    let line = "ffmpeg -hide_banner -loglevel error -nostdin -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 -ar 24000 -b:a \
                64k -c:a aac -f adts -flush_packets 1 pipe:1";
    let command: Vec<&str> = line.split_whitespace().collect();
    format!(
        "output = [{{ mount = \"/he\", codec = \"he-aac\", bitrate_kbps = 64, encoder = \"command\", command = {command:?}, \
         command_delay_ms = 250 }}]"
    )
}

/// Sampling rate of a frame.
fn rate_index(frame: &[u8]) -> u8 {
    frame[2] >> 2 & 15
}

#[test]
fn he_aac_is_killed_and_hangs_and_no_sample_is_missing() {
    let setup = common::setup().line("station.when_full = \"wait\"").line(&output());
    // Nothing but what is done to it here may end a process.
    let patient =
        ["suspicion_ms = 1500", "first_frame_ms = 20_000", "stall_threshold_ms = 20_000", "hold_max_ms = 4000"];
    let tower = patient.iter().fold(setup, |setup, line| setup.line(&format!("encoder.{line}"))).start();
    let (monitor, listener) = (tower.monitor(Some(0)), tower.listen("/he?burst=30"));
    assert_eq!((monitor.first_serial, listener.first_frame()), (0, 0), "both begin with the tower");
    assert_eq!(listener.head.header("content-type"), Some("audio/aacp"));
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner);
    tower.wait_source("station", PATIENCE);
    let from = monitor.next_serial() as usize + 20;
    let mut pid = delivering(&tower, 0, None);
    for how in [Signal::KILL, Signal::STOP, Signal::KILL] {
        monitor.wait_serial(monitor.next_serial() + 110, PATIENCE);
        assert!(signal(u32::try_from(pid).expect("a pid"), how));
        pid = delivering(&tower, 0, Some(pid));
    }
    monitor.wait_serial(monitor.next_serial() + 160, PATIENCE);
    let to = monitor.next_serial() as usize;
    monitor.wait_serial(to as u64 + 120, PATIENCE);
    // Who comes later is told which frame comes first: of those that are 16/9 ticks long.
    let late = tower.listen("/he");
    let (frame, tick) = (late.first_frame() as f64, late.head.number("x-tower-serial") as f64);
    assert!((frame * FRAME_TICKS - tick) >= 0.0 && (frame * FRAME_TICKS - tick) < 2.0, "frame {frame} in tick {tick}");
    let status = tower.status()["outputs"][0].clone();
    assert_eq!((&status["encoder"]["guarantee"], &status["silent_frames"]), (&"approx".into(), &0.into()), "{status}");
    let stream = listener.stop().bytes;
    let (_fed_bytes, pcm) = (station.stop(), monitor.stop());
    let frames = adts(&stream);
    assert!(frames.iter().all(|frame| rate_index(frame) == 6), "24 kHz is what each frame says");
    assert!(frames.len() as f64 > to as f64 / FRAME_TICKS, "{} frames in {to} ticks", frames.len());
    is_programme("/he", &play(&frames.concat(), "aac")[BEGINS..], &pcm.left(), (from, to));
}

/// An encoder that answers each 2048 samples with the next of the frames in a file.
const FROM_A_FILE: &str = "\
import sys
data = open(sys.argv[1], 'rb').read()
frames = []
while data:
    length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    frames.append(data[:length])
    data = data[length:]
number = 0
while len(sys.stdin.buffer.read(2048 * 4)) == 2048 * 4:
    sys.stdout.buffer.write(frames[number % len(frames)])
    sys.stdout.buffer.flush()
    number += 1
";

#[test]
fn frames_of_a_real_encoder_are_numbered_and_heard_with_their_upper_half_though_it_is_killed() {
    // They are said to be of the tower's rate, which changes nothing in them.
    let said_to_be = |rate: u8, frame: &[u8]| [&frame[..2], &[frame[2] & !0x3C | rate << 2], &frame[3..]].concat();
    let frames: Vec<Vec<u8>> = adts(material::HE_AAC).into_iter().map(|frame| said_to_be(6, frame)).collect();
    let setup = common::setup().line("encoder.hold_max_ms = 4000").line("encoder.first_frame_ms = 20_000");
    let (script, file) = (setup.path("encoder.py"), setup.path("frames.adts"));
    std::fs::write(&script, FROM_A_FILE).expect("a temporary file");
    std::fs::write(&file, frames.concat()).expect("a temporary file");
    let command = ["python3", &script.display().to_string(), &file.display().to_string()].map(str::to_owned);
    let tower = setup
        .line(&format!(
            "output = [{{ mount = \"/he\", codec = \"he-aac\", bitrate_kbps = 64, encoder = \"command\", command = {command:?} }}]"
        ))
        .start();
    let pid = delivering(&tower, 0, None);
    let listener = tower.listen("/he?burst=0");
    wait_until("three seconds", PATIENCE, || adts(&listener.so_far().bytes).len() >= 66);
    assert!(signal(u32::try_from(pid).expect("a pid"), Signal::KILL));
    delivering(&tower, 0, Some(pid));
    let before = adts(&listener.so_far().bytes).len();
    wait_until("three more", PATIENCE, || adts(&listener.so_far().bytes).len() >= before + 66);
    let status = tower.status()["outputs"][0].clone();
    assert_eq!((&status["encoder"]["deaths"], &status["silent_frames"]), (&1.into(), &0.into()), "{status}");
    assert_eq!(listener.head.header("content-type"), Some("audio/aacp"));
    let stream = listener.stop().bytes;
    let heard = adts(&stream);
    assert!(heard.iter().all(|frame| frames.iter().any(|stored| stored == frame)), "the frames as they are");
    let as_encoded: Vec<u8> = heard.iter().flat_map(|frame| said_to_be(7, frame)).collect();
    let (pcm, samples) = (play(&as_encoded, "aac"), heard.len() * 2048 * 480 / 441);
    assert!(pcm.len().abs_diff(samples) < 5 * 2230, "{} samples of {} frames", pcm.len(), heard.len());
    let steady = &pcm[48_000..96_000];
    let level = measure::tone_dbfs(steady, 46.0 * 44_100.0 / 2048.0);
    assert!((level + 12.04).abs() < 1.0, "{level:.2} dBFS");
    let steps = (0..180).map(|step| 12_000.0 + f64::from(step) * 48_000.0 / 4096.0);
    let power: f64 = steps.map(|hz| 10f64.powf(measure::tone_dbfs(&steady[..4096], hz) / 10.0)).sum();
    assert!(10.0 * power.log10() > -40.0, "{:.1} dBFS above 12 kHz", 10.0 * power.log10());
}

#[test]
fn silence_of_he_aac_takes_its_time_and_a_player_takes_it() {
    let tower = common::setup().line("encoder.enabled = false").line(&output()).start();
    let listener = tower.listen("/he?burst=30");
    wait_until("60 frames", PATIENCE, || adts(&listener.so_far().bytes).len() >= 60);
    let (begun, first) = (encoder(&tower, 0), listener.head.number("x-tower-serial"));
    let frames = adts(&listener.stop().bytes).concat();
    let heard = play(&frames, "aac");
    println!("{} samples from tick {first} on: {begun}", heard.len());
    assert!(heard.len() >= 60 * 2048 && measure::rms_dbfs(&heard) < -80.0);
}
