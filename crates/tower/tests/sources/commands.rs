//! `kind = "command"`: a program that writes PCM, killed again and again; and the recipes of docs/inputs.md, each against
//! a real sender (SPEC ROUTER-1, IN-7).

use crate::common;
use crate::program::{LIMIT, assert_is_tone, tone, wait_title};
use radio_proof::alarm::{full_length, wait_for, wait_until};
use radio_proof::machine::Watch;
use radio_proof::process::{alive, signal};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{changes, measure, mp3};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The level of FFmpeg's sine with 12 dB more, in two channels.
const TONE_DBFS: f64 = crate::program::TONE_DBFS;
/// How hard the wave may bend at a change, in multiples of how hard it bends otherwise (SPEC ROUTER-6).
const BEND_MAX: f64 = 2.0;
/// After a process is killed, its input is on air again within this time.
const BACK_MS_MAX: u64 = 2000;
/// What is granted where processors are waited for.
const CROWDED_MS: u64 = 1000;
/// Over SRT it takes longer: the sender has to notice, which it does when it has heard nothing for 5 s.
const BACK_MS_MAX_SRT: u64 = 8000;

fn words(command: &[&str]) -> String {
    let quoted: Vec<String> = command.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

fn tower_with(command: &[&str], more: &str) -> Tower {
    setup_with(command, more).start()
}

fn setup_with(command: &[&str], more: &str) -> Setup {
    let command = words(command);
    common::setup()
        .line("router.grace_ms = 240")
        .line(&format!("input = [{{ name = \"dj\", kind = \"command\", command = {command}{more} }}]"))
}

fn state(tower: &Tower) -> serde_json::Value {
    tower.status()["inputs"][1]["feed"]["state"].clone()
}

/// The process that runs, another than `before`.
fn process_after(tower: &Tower, before: u64) -> u64 {
    wait_for("a process", LIMIT, || state(tower)["pid"].as_u64().filter(|pid| *pid != before))
}

/// How often a process is killed.
fn kills() -> usize {
    if full_length() { 20 } else { 4 }
}

/// Kills the process twice at a time, each time once it is heard, and gives the longest time for which the input was off
/// air then, in ms. Nothing clicks meanwhile.
fn kill(tower: &Tower) -> u64 {
    let mut longest_ms = 0;
    // The journal shows the latest changes only.
    for _ in 0..kills() / 2 {
        let monitor = tower.monitor(None);
        monitor.wait_serial(monitor.next_serial() + 5, LIMIT);
        let from = monitor.next_serial();
        kill_twice(tower);
        monitor.wait_serial(monitor.next_serial() + 30, LIMIT);
        let clicks = changes::clicks(tower, &monitor, from);
        assert!(clicks.len() >= 2 && clicks.iter().all(|(.., bend)| *bend <= BEND_MAX), "{clicks:?}");
        let on_air = changes::on_air(tower).into_iter().filter(|(tick, _)| *tick >= from).collect::<Vec<_>>();
        let mut off_since = None;
        for (tick, name) in &on_air {
            match off_since {
                Some(since) if name == "dj" => {
                    longest_ms = longest_ms.max((tick - since) * 24);
                    off_since = None;
                }
                None if name != "dj" => off_since = Some(*tick),
                _ => {}
            }
        }
        assert!(off_since.is_none(), "{on_air:?}");
    }
    longest_ms
}

fn kill_twice(tower: &Tower) {
    for _ in 0..2 {
        tower.wait_source("dj", LIMIT);
        let pid = state(tower)["pid"].as_u64().expect("a process");
        // It has given sound for as long as lets the next one follow at once.
        std::thread::sleep(Duration::from_millis(1200));
        signal(pid as u32, Signal::KILL);
        process_after(tower, pid);
        let is_heard = || {
            let producers = tower.status()["inputs"][1]["producers"].clone();
            let all = producers.as_array().cloned().unwrap_or_default();
            all.last().is_some_and(|newest| newest["on_air"] == true && all.len() == 1)
        };
        wait_until("the next process to be heard", LIMIT, is_heard);
        assert!(!alive(pid as u32));
    }
}

fn ffmpeg_tone(hz: u32) -> Vec<String> {
    let command = format!("ffmpeg -v error -nostdin -re -f lavfi -i {} -f s16le -ar 48000 -ac 2 pipe:1", tone(hz));
    command.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_program_is_heard_tells_titles_and_is_killed_again_and_again_without_a_click() {
    let script = format!("echo 'title: Ann - Live' >&2; exec {}", ffmpeg_tone(100).join(" "));
    // No tone comes in between: two changes within two ticks are more than is measured here.
    let mut tower = tower_with(&["sh", "-c", &script], ", grace_ms = 4000");
    tower.wait_source("dj", LIMIT);
    wait_title(&tower, "Ann - Live");
    let longest_ms = kill(&tower);
    assert!(longest_ms < BACK_MS_MAX, "it was off air for {longest_ms} ms");
    let state = state(&tower);
    assert_eq!(state["starts"], kills() + 1, "{state}");
    assert!(state["problem"].as_str().is_some_and(|why| why.contains("signal: 9")), "{state}");
    let pid = state["pid"].as_u64().expect("a process") as u32;
    assert!(tower.terminate().0.success());
    wait_until("its process to be gone with the tower", LIMIT, || !alive(pid));
}

#[test]
fn a_program_that_cannot_run_fails_or_falls_silent_is_named_and_tried_again_ever_more_rarely() {
    let missing = tower_with(&["/nowhere/at/all"], "");
    let fails = tower_with(&["sh", "-c", "echo 'no such device' >&2; exit 3"], "");
    let silent = tower_with(&["sleep", "1000"], ", timeout_ms = 1000");
    for (tower, told) in [(&missing, "/nowhere/at/all cannot be started"), (&fails, "exit status: 3: no such device")] {
        let named = || tower.events("source").into_iter().any(|(_, event)| event["why"].to_string().contains(told));
        wait_until(told, LIMIT, named);
    }
    wait_until("silence to be told", LIMIT, || {
        state(&silent)["problem"] == "nothing came for 1000 ms (input timeout_ms)"
    });
    wait_until("five attempts", LIMIT, || state(&fails)["starts"].as_u64() >= Some(5));
    let count = fails.events("source").into_iter().filter(|(_, event)| event["what"] == "program_ended").count();
    assert_eq!(count, 1, "the same fault is told once");
    for tower in [&missing, &fails, &silent] {
        assert_eq!(tower.status()["on_air"]["source"], "tone");
    }
}

#[test]
fn a_command_that_is_none_is_refused_with_the_remedy() {
    let input = |more: &str| format!("input = [{{ name = \"dj\", kind = \"command\"{more} }}]");
    let refusal = common::setup().line(&input("")).refused();
    assert!(
        refusal.stderr.contains("input.0.command") && refusal.stderr.contains("a list of words"),
        "{}",
        refusal.stderr
    );
    let refusal = common::setup().line("input = [{ password = \"x\", command = [\"cat\"] }]").refused();
    assert!(refusal.stderr.contains("input.0.command") && refusal.stderr.contains("\"command\""), "{}", refusal.stderr);
}

/// A sender that begins again whenever it ends, as a studio's does.
struct Sender(Child);

impl Sender {
    fn start(coding: &str, target: &str) -> Self {
        Self::of(&tone(300), coding, target)
    }

    fn of(sound: &str, coding: &str, target: &str) -> Self {
        let send = format!("ffmpeg -v error -nostdin -y -re -f lavfi -i '{sound}' -ac 2 {coding} '{target}'");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("while :; do {send}; sleep 0.1; done")]);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("a shell"))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _already_gone = rustix::process::kill_process_group(group, Signal::KILL);
        let _status = self.0.wait();
    }
}

