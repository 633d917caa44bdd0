//! Outputs whose frames are not a tick long: MP3 at 44.1 kHz, AAC, Opus (SPEC SIG-4, SIG-5, ENC-4, ENC-9, MPEG-3, MPEG-4).
//! Their encoders are killed while listeners receive; what arrives is decoded and compared with what was on air.

mod common;

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

const PATIENCE: Duration = Duration::from_secs(30);

/// Samples of a tick.
const TICK: usize = 1152;

/// Frames that an encoder keeps when its input ends or is cut off.
const LOOKAHEAD_FRAMES: usize = 6;

struct Output {
    mount: &'static str,
    codec: &'static str,
    rate_hz: u32,
    kbps: u32,
    guarantee: &'static str,
    content_type: &'static str,
}

const OUTPUTS: [Output; 3] = [
    Output { mount: "/cd", codec: "mp3", rate_hz: 44_100, kbps: 128, guarantee: "exact", content_type: "audio/mpeg" },
    Output { mount: "/aac", codec: "aac", rate_hz: 48_000, kbps: 128, guarantee: "approx", content_type: "audio/aac" },
    Output { mount: "/opus", codec: "opus", rate_hz: 48_000, kbps: 96, guarantee: "exact", content_type: "audio/ogg" },
];

impl Output {
    fn line(&self) -> String {
        let Self { mount, codec, rate_hz, kbps, .. } = self;
        format!(
            "{{ mount = {mount:?}, codec = {codec:?}, encoder = \"ffmpeg\", sample_rate_hz = {rate_hz}, \
             bitrate_kbps = {kbps} }}"
        )
    }
}

/// What one uninterrupted ffmpeg makes of `pcm`.
fn encode(pcm: &[u8], arguments: &str) -> Vec<u8> {
    let line = format!("-v error -nostdin -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 {arguments} pipe:1");
    mp3::filter("ffmpeg", &line.split_whitespace().collect::<Vec<_>>(), pcm).0
}

/// What ffmpeg plays of a stream, at 48 kHz, left; it must not complain.
#[track_caller]
fn play(stream: &[u8], format: &str) -> Vec<f64> {
    let line = format!("-v error -nostdin -f {format} -i pipe:0 -f s16le -ar 48000 -ac 2 pipe:1");
    let (pcm, errors) = mp3::filter("ffmpeg", &line.split_whitespace().collect::<Vec<_>>(), stream);
    assert!(errors.is_empty(), "{errors}");
    measure::left_s16(&pcm)
}

fn encoder(tower: &Tower, index: usize) -> Value {
    tower.status()["outputs"][index]["encoder"].clone()
}

/// Waits until the encoder delivers, by another process than `old`; gives its process id.
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

