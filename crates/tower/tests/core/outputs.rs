//! Several outputs of one programme: each is its own encode of it, and what happens to one's encoder no other one shows
//! (SPEC ENC-1, ENC-9, SIG-5).

use crate::common;
use radio_proof::alarm::wait_for;
use radio_proof::listener::Listener;
use radio_proof::monitor::MonitorPcm;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{TICK_BYTES, TICK_SAMPLES, frames, material, measure, mp3, numbered, offline};
use rustix::process::Signal;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Ticks of PCM that an encoder needs beyond a frame's own.
const LOOKAHEAD_TICKS: usize = 3;

/// Ticks until what is on air has reached every listener: buffer, playout delay, send period, and a hold.
const WAY_OUT_TICKS: u64 = 120;

#[derive(Clone, Copy)]
struct Output {
    mount: &'static str,
    encoder: &'static str,
    bitrate_kbps: u32,
    channels: u8,
    is_struck: bool,
}

const fn output(
    mount: &'static str,
    encoder: &'static str,
    bitrate_kbps: u32,
    channels: u8,
    is_struck: bool,
) -> Output {
    Output { mount, encoder, bitrate_kbps, channels, is_struck }
}

const OUTPUTS: [Output; 4] = [
    output("/studio", "builtin", 320, 2, false),
    output("/road", "builtin", 64, 1, true),
    output("/home", "ffmpeg", 192, 2, true),
    output("/talk", "ffmpeg", 48, 1, false),
];

impl Output {
    fn line(self) -> String {
        let Self { mount, encoder, bitrate_kbps, channels, .. } = self;
        format!("{{ mount = {mount:?}, encoder = {encoder:?}, bitrate_kbps = {bitrate_kbps}, channels = {channels} }}")
    }

    /// What one uninterrupted ffmpeg makes of `pcm`.
    fn encode(self, pcm: &[u8]) -> Vec<u8> {
        let mean = if self.channels == 1 { "-af aformat=fltp,pan=mono|c0=0.5*c0+0.5*c1 " } else { "" };
        offline::ffmpeg_encode_with(pcm, self.bitrate_kbps, &format!("{mean}-reservoir 0"))
    }

    /// One channel of what a player makes of `frames`, and the same of `pcm`: left, or the mean of both.
    fn heard_and_meant(self, frames: &[&[u8]], pcm: &[u8]) -> (Vec<f64>, Vec<f64>) {
        if self.channels == 2 {
            return (mp3::decode_left(&frames.concat()), measure::left_s16(pcm));
        }
        let arguments = "-v error -f mp3 -i pipe:0 -f f32le -ar 48000 -flags +bitexact pipe:1";
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (heard, errors) = mp3::filter("ffmpeg", &arguments, &frames.concat());
        assert!(errors.is_empty(), "{errors}");
        assert_eq!(heard.len(), frames.len() * TICK_SAMPLES * 4, "a player hears one channel");
        let heard = heard.as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect();
        let right: Vec<u8> = pcm.iter().copied().skip(2).chain([0; 2]).collect();
        let both = measure::left_s16(pcm).into_iter().zip(measure::left_s16(&right));
        (heard, both.map(|(left, right)| f64::midpoint(left, right)).collect())
    }

    /// Every frame from the first is the uninterrupted encoder's, and sounds like what was on air.
    #[track_caller]
    fn prove(self, received: &[u8], pcm: &MonitorPcm, programme: std::ops::Range<usize>) {
        let received = frames::strict(received);
        let reference = self.encode(&pcm.bytes);
        let mut reference = frames::strict(&reference);
        reference.truncate(pcm.ticks() - LOOKAHEAD_TICKS);
        assert_eq!(received[0].len(), 3 * self.bitrate_kbps as usize, "{}", self.mount);
        numbered::assert_identical(0, &received, &reference, programme.end);

        let (heard, meant) = self.heard_and_meant(&received, &pcm.bytes);
        let meant = &meant[programme.start * TICK_SAMPLES..programme.end * TICK_SAMPLES];
        let heard = &heard[mp3::place_of_tick(0, programme.start as u64)..][..meant.len()];
        let snr_db = measure::snr_db(meant, heard);
        println!("{}: {} frames identical, {snr_db:.1} dB", self.mount, received.len());
        assert!(snr_db > 8.0, "{}: {snr_db:.2} dB is not this programme", self.mount);
    }
}

/// A piece of music on the left, another one on the right: so the mean is neither.
fn wide_music() -> Vec<u8> {
    let (left, right) = (material::music(0, 20, 20), material::music(1, 20, 20));
    left.chunks_exact(4)
        .zip(right.chunks_exact(4))
        .flat_map(|(left, right)| [left[0], left[1], right[2], right[3]])
        .collect()
}

/// What `/status` says of an output's encoder.
#[track_caller]
fn encoder(tower: &Tower, index: usize) -> Value {
    let output = &tower.status()["outputs"][index];
    assert_eq!(output["mount"], OUTPUTS[index].mount);
    assert_eq!(output["channels"], OUTPUTS[index].channels);
    output["encoder"].clone()
}

