//! Outputs whose frames are not a tick long: MP3 at 44.1 kHz, AAC, Opus (SPEC SIG-4, SIG-5, ENC-4, ENC-9, MPEG-3, MPEG-4).
//! Their encoders are killed while listeners receive; what arrives is decoded and compared with what was on air.

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::codecs::{Page, adts, mp3_44, ogg};
use radio_proof::listener::Listener;
use radio_proof::monitor::MonitorPcm;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{material, measure, mp3, numbered};
use rustix::process::Signal;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Samples of a tick.
const TICK: usize = 1152;

/// Frames that an encoder keeps when its input ends or is cut off.
const LOOKAHEAD_FRAMES: usize = 6;

struct Output {
    mount: &'static str,
    codec: &'static str,
    rate_hz: u32,
    kbps: usize,
    channels: usize,
}

const fn output(mount: &'static str, codec: &'static str, rate_hz: u32, kbps: usize, channels: usize) -> Output {
    Output { mount, codec, rate_hz, kbps, channels }
}

const OUTPUTS: [Output; 3] = [
    output("/cd", "mp3", 44_100, 128, 2),
    output("/aac", "aac", 48_000, 128, 2),
    output("/opus", "opus", 48_000, 96, 2),
];

/// The least and the most of MP3, and all in mono.
const MORE_OUTPUTS: [Output; 5] = [
    output("/least", "mp3", 44_100, 32, 2),
    output("/most", "mp3", 44_100, 320, 2),
    output("/cd1", "mp3", 44_100, 64, 1),
    output("/aac1", "aac", 48_000, 64, 1),
    output("/opus1", "opus", 48_000, 48, 1),
];

impl Output {
    fn line(&self) -> String {
        let Self { mount, codec, rate_hz, kbps, channels } = self;
        format!(
            "{{ mount = {mount:?}, codec = {codec:?}, encoder = \"ffmpeg\", sample_rate_hz = {rate_hz}, \
             bitrate_kbps = {kbps}, channels = {channels} }}"
        )
    }

    /// What a replacement is promised to be.
    fn guarantee(&self) -> &'static str {
        if self.codec == "mp3" { "exact" } else { "approx" }
    }

    fn content_type(&self) -> &'static str {
        match self.codec {
            "mp3" => "audio/mpeg",
            "aac" => "audio/aac",
            _ => "audio/ogg",
        }
    }

    /// What one uninterrupted ffmpeg makes of `pcm`.
    fn encode(&self, pcm: &[u8]) -> Vec<u8> {
        let mean = if self.channels == 1 { "-af aformat=fltp,pan=mono|c0=0.5*c0+0.5*c1" } else { "" };
        let codec = match self.codec {
            "mp3" => "-c:a libmp3lame -reservoir 0 -write_xing 0 -id3v2_version 0 -f mp3",
            "aac" => "-c:a aac -f adts",
            _ => "-c:a libopus -vbr off -application audio -frame_duration 20 -f ogg",
        };
        encode(pcm, &format!("{mean} -ar {} -b:a {}k {codec}", self.rate_hz, self.kbps))
    }

    /// Its frames, one after the other; of Ogg without the headers.
    #[track_caller]
    fn frames(&self, stream: &[u8]) -> Vec<Vec<u8>> {
        match self.codec {
            "mp3" => mp3_44(stream, self.kbps).into_iter().map(<[u8]>::to_vec).collect(),
            "aac" => adts(stream).into_iter().map(<[u8]>::to_vec).collect(),
            _ => ogg(stream).into_iter().skip(2).flat_map(|page| page.packets).collect(),
        }
    }

    /// How many frames begin in so many ticks, at least.
    fn frames_in(&self, ticks: usize) -> usize {
        match self.codec {
            "mp3" => ticks * 147 / 160,
            "aac" => ticks * 9 / 8,
            _ => ticks * 6 / 5,
        }
    }

    /// What ffmpeg plays of a stream, which may end within a frame.
    #[track_caller]
    fn play(&self, stream: &[u8]) -> Vec<f64> {
        match self.codec {
            "opus" => play(stream, "ogg"),
            codec => play(&self.frames(stream).concat(), codec),
        }
    }

    /// What it should sound like: the left channel, or the mean of both.
    fn meant(&self, pcm: &MonitorPcm) -> Vec<f64> {
        if self.channels == 2 {
            return pcm.left();
        }
        let right: Vec<u8> = pcm.bytes.iter().copied().skip(2).chain([0; 2]).collect();
        let both = pcm.left().into_iter().zip(measure::left_s16(&right));
        both.map(|(left, right)| f64::midpoint(left, right)).collect()
    }

    /// From the first frame on it is byte for byte what one encoder makes that is not killed, and where that cannot be, not a
    /// sample is missing: the programme was on air from one tick to the other.
    #[track_caller]
    fn prove(&self, stream: &[u8], pcm: &MonitorPcm, (from, to): (usize, usize)) {
        if self.guarantee() == "exact" {
            let (heard, reference) = (self.frames(stream), self.frames(&self.encode(&pcm.bytes)));
            let heard: Vec<&[u8]> = heard.iter().map(Vec::as_slice).collect();
            let reference: Vec<&[u8]> = reference.iter().map(Vec::as_slice).collect();
            println!("{}", self.mount);
            numbered::assert_identical(0, &heard, &reference[..reference.len() - LOOKAHEAD_FRAMES], self.frames_in(to));
        }
        is_programme(self.mount, &self.play(stream), &self.meant(pcm), (from, to));
        if self.codec == "opus" {
            are_of_one_stream(&ogg(stream));
        }
    }
}

