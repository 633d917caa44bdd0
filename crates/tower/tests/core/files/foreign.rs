//! Files that only FFmpeg decodes: heard whole, through its death, and inside its sandbox (SPEC FALL-8).

use super::decoders::kill;
use crate::common;
use radio_proof::tower::Tower;
use radio_proof::{alarm, changes, measure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// Ticks without a change, by which the sound is judged.
const STEADY_TICKS: usize = 40;

fn tower_decode(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
    command.arg("decode").arg(file);
    command
}

#[track_caller]
fn decoded(output: &Output) -> Vec<f32> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let values = output.stdout.chunks_exact(4);
    values.map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]])).collect()
}

fn ffmpeg(arguments: &[&str], to: &Path) {
    let run = Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y"]).args(arguments).arg(to).status();
    assert!(run.expect("ffmpeg is missing: apt-get install ffmpeg").success());
}

fn wma(folder: &Path, seconds: u32) -> PathBuf {
    let path = folder.join("tone.wma");
    let source = format!("sine=frequency=300:duration={seconds}:sample_rate=44100");
    ffmpeg(&["-f", "lavfi", "-i", &source, "-ac", "2", "-c:a", "wmav2", "-b:a", "128k"], &path);
    path
}

/// The FFmpeg that the tower has started.
fn ffmpeg_pid(tower: &Tower, before: Option<u64>) -> u64 {
    let is_ours = |pid: &u64| {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        stat.contains("(ffmpeg)") && parent == Some(&tower.pid().to_string())
    };
    let find = || {
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| Some(*pid) != before).find(is_ours)
    };
    alarm::wait_for("an FFmpeg", PATIENCE, find)
}

#[test]
fn what_only_ffmpeg_decodes_is_the_same_as_by_ffmpeg_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = wma(folder.path(), 3);
    let ours = decoded(&tower_decode(&path).output().expect("it runs"));
    let reference = folder.path().join("reference.f32");
    let input = path.display().to_string();
    ffmpeg(&["-i", &input, "-f", "f32le", "-ar", "48000", "-ac", "2"], &reference);
    let theirs = std::fs::read(&reference).expect("it was written");
    assert_eq!(ours.len() * 4, theirs.len());
    let theirs = theirs.chunks_exact(4).map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]));
    assert!(ours.iter().zip(theirs).all(|(our, their)| (our - their).abs() < 1e-6));
}

#[test]
fn without_ffmpeg_the_refusal_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = wma(folder.path(), 1);
    let output = tower_decode(&path).args(["--ffmpeg", "/nowhere/ffmpeg"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("FFmpeg is not installed"), "{said}");
}

/// Decodes the file under `strace`, and looks that an FFmpeg that is started opens nothing but its libraries and the file, and no
/// socket; how many files it opened, and how the decoding ended.
fn traced(file: &Path, folder: &Path) -> (usize, Output) {
    let trace = folder.join("trace");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=execve,openat,openat2,open,socket,connect", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_tower"))
        .arg("decode")
        .arg(file)
        .output()
        .expect("strace is there");
    let lines = std::fs::read_to_string(&trace).expect("a trace");
    let of_ffmpeg = |line: &&str| line.contains("execve(") && line.contains("/ffmpeg\"") && line.ends_with("= 0");
    let Some(first) = lines.lines().find(of_ffmpeg) else { return (0, output) };
    let pid = first.split_whitespace().next().expect("its number");
    let after = lines.lines().skip_while(|line| *line != first).skip(1);
    let mut seen = 0;
    for line in after.filter(|line| line.split_whitespace().next() == Some(pid) && !line.contains("= -1 ")) {
        assert!(!line.contains("socket(") && !line.contains("connect("), "{line}");
        let Some(name) = line.split('"').nth(1) else { continue };
        let allowed = [
            "/lib",
            "/usr/lib",
            "/usr/local/lib",
            "/etc/ld.so.",
            "/proc/self",
            "/proc/mounts",
            "/sys/devices/system",
            "/dev/null",
        ];
        assert!(allowed.iter().any(|place| name.starts_with(place)), "FFmpeg opened {name}");
        seen += 1;
    }
    (seen, output)
}

#[test]
fn ffmpeg_writes_no_file_and_opens_none_but_its_libraries_and_its_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, report) = (wma(folder.path(), 1), folder.path().join("report"));
    let variable = format!("file={}", report.display());
    decoded(&tower_decode(&path).env("FFREPORT", &variable).output().expect("it runs"));
    assert!(!report.exists(), "FFmpeg could write a file");
    let (seen, output) = traced(&path, folder.path());
    decoded(&output);
    assert!(seen > 3, "the trace shows how it opens its libraries");
}

