//! The decoder process alone: what it makes of files and streams, and what its sandbox refuses
//! (SPEC FALL-7).

use radio_decode::intake::{Intake, Piece};
use radio_decode::media::formats::Format;
use radio_decode::process::{DecoderProcess, Job, Read};
use radio_decode::protocol::{Body, Outcome, Request};
use radio_decode::sandbox;
use radio_decode::settings::DecoderSettings;
use radio_proof::alarm::wait_for;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// Set for the copy of this program that closes the sandbox around itself.
const INSIDE: &str = "TEST_INSIDE_THE_SANDBOX";

fn settings() -> DecoderSettings {
    DecoderSettings { program: env!("CARGO_BIN_EXE_tower").into(), ..DecoderSettings::default() }
}

/// A WAV file of stereo floats.
fn wav(rate_hz: u32, values: &[f32]) -> Vec<u8> {
    let data_bytes = (values.len() * 4) as u32;
    let mut bytes = [&b"RIFF"[..], &(36 + data_bytes).to_le_bytes(), b"WAVEfmt \x10\0\0\0\x03\0\x02\0"].concat();
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * 8).to_le_bytes());
    bytes.extend(b"\x08\0\x20\0data");
    bytes.extend(data_bytes.to_le_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn sine(rate_hz: u32, frames: usize) -> Vec<f32> {
    let value = |n: usize| (0.25 * (440.0 * std::f64::consts::TAU * n as f64 / f64::from(rate_hz)).sin()) as f32;
    (0..frames).flat_map(|n| [value(n), -value(n)]).collect()
}

/// What a process gives until `is_over`.
fn collect(process: &mut DecoderProcess, is_over: impl Fn(&[Body]) -> bool) -> (Vec<f32>, Vec<(u64, Body)>) {
    let (mut intake, mut values, mut records) = (Intake::new(0), Vec::new(), Vec::new());
    wait_for("the end of the process", PATIENCE, || {
        let read = intake.take(process, true, |piece| match piece {
            Piece::Pcm(pcm) => values.extend(pcm),
            Piece::Record(record) => records.push((record.output_sample, record.body)),
        });
        let bodies: Vec<Body> = records.iter().map(|(_, body)| body.clone()).collect();
        (read == Ok(Read::Ended) || is_over(&bodies)).then_some(())
    });
    (values, records)
}

fn play(process: &DecoderProcess, file: u64, path: &Path, from_sample: u64) {
    let request = Request::Play { file, from_sample, extension: "wav".into() };
    process.request(&request, Some(File::open(path).expect("our own file").as_fd())).expect("it is taken");
}

fn flush(process: &mut DecoderProcess) -> (Vec<f32>, Vec<(u64, Body)>) {
    process.request(&Request::Flush, None).expect("it is taken");
    collect(process, |bodies| bodies.contains(&Body::Flushed))
}

#[test]
fn files_come_out_to_the_bit_beyond_full_scale_too_and_one_behind_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["1.wav", "2.wav"].map(|name| folder.path().join(name));
    let loud: Vec<f32> = sine(48_000, 30_000).iter().map(|value| value * 7.0).collect();
    let quiet = sine(48_000, 10_001);
    std::fs::write(&paths[0], wav(48_000, &loud)).expect("a file");
    std::fs::write(&paths[1], wav(48_000, &quiet)).expect("a file");
    let (mut process, _) = DecoderProcess::start(&settings(), &Job::Files).expect("it starts");
    paths.iter().zip(0..).for_each(|(path, number)| play(&process, number, path, 0));
    let (values, records) = flush(&mut process);
    assert!(values == [loud, quiet].concat());
    let at = |wanted: &Body| records.iter().find(|(_, body)| body == wanted).map(|(sample, _)| *sample);
    assert_eq!(at(&Body::Ended { file: 0, outcome: Outcome::Over }), Some(30_000));
    assert_eq!(at(&Body::Ended { file: 1, outcome: Outcome::Over }), Some(40_001));
    assert!(records.iter().any(|(sample, body)| *sample == 30_000 && matches!(body, Body::Started { file: 1, .. })));
    assert!(matches!(records[0], (0, Body::Ready(_))), "{:?}", records[0]);
}