/// What one uninterrupted ffmpeg makes of `pcm`.
fn encode(pcm: &[u8], arguments: &str) -> Vec<u8> {
    let line = format!("-v error -nostdin -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 {arguments} pipe:1");
    mp3::filter("ffmpeg", &line.split_whitespace().collect::<Vec<_>>(), pcm).0
}

/// What ffmpeg plays of a stream, at 48 kHz, left; it must not complain.
#[track_caller]
pub(crate) fn play(stream: &[u8], format: &str) -> Vec<f64> {
    let line = format!("-v error -nostdin -f {format} -i pipe:0 -f s16le -ar 48000 -ac 2 pipe:1");
    let (pcm, errors) = mp3::filter("ffmpeg", &line.split_whitespace().collect::<Vec<_>>(), stream);
    assert!(errors.is_empty(), "{errors}");
    measure::left_s16(&pcm)
}

pub(crate) fn encoder(tower: &Tower, index: usize) -> Value {
    tower.status()["outputs"][index]["encoder"].clone()
}

/// Waits until the encoder delivers, by another process than `old`; gives its process id.
#[track_caller]
pub(crate) fn delivering(tower: &Tower, index: usize, old: Option<u64>) -> u64 {
    wait_for(&format!("the encoder of output {index} to deliver"), PATIENCE, || {
        let encoder = encoder(tower, index);
        let pid = encoder["pid"].as_u64().filter(|&pid| Some(pid) != old)?;
        let mut processes = encoder["processes"].as_array()?.iter();
        let delivers = processes.any(|one| one["pid"] == pid && one["new_frames"].as_u64() > Some(0));
        (delivers && encoder["state"] == "RUNNING").then_some(pid)
    })
}