/// Serves the files of a folder over HTTP until the test ends.
fn serve_files(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 2048];
            let count = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let name = request.split(' ').nth(1).unwrap_or("/").rsplit('/').next().unwrap_or_default().to_owned();
            let (status, body) = match std::fs::read(folder.join(&name)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.0 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _client_left = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    port
}

fn udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}

/// The words of the recipe of docs/inputs.md that begins with this name, with this address in the place of its own.
fn recipe(name: &str, url: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/inputs.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let line = page.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let line = line.unwrap_or_else(|| panic!("no recipe {name}"));
    let command = line.split('`').nth(1).expect("a command");
    command.replace("URL", url).split(' ').map(str::to_owned).collect()
}

/// The recipe is heard, and killed, and heard again.
#[track_caller]
fn show(name: &str, url: &str, more: &str, back_ms_max: u64) {
    let command = recipe(name, url);
    let tower = tower_with(&command.iter().map(String::as_str).collect::<Vec<_>>(), more);
    show_on(&tower, name, back_ms_max);
}

#[track_caller]
fn show_on(tower: &Tower, name: &str, back_ms_max: u64) {
    tower.wait_source("dj", LIMIT);
    let listener = tower.listen("/stream?burst=0");
    listener.wait_bytes(16_000 * 6, LIMIT);
    let decoded = mp3::decode_left(&listener.stop().bytes[..16_000 * 6 / 384 * 384]);
    let last = decoded.rchunks_exact(48_000).next().expect("a second");
    let level = measure::tone_dbfs(last, 300.0);
    assert_is_tone(last, 300, level);
    assert!((level - TONE_DBFS).abs() < 2.0, "{name}: {level:.2} dBFS");
    let watch = Watch::start();
    let longest_ms = kill(tower);
    println!("{name}: off air for {longest_ms} ms at most");
    // Two FFmpegs start and find each other: beside other tests they wait for a processor.
    let back_ms_max = back_ms_max + if watch.was_crowded() && !full_length() { CROWDED_MS } else { 0 };
    assert!(longest_ms < back_ms_max, "{name}: off air for {longest_ms} ms; busiest: {} ‰", watch.busiest_permille());
}