/// `heard`, which is all of a stream from tick `first` on, is the programme from tick `from` to `to`: nothing is missing and
/// nothing is twice, and it is as near to it all along as a codec is.
#[track_caller]
fn is_programme(name: &str, heard: &[f64], first: usize, pcm: &MonitorPcm, (from, to): (usize, usize)) {
    let meant = pcm.left();
    const LAG_MAX: isize = 1600;
    const TICKS: usize = 20;
    let piece = |tick: usize| &meant[tick * TICK..(tick + TICKS) * TICK];
    let place = |tick: usize| {
        let around = (tick - first) * TICK - LAG_MAX as usize;
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

#[test]
fn encoders_of_other_codecs_are_killed_and_no_sample_is_missing() {
    let lines = OUTPUTS.each_ref().map(Output::line).join(", ");
    let setup = common::setup().line("station.when_full = \"wait\"").line(&format!("output = [{lines}]"));
    // On a busy machine one of so many is late now and then; here nothing but the kill may end any.
    let tower = setup.line("encoder.suspicion_ms = 20_000").start();
    let monitor = tower.monitor(Some(0));
    let listeners: Vec<Listener> =
        OUTPUTS.iter().map(|output| tower.listen(&format!("{}?burst=30", output.mount))).collect();
    for (output, listener) in OUTPUTS.iter().zip(&listeners) {
        assert_eq!((monitor.first_serial, listener.first_frame()), (0, 0), "both begin with the tower");
        assert_eq!(listener.head.header("content-type"), Some(output.content_type));
        assert_eq!(listener.head.number("icy-br"), u64::from(output.kbps));
    }
    let programme = Arc::new(material::music(0, 20, 20));
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), programme, manner);
    tower.wait_source("station", PATIENCE);
    let from = monitor.next_serial() as usize + 20;
    let before: Vec<u64> = (0..OUTPUTS.len()).map(|index| delivering(&tower, index, None)).collect();
    monitor.wait_serial(from as u64 + 120, PATIENCE);
    for &pid in &before {
        assert!(signal(u32::try_from(pid).expect("a pid"), Signal::KILL));
    }
    for (index, &old) in before.iter().enumerate() {
        let _another = delivering(&tower, index, Some(old));
    }
    let late: Vec<Listener> = OUTPUTS.iter().map(|output| tower.listen(output.mount)).collect();
    monitor.wait_serial(monitor.next_serial() + 160, PATIENCE);
    let to = monitor.next_serial() as usize;
    monitor.wait_serial(to as u64 + 120, PATIENCE);

    let encoders: Vec<Value> = (0..OUTPUTS.len()).map(|index| encoder(&tower, index)).collect();
    for (output, encoder) in OUTPUTS.iter().zip(&encoders) {
        assert_eq!((&encoder["deaths"], &encoder["guarantee"]), (&1.into(), &output.guarantee.into()), "{encoder}");
        let proved = encoder["last_replay"]["proved"].as_bool();
        assert_eq!(proved, Some(output.guarantee == "exact"), "{}: {encoder}", output.mount);
    }
    let streams: Vec<Vec<u8>> = listeners.into_iter().map(|listener| listener.stop().bytes).collect();
    let late: Vec<(u64, Vec<u8>)> =
        late.into_iter().map(|listener| (listener.head.number("x-tower-serial"), listener.stop().bytes)).collect();
    let _fed_bytes = station.stop();
    let pcm = monitor.stop();

    // Byte for byte what one encoder makes of it without being killed.
    let cd = mp3_44(&streams[0], 128);
    let reference =
        encode(&pcm.bytes, "-ar 44100 -c:a libmp3lame -b:a 128k -reservoir 0 -write_xing 0 -id3v2_version 0 -f mp3");
    let reference = mp3_44(&reference, 128);
    let compared = reference.len() - LOOKAHEAD_FRAMES;
    assert!(cd.len() * 160 > to * 147);
    numbered::assert_identical(0, &cd, &reference[..compared], to * 147 / 160);

    let opus_arguments = "-c:a libopus -b:a 96k -vbr off -application audio -frame_duration 20 -f ogg";
    let packets = |pages: &[Page]| pages.iter().skip(2).flat_map(|page| page.packets.clone()).collect::<Vec<_>>();
    let pages = ogg(&streams[2]);
    let (heard, reference) = (packets(&pages), packets(&ogg(&encode(&pcm.bytes, opus_arguments))));
    let heard: Vec<&[u8]> = heard.iter().map(Vec::as_slice).collect();
    let reference: Vec<&[u8]> = reference.iter().map(Vec::as_slice).collect();
    numbered::assert_identical(0, &heard, &reference[..reference.len() - LOOKAHEAD_FRAMES], to * 6 / 5);
    are_of_one_stream(&pages);

    // AAC is not the same bytes, but not a sample of it is missing.
    is_programme("AAC", &play(&adts(&streams[1]).concat(), "aac"), 0, &pcm, (from, to));
    is_programme("Opus", &play(&streams[2], "ogg"), 0, &pcm, (from, to));
    is_programme("MP3 at 44.1 kHz", &play(&cd.concat(), "mp3"), 0, &pcm, (from, to));

    // Who comes later gets what a player needs to begin.
    let pages = ogg(&late[2].1);
    assert_eq!(pages[0].packets[0][..8], *b"OpusHead");
    assert_eq!(pages[0].stream, ogg(&streams[2])[0].stream, "one stream for the tower's life");
    are_of_one_stream(&pages);
    for ((_, stream), (format, rate)) in late.iter().zip([("mp3", 44_100.0), ("aac", 48_000.0), ("ogg", 48_000.0)]) {
        let heard = play(stream, format);
        assert!(heard.len() > 48_000 * 3, "{format} at {rate}: {} samples", heard.len());
        assert!(measure::rms_dbfs(&heard[48_000..]) > -40.0, "{format}");
    }
}

/// After the headers, pages follow each other, and each says how much has passed with it.
#[track_caller]
fn are_of_one_stream(pages: &[Page]) {
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