#[test]
fn a_file_that_names_another_gets_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    // What must not be heard: a loud tone, beside a file of silence.
    ffmpeg(&["-f", "lavfi", "-i", "sine=frequency=300:duration=2", "-c:a", "ac3"], &path("secret.mov"));
    ffmpeg(&["-f", "lavfi", "-i", "sine=frequency=300:duration=2"], &path("secret.wav"));
    let silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "2", "-c:a", "ac3"];
    ffmpeg(&silence, &path("own.mov"));
    let (seen, output) = traced(&path("own.mov"), folder.path());
    let silent = decoded(&output).iter().all(|value| value.abs() < 1e-3);
    assert!(seen > 3 && silent, "FFmpeg reads AC-3 in MOV");

    let referring = with_alias(&std::fs::read(path("own.mov")).expect("a file"), &path("secret.mov"));
    std::fs::write(path("alias.mov"), referring).expect("a file");
    let follows = ["-v", "error", "-nostdin", "-enable_drefs", "1", "-use_absolute_path", "1", "-i"];
    let followed = Command::new("ffmpeg").args(follows).arg(path("alias.mov")).args(["-f", "f32le", "-"]).output();
    assert!(loudest(&followed.expect("ffmpeg").stdout) > 0.01, "one that follows references hears the other file");
    let secret = path("secret.wav").display().to_string();
    let lists = [
        format!("ffconcat version 1.0\nfile '{secret}'\n"),
        format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n"),
        format!("<?xml version=\"1.0\"?><MPD><Period><BaseURL>file://{secret}</BaseURL></Period></MPD>"),
        format!("<smil><body><audio src=\"{secret}\"/></body></smil>"),
    ];
    let mut files = vec![path("alias.mov")];
    for (number, text) in lists.iter().enumerate() {
        for extension in ["wma", "mov", "aac", "mp3", "ogg"] {
            let file = path(&format!("list{number}.{extension}"));
            std::fs::write(&file, text).expect("a file");
            files.push(file);
        }
    }
    for file in files {
        let (_, output) = traced(&file, folder.path());
        assert!(loudest(&output.stdout) < 1e-3, "{}: another file is heard", file.display());
    }
}

fn loudest(pcm: &[u8]) -> f32 {
    let values = pcm.chunks_exact(4).map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]));
    values.fold(0.0, |loudest, value| loudest.max(value.abs()))
}

/// A MOV whose sound is said to lie in another file: its data reference is an alias of the old Mac OS ("QuickTime
/// File Format", data reference atoms).
fn with_alias(mov: &[u8], target: &Path) -> Vec<u8> {
    let mut alias = vec![0; 10];
    alias.push(0);
    alias.extend([0; 27 + 12]);
    alias.push(0);
    alias.extend([0; 63 + 16 + 4 + 16]);
    let path = target.display().to_string().into_bytes();
    alias.extend([0, 2, 0, path.len() as u8]);
    alias.extend(&path);
    alias.extend(vec![0; path.len() % 2]);
    alias.extend([0xFF, 0xFF, 0, 0]);
    let at = |name: &[u8]| mov.windows(4).position(|four| four == name).expect("the box is there") - 4;
    // Its list of references: a count, and one entry.
    let list = at(b"dref");
    let old_bytes = mov.len().min(list + big_endian(&mov[list..])) - (list + 16);
    let mut entry = (12 + alias.len() as u32).to_be_bytes().to_vec();
    entry.extend(b"alis\0\0\0\0");
    entry.extend(&alias);
    let mut made = [&mov[..list + 16], &entry, &mov[list + 16 + old_bytes..]].concat();
    // All around it is longer now. The sound lies before them, where it was.
    for name in [&b"moov"[..], b"trak", b"mdia", b"minf", b"dinf", b"dref"] {
        let from = at(name);
        let bytes = (big_endian(&mov[from..]) + entry.len() - old_bytes) as u32;
        made[from..from + 4].copy_from_slice(&bytes.to_be_bytes());
    }
    assert!(at(b"mdat") < at(b"moov"));
    made
}

fn big_endian(bytes: &[u8]) -> usize {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
}

#[test]
fn an_ffmpeg_that_is_killed_or_stopped_is_replaced_and_its_file_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = wma(folder.path(), 120);
    let tower = common::setup().line(&format!("play.paths = [{:?}]", file.display().to_string())).start();
    tower.wait_source("play", PATIENCE);
    let mut pid = ffmpeg_pid(&tower, None);
    let monitor = tower.monitor(None);
    monitor.wait_serial(monitor.first_serial + 240, PATIENCE);
    for signal in ["-KILL", "-STOP", "-TERM"] {
        kill(signal, pid);
        pid = ffmpeg_pid(&tower, Some(pid));
        // The buffer of 4.8 s is full again before the next one.
        monitor.wait_serial(monitor.next_serial() + 160, PATIENCE);
    }
    assert_eq!(changes::on_air(&tower).last().map(|(_, name)| name.as_str()), Some("play"));
    assert_eq!(tower.status()["alarms"].to_string().matches("decoder_killed").count(), 0);
    let pcm = monitor.stop();
    let steady = measure::second_difference_max(&pcm.left_from(pcm.first_serial, STEADY_TICKS));
    let all = pcm.left_from(pcm.first_serial, pcm.ticks());
    let bend = measure::second_difference_max(&all) / steady;
    assert!(bend <= changes::CLICK_MAX, "it bends {bend:.2} times as hard as in the first second");
    let quiet = all.chunks_exact(480).filter(|part| measure::rms_dbfs(part) < -40.0).count();
    assert!(quiet <= 3 * 2, "{quiet} times 10 ms without sound in three seams");
}