/// `heard`, which is all of a stream, is what was `meant` from tick `from` to `to`: nothing is missing and nothing is twice,
/// and it is as near to it all along as a codec is.
#[track_caller]
pub(crate) fn is_programme(name: &str, heard: &[f64], meant: &[f64], (from, to): (usize, usize)) {
    const LAG_MAX: isize = 1600;
    const TICKS: usize = 20;
    let piece = |tick: usize| &meant[tick * TICK..(tick + TICKS) * TICK];
    let place = |tick: usize| {
        let around = tick * TICK - LAG_MAX as usize;
        &heard[around..around + TICKS * TICK + 2 * LAG_MAX as usize]
    };
    let lag = |tick: usize| measure::lag_samples(piece(tick), place(tick), 2 * LAG_MAX);
    let begins = lag(from);
    // Opus turns phases a little, differently at each moment.
    assert!(
        lag(to - 45).abs_diff(begins) <= 2,
        "{name}: {begins} samples at the beginning, {} at the end",
        lag(to - 45)
    );
    let mut worst = f64::INFINITY;
    for tick in (from..to - 45).step_by(5) {
        let at = begins as usize;
        let snr = measure::snr_db(&piece(tick)[..10 * TICK], &place(tick)[at..at + 10 * TICK]);
        worst = worst.min(snr);
    }
    println!("{name}: {} samples of delay, never further than {worst:.1} dB", begins - LAG_MAX);
    assert!(worst > 6.0, "{name}: {worst:.1} dB");
}

/// Lets these outputs play music and kills the encoder of each, one after the other: everybody is sent what he should be,
/// who has listened from the beginning and who comes after that.
#[track_caller]
fn survive_a_kill_each(outputs: &[Output]) {
    let lines = outputs.iter().map(Output::line).collect::<Vec<_>>().join(", ");
    let setup = common::setup().line("station.when_full = \"wait\"").line(&format!("output = [{lines}]"));
    // On a busy machine one of so many is late now and then; here nothing but the kill may end any, and nobody is to be sent
    // silence for it.
    let patient =
        ["suspicion_ms = 20_000", "first_frame_ms = 20_000", "stall_threshold_ms = 20_000", "hold_max_ms = 4000"];
    let tower = patient.iter().fold(setup, |setup, line| setup.line(&format!("encoder.{line}"))).start();
    let monitor = tower.monitor(Some(0));
    let listeners: Vec<Listener> =
        outputs.iter().map(|output| tower.listen(&format!("{}?burst=30", output.mount))).collect();
    for (output, listener) in outputs.iter().zip(&listeners) {
        assert_eq!((monitor.first_serial, listener.first_frame()), (0, 0), "both begin with the tower");
        assert_eq!(listener.head.header("content-type"), Some(output.content_type()));
        assert_eq!(listener.head.number("icy-br"), output.kbps as u64);
    }
    let programme = Arc::new(material::music(0, 20, 20));
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), programme, manner);
    tower.wait_source("station", PATIENCE);
    let from = monitor.next_serial() as usize + 20;
    let before: Vec<u64> = (0..outputs.len()).map(|index| delivering(&tower, index, None)).collect();
    monitor.wait_serial(from as u64 + 120, PATIENCE);
    for (index, &old) in before.iter().enumerate() {
        assert!(signal(u32::try_from(old).expect("a pid"), Signal::KILL));
        let _another = delivering(&tower, index, Some(old));
    }
    let late: Vec<Listener> = outputs.iter().map(|output| tower.listen(output.mount)).collect();
    monitor.wait_serial(monitor.next_serial() + 160, PATIENCE);
    let to = monitor.next_serial() as usize;
    monitor.wait_serial(to as u64 + 120, PATIENCE);

    let encoders: Vec<Value> = (0..outputs.len()).map(|index| encoder(&tower, index)).collect();
    for (output, encoder) in outputs.iter().zip(&encoders) {
        assert_eq!((&encoder["deaths"], &encoder["guarantee"]), (&1.into(), &output.guarantee().into()), "{encoder}");
        // Those of AAC and Opus may be by chance.
        let proved = encoder["last_replay"]["proved"].as_bool();
        assert!(proved == Some(true) || output.guarantee() == "approx", "{}: {encoder}", output.mount);
    }
    let streams: Vec<Vec<u8>> = listeners.into_iter().map(|listener| listener.stop().bytes).collect();
    let late: Vec<Vec<u8>> = late.into_iter().map(|listener| listener.stop().bytes).collect();
    let _fed_bytes = station.stop();
    let pcm = monitor.stop();

    for ((output, stream), late) in outputs.iter().zip(&streams).zip(&late) {
        output.prove(stream, &pcm, (from, to));
        // Who comes later gets what a player needs to begin.
        let heard = output.play(late);
        assert!(heard.len() > 48_000 * 3, "{}: {} samples", output.mount, heard.len());
        assert!(measure::rms_dbfs(&heard[48_000..]) > -40.0, "{}", output.mount);
        if output.codec == "opus" {
            let pages = ogg(late);
            assert_eq!(pages[0].packets[0][..8], *b"OpusHead");
            assert_eq!(pages[0].stream, ogg(stream)[0].stream, "one stream for the tower's life");
            are_of_one_stream(&pages);
        }
    }
}