#[test]
fn a_file_goes_on_at_any_sample_in_another_process() {
    let folder = tempfile::tempdir().expect("a folder");
    for rate_hz in [48_000, 44_100] {
        let path = folder.path().join("a.wav");
        std::fs::write(&path, wav(rate_hz, &sine(rate_hz, 3 * rate_hz as usize))).expect("a file");
        let from = |sample| {
            let (mut process, _) = DecoderProcess::start(&settings(), &Job::Files).expect("it starts");
            play(&process, 0, &path, sample);
            flush(&mut process).0
        };
        let whole = from(0);
        assert_eq!(whole.len(), 2 * 3 * 48_000);
        for sample in [1, 48_001, 143_999] {
            assert!(from(sample) == whole[2 * sample as usize..], "{rate_hz} Hz from {sample}");
        }
    }
}

#[test]
fn what_is_no_audio_is_said_and_the_next_file_is_played() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, good) = (folder.path().join("text.wav"), folder.path().join("good.wav"));
    std::fs::write(&text, "no music\n".repeat(1000)).expect("a file");
    std::fs::write(&good, wav(48_000, &sine(48_000, 4800))).expect("a file");
    let (mut process, _) = DecoderProcess::start(&settings(), &Job::Files).expect("it starts");
    play(&process, 5, &text, 0);
    play(&process, 6, &good, 0);
    let (values, records) = flush(&mut process);
    assert_eq!(values.len(), 2 * 4800);
    let is_refused = |body: &Body| matches!(body, Body::Ended { file: 5, outcome: Outcome::Unreadable(_) });
    assert!(records.iter().any(|(_, body)| is_refused(body)), "{records:?}");
}

#[test]
fn a_stream_counts_its_bytes_and_samples_on_from_what_it_is_told() {
    let bytes = wav(48_000, &sine(48_000, 20_000));
    let job = Job::Stream { format: Format::Wav, input_byte: 1000, output_sample: 0 };
    let (mut process, stdin) = DecoderProcess::start(&settings(), &job).expect("it starts");
    let stdin = stdin.expect("it has a standard input");
    rustix::io::ioctl_fionbio(&stdin, false).expect("it may block");
    let length = bytes.len() as u64;
    let writer = std::thread::spawn(move || File::from(stdin).write_all(&bytes));
    let (values, records) = collect(&mut process, |_| false);
    writer.join().expect("no panic").expect("it takes all");
    assert!(values == sine(48_000, 20_000));
    assert_eq!(records.last().map(|(sample, _)| *sample), Some(20_000));
    let head = records.iter().find_map(|(_, body)| match body {
        Body::Head { group_bytes, end, piece } => Some((*group_bytes, *end, piece.len())),
        _ => None,
    });
    assert_eq!(head, Some((8, Some(1044), 44)), "what another process would read first, and where it ends");
    let path = env!("CARGO_BIN_EXE_tower");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.wav");
    std::fs::write(&file, wav(48_000, &sine(48_000, 20_000))).expect("a file");
    let said = Command::new(path).arg("decode").arg(&file).output().expect("it runs");
    assert_eq!(said.stdout.len(), 20_000 * 8, "by hand it gives the same");
    assert!(String::from_utf8_lossy(&said.stderr).contains("Ready(Sandboxed { landlock: "), "and says what it is");
    assert!(length > 160_000);
}