/// Waits until the configured encoder delivers, by another process than `old`; gives its process id.
#[track_caller]
fn delivering(tower: &Tower, index: usize, old: Option<u64>) -> u64 {
    wait_for(&format!("the encoder of {} to deliver", OUTPUTS[index].mount), PATIENCE, || {
        let encoder = encoder(tower, index);
        let pid = encoder["pid"].as_u64().filter(|&pid| Some(pid) != old)?;
        let mut processes = encoder["processes"].as_array()?.iter();
        let delivers = processes.any(|one| one["pid"] == pid && one["new_frames"].as_u64() > Some(0));
        (delivers && encoder["state"] == "RUNNING").then_some(pid)
    })
}

#[test]
fn a_killed_encoder_shows_in_no_byte_of_its_own_output_and_in_no_figure_of_another() {
    let lines = OUTPUTS.map(Output::line).join(", ");
    let setup = common::setup().line("station.when_full = \"wait\"").line(&format!("output = [{lines}]"));
    // On a busy machine one of so many is late now and then; here nothing but the kill may end any.
    let tower = setup.line("encoder.suspicion_ms = 20_000").start();
    let monitor = tower.monitor(Some(0));
    let listeners: Vec<Listener> =
        OUTPUTS.iter().map(|output| tower.listen(&format!("{}?burst=30", output.mount))).collect();
    for (output, listener) in OUTPUTS.iter().zip(&listeners) {
        assert_eq!((monitor.first_serial, listener.first_frame()), (0, 0), "both begin with the tower");
        assert_eq!(listener.head.number("icy-br"), u64::from(output.bitrate_kbps));
    }
    let programme = Arc::new(wide_music());
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::clone(&programme), manner);
    tower.wait_source("station", PATIENCE);
    let from = monitor.next_serial() as usize + 20;

    let before: Vec<u64> = (0..OUTPUTS.len()).map(|index| delivering(&tower, index, None)).collect();
    for index in (0..OUTPUTS.len()).filter(|&index| OUTPUTS[index].encoder == "ffmpeg") {
        wait_for("the encoders to be compared", PATIENCE, || {
            (encoder(&tower, index)["agreement"] != "checking").then_some(())
        });
        assert_eq!(encoder(&tower, index)["agreement"], "exact", "{}", OUTPUTS[index].mount);
    }
    let struck = || (0..OUTPUTS.len()).filter(|&index| OUTPUTS[index].is_struck);
    for index in struck() {
        assert!(signal(u32::try_from(before[index]).expect("a pid"), Signal::KILL));
    }
    for index in struck() {
        let _another = delivering(&tower, index, Some(before[index]));
    }
    // Long enough for the replays to have been proved.
    monitor.wait_serial(monitor.next_serial() + 80, PATIENCE);
    let to = monitor.next_serial() as usize;
    monitor.wait_serial(to as u64 + WAY_OUT_TICKS, PATIENCE);

    // The tower's own ear hears that each is the programme, the ones in mono too.
    for (index, output) in OUTPUTS.iter().enumerate() {
        wait_for(&format!("{} to be like the programme", output.mount), PATIENCE, || {
            tower.status()["outputs"][index]["heard"]["likeness"].as_f64().filter(|&likeness| likeness > 0.9)
        });
    }
    // The listeners first: so every frame that they have is made of PCM that the monitor has.
    let metrics = tower.get("/metrics").text();
    let told = tower.events("encoder");
    let encoders: Vec<Value> = (0..OUTPUTS.len()).map(|index| encoder(&tower, index)).collect();
    let recordings: Vec<Vec<u8>> = listeners.into_iter().map(|listener| listener.stop().bytes).collect();
    let _fed_bytes = station.stop();
    let pcm = monitor.stop();
    assert!(pcm.bytes.len() >= to * TICK_BYTES);

    for (index, output) in OUTPUTS.into_iter().enumerate() {
        output.prove(&recordings[index], &pcm, from..to);
        let (mount, now) = (output.mount, &encoders[index]);
        let deaths = u64::from(output.is_struck);
        assert_eq!(now["deaths"], deaths, "{mount}: {now}");
        assert_eq!(now["pid"] == before[index], !output.is_struck, "{mount}: {now}");
        assert_eq!(now["guarantee"], "exact");
        let line = format!("tower_encoder_deaths_total{{mount=\"{mount}\"}} {deaths}");
        assert!(metrics.lines().any(|there| there == line), "no {line}");
        let death = told.iter().any(|(_, event)| event["mount"] == mount && event["deaths"].as_u64() > Some(0));
        assert_eq!(death, output.is_struck, "{mount} in {told:?}");
    }
}

#[test]
fn the_builtin_encoder_and_ffmpeg_give_the_same_bytes_at_every_bitrate_in_stereo_and_mono() {
    let music = material::music(2, 30, 10);
    let music = &music[..4 * 192_000];
    let program = env!("CARGO_BIN_EXE_tower");
    for bitrate_kbps in [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320] {
        for channels in [2, 1] {
            let bitrate = bitrate_kbps.to_string();
            let mut arguments = vec!["encode", "--bitrate", &bitrate];
            arguments.extend((channels == 1).then_some("--mono"));
            let (ours, _) = mp3::filter(program, &arguments, music);
            let theirs = output("/", "ffmpeg", bitrate_kbps, channels, false).encode(music);
            let (ours, theirs) = (frames::strict(&ours), frames::strict(&theirs));
            let whole = music.len() / TICK_BYTES - LOOKAHEAD_TICKS;
            println!("{bitrate_kbps} kbit/s, {channels} channels");
            numbered::assert_identical(0, &ours[..whole], &theirs[..whole], whole);
        }
    }
}