#[test]
fn encoders_of_other_codecs_are_killed_and_no_sample_is_missing() {
    survive_a_kill_each(&OUTPUTS);
}

#[test]
fn encoders_in_mono_and_at_the_least_and_the_most_bitrate_are_killed_and_no_sample_is_missing() {
    survive_a_kill_each(&MORE_OUTPUTS);
}

/// After the headers, pages follow each other, and each says how much has passed with it.
#[track_caller]
pub(crate) fn are_of_one_stream(pages: &[Page]) {
    assert_eq!((pages[0].flags, pages[0].number, pages[1].number), (2, 0, 1));
    for pair in pages[2..].windows(2) {
        assert_eq!(pair[1].number, pair[0].number + 1);
        assert_eq!(pair[1].granule, pair[0].granule + 960 * pair[1].packets.len() as u64);
        assert_eq!((pair[1].flags, pair[1].stream), (0, pages[0].stream));
    }
}

/// Frames that have come whole.
#[track_caller]
fn whole_frames(codec: &str, stream: &[u8]) -> usize {
    match codec {
        "mp3" => mp3_44(stream, 128).len(),
        "aac" => adts(stream).len(),
        _ => ogg(stream).iter().map(|page| page.packets.len()).sum(),
    }
}

#[test]
fn silence_of_every_codec_is_silence_to_a_player_and_takes_its_time() {
    let outputs = [("/cd", "mp3", 44_100), ("/aac", "aac", 48_000), ("/opus", "opus", 48_000)];
    let line = |(mount, codec, rate_hz): (&str, &str, u32), channels: u8| {
        format!(
            "{{ mount = \"{mount}{channels}\", codec = {codec:?}, encoder = \"ffmpeg\", sample_rate_hz = {rate_hz}, \
             channels = {channels} }}"
        )
    };
    let lines: Vec<String> = [1, 2].into_iter().flat_map(|channels| outputs.map(|one| line(one, channels))).collect();
    // Nobody encodes, so every slot is filled with silence.
    let setup = common::setup().line("encoder.enabled = false").line(&format!("output = [{}]", lines.join(", ")));
    let tower = setup.start();
    for (mount, codec, _) in outputs {
        for channels in [1, 2] {
            let listener = tower.listen(&format!("{mount}{channels}?burst=30"));
            let first = listener.head.number("x-tower-serial");
            // A frame of Opus is the shortest, with 960 samples.
            wait_until(&format!("80 frames of {mount}{channels}"), PATIENCE, || {
                whole_frames(codec, &listener.so_far().bytes) >= 80
            });
            let stream = listener.stop().bytes;
            let stream = if codec == "aac" { adts(&stream).concat() } else { stream };
            let heard = play(&stream, if codec == "opus" { "ogg" } else { codec });
            let ticks = heard.len() as f64 / TICK as f64;
            println!("{mount}{channels}: {ticks:.1} ticks from {first} on");
            assert!(ticks > 60.0);
            assert!(measure::rms_dbfs(&heard) < -80.0, "{mount}{channels}: {}", measure::rms_dbfs(&heard));
        }
    }
}