#[test]
fn what_is_no_number_and_what_no_meter_goes_to_leaves_nothing_behind_in_a_stream() {
    let mut sent = sine(48_000, 20_000);
    for (at, value) in [(5000, f32::NAN), (5001, f32::INFINITY), (5002, f32::NEG_INFINITY), (5003, 1e30), (5004, -1e30)]
    {
        sent[2 * at] = value;
    }
    let bytes = wav(48_000, &sent);
    let job = Job::Stream { format: Format::Wav, input_byte: 0, output_sample: 0 };
    let (mut process, stdin) = DecoderProcess::start(&settings(), &job).expect("it starts");
    let stdin = stdin.expect("it has a standard input");
    rustix::io::ioctl_fionbio(&stdin, false).expect("it may block");
    let writer = std::thread::spawn(move || File::from(stdin).write_all(&bytes));
    let (values, records) = collect(&mut process, |_| false);
    writer.join().expect("no panic").expect("it takes all");
    assert!(matches!(records.last(), Some((20_000, Body::Ended { outcome: Outcome::Over, .. }))), "{records:?}");
    assert!(values.iter().all(|value| value.is_finite() && value.abs() <= 64.0));
    assert!(values[..10_000] == sent[..10_000] && values[10_010..] == sent[10_010..], "all else is what was sent");
}

#[test]
fn a_process_dies_with_the_thread_that_started_it_unless_it_is_to_outlive_it() {
    let start = |outlives_thread| {
        let settings = DecoderSettings { outlives_thread, ..settings() };
        let started = std::thread::spawn(move || DecoderProcess::start(&settings, &Job::Files)).join();
        started.expect("no panic").expect("it starts").0
    };
    let mut process = start(false);
    wait_for("its end", PATIENCE, || process.is_buried().then_some(()));
    let mut process = start(true);
    let (_, records) = collect(&mut process, |bodies| !bodies.is_empty());
    assert!(matches!(records[..], [(0, Body::Ready(_))]), "{records:?}");
    assert!(!process.is_buried(), "its thread ended before it began");
}

#[test]
fn the_process_is_limited_before_it_reads_anything() {
    let (mut process, _) = DecoderProcess::start(&settings(), &Job::Files).expect("it starts");
    let (_, records) = collect(&mut process, |bodies| !bodies.is_empty());
    let Body::Ready(sandbox) = &records[0].1 else { panic!("{records:?}") };
    let proc = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", process.pid())).expect("it lives");
    let (status, limits) = (proc("status"), proc("limits"));
    assert!(sandbox.limits);
    assert!(!sandbox.seccomp || status.contains("Seccomp:\t2"), "{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    for (name, limit) in [("Max data size", "268435456"), ("Max file size", "0"), ("Max open files", "32")] {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("a limit");
        assert_eq!(line[name.len()..].split_whitespace().next(), Some(limit), "{line}");
    }
    let environment = proc("environ");
    assert!(!environment.contains("CARGO_MANIFEST_DIR"), "{environment}");
}

/// Run by the next test in a process of its own: closes the sandbox, and tries what it forbids.
#[test]
fn inside_the_sandbox() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let kept = File::open("/proc/self/stat").expect("before the sandbox it can be opened");
    let closed = sandbox::enter(256 << 20);
    let tries = [
        ("open", File::open("/etc/hostname").is_err()),
        ("create", File::create("/tmp/should-not-be").is_err()),
        ("socket", std::net::UdpSocket::bind("127.0.0.1:0").is_err()),
        ("connect", std::net::TcpStream::connect("127.0.0.1:1").is_err_and(|e| e.raw_os_error() != Some(111))),
        ("unix", std::os::unix::net::UnixDatagram::unbound().is_err()),
        ("exec", Command::new("/bin/true").status().is_err()),
        ("descriptor", kept.metadata().is_ok()),
    ];
    println!("{closed:?}");
    tries.iter().filter(|(_, is_right)| !is_right).for_each(|(name, _)| println!("WRONG {name}"));
    println!("tried");
}

#[test]
fn after_its_sandbox_is_closed_nothing_is_opened_connected_or_started() {
    let said = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "decode_process::inside_the_sandbox", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("tried"), "{said}");
    if said.contains("seccomp: true") {
        assert!(!said.contains("WRONG"), "{said}");
    }
}