#[test]
fn srt_by_ffmpeg_as_listener_is_heard_and_comes_back() {
    let port = udp_port();
    let _sender = Sender::start("-c:a aac -b:a 128k -f mpegts", &format!("srt://127.0.0.1:{port}?mode=caller"));
    show("SRT, listening", &format!("srt://127.0.0.1:{port}"), "", BACK_MS_MAX_SRT);
}

#[test]
fn srt_by_ffmpeg_as_caller_is_heard_and_comes_back() {
    let port = udp_port();
    let _sender = Sender::start("-c:a aac -b:a 128k -f mpegts", &format!("srt://127.0.0.1:{port}?mode=listener"));
    show("SRT, calling", &format!("srt://127.0.0.1:{port}"), "", BACK_MS_MAX_SRT);
}

#[test]
fn rtp_by_ffmpeg_is_heard_and_comes_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (port, sdp) = (udp_port() & !1, folder.path().join("live.sdp"));
    let _sender = Sender::start(
        &format!("-c:a pcm_s16be -f rtp -sdp_file {}", sdp.display()),
        &format!("rtp://127.0.0.1:{port}"),
    );
    wait_until("the description", LIMIT, || sdp.metadata().is_ok_and(|file| file.len() > 0));
    show("RTP", &sdp.display().to_string(), "", BACK_MS_MAX);
}

#[test]
fn rtmp_by_ffmpeg_is_heard_and_comes_back() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let url = format!("rtmp://127.0.0.1:{port}/live/studio");
    let _sender = Sender::start("-c:a aac -b:a 128k -f flv", &url);
    show("RTMP, listening", &url, "", BACK_MS_MAX);
}

#[test]
fn hls_by_ffmpeg_is_heard_and_comes_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("live.m3u8");
    let coding = "-c:a aac -b:a 128k -f hls -hls_time 1 -hls_list_size 6 -hls_flags delete_segments";
    let _sender = Sender::start(coding, &list.display().to_string());
    let port = serve_files(folder.path().to_owned());
    wait_until("segments", LIMIT, || std::fs::read_to_string(&list).is_ok_and(|text| text.matches(".ts").count() >= 3));
    show("HLS", &format!("http://127.0.0.1:{port}/live.m3u8"), ", when_full = \"wait\"", BACK_MS_MAX);
}

/// A sound card whose sound and clock are FFmpeg's, at the other end of a pipe.
#[test]
fn a_sound_card_by_arecord_is_heard_and_comes_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card = folder.path().join("card");
    assert!(Command::new("mkfifo").arg(&card).status().is_ok_and(|status| status.success()), "a pipe");
    let plugin = format!("pcm.card {{ type file slave.pcm null file /dev/null infile {card:?} format raw }}\n");
    std::fs::write(folder.path().join(".asoundrc"), plugin).expect("a temporary file");
    // The plugin takes what one `read` gives for a whole period of 125 ms, so each `write` is one.
    let _sender = Sender::of(&format!("{},asetnsamples=6000", tone(300)), "-f s16le", &card.display().to_string());
    let command = recipe("a sound card", "card");
    let setup = setup_with(&command.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let tower = setup.variable("HOME", &folder.path().display().to_string()).start();
    show_on(&tower, "a sound card", BACK_MS_MAX);
}
