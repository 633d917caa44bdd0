//! The tower within what the shipped systemd unit permits: a `/proc` of its own processes alone, the
//! system-call filter, the limits, the environment (SPEC OPS-3). Everything that keeps it on air works
//! there too, and `tower doctor` names what does not.

use crate::busy_machine::Busy;
use crate::scene::{self, BUILTIN, FFMPEG, PATIENCE, Scene, example, saboteur, setup};
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::material;
use radio_proof::process::{known_as, signal};
use radio_proof::tower::{Setup, Tower};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const TOWER: &str = env!("CARGO_BIN_EXE_tower");
/// For so long other programs need the processors.
const BUSY: Duration = Duration::from_secs(6);

/// A tower that is started by `examples/unit_sandbox.rs`.
fn sandboxed(setup: Setup) -> Setup {
    setup.variable("UNDER_TEST", TOWER).executable(example("unit_sandbox"))
}

/// What a program writes that is started there.
fn run(program: &str, arguments: &[&str], config: &Path, limits: bool) -> String {
    let mut command = Command::new(example("unit_sandbox"));
    command.args(arguments).arg("--config").arg(config).env("UNDER_TEST", program);
    if !limits {
        command.env("WITHOUT_LIMITS", "1");
    }
    let output = command.stderr(Stdio::inherit()).output().expect("our own example");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_sandbox_of_the_tests_forbids_what_the_unit_forbids() {
    let setup = setup(BUILTIN);
    let another = std::process::id();
    let script = format!(
        "test -e /proc/{another}/stat && echo another; test -e /proc/self/stat && echo itself; test -e /proc/loadavg && echo load; \
                  touch \"$2\"; chown \"$(id -u)\" \"$2\" 2>/dev/null && echo chown; touch /usr/tower-was-here 2>/dev/null && echo usr; \
                  ulimit -n; id -u; env | cut -d= -f1 | sort | tr '\\n' ' '"
    );
    let said = run("/bin/sh", &["-c", &script, "sh"], &setup.path("tower.toml"), true);
    let lines: Vec<&str> = said.lines().collect();
    let ["itself", "20000", user, environment] = lines.as_slice() else { panic!("{said}") };
    assert_ne!(*user, "0");
    assert_eq!(environment.trim(), "PATH PWD XDG_RUNTIME_DIR");
}

#[track_caller]
fn killed_in_the_sandbox(encoder: &str) {
    let mut scene = Scene::open(&format!("unit-{encoder}"), sandboxed(setup(encoder)), 0);
    let mut killed = Vec::new();
    for _ in 0..4 {
        let (pid, _) = scene.delivering();
        let process = known_as(pid, scene.tower.pid()).expect("it was there a moment ago");
        assert!(signal(process, Signal::KILL));
        scene.note(&format!("SIGKILL to {pid}"));
        killed.push(pid);
        scene.wait_recovered(&killed);
        scene.witness.wait_ticks(40);
    }
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    assert_eq!(proof.evidence.encoder("deaths"), 4, "{}", proof.evidence.summary());
}

#[test]
fn a_builtin_encoder_that_is_killed_in_the_units_sandbox_is_not_heard() {
    killed_in_the_sandbox(BUILTIN);
}

#[test]
fn an_ffmpeg_that_is_killed_in_the_units_sandbox_is_not_heard() {
    killed_in_the_sandbox(FFMPEG);
}

/// No other test runs beside this one: it takes all processors.
mod alone {
    use super::*;

    #[test]
    fn a_slow_encoder_on_a_busy_machine_is_waited_for_in_the_units_sandbox() {
        let _one_at_a_time = scene::alone();
        let setup = setup(BUILTIN);
        let heavy = setup.path("heavy");
        std::fs::copy(saboteur(), &heavy).expect("a temporary file");
        let program = setup.path("tower");
        std::fs::copy(TOWER, &program).expect("a temporary file");
        let words =
            [&heavy.display().to_string(), "heavy", "--", &program.display().to_string(), "encode"].map(str::to_owned);
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--bitrate", "128"]).collect();
        let setup = scene::alone_command(setup, &words).variable("WITHOUT_LIMITS", "1");
        let tower = sandboxed(setup).start();
        tower.wait_encoder("RUNNING", PATIENCE);
        let encoder = |figure: &str| tower.status()["outputs"][0]["encoder"][figure].clone();
        let is_in_time = || encoder("processes")[0]["caught_up"] == true && encoder("frames").as_u64() > Some(200);
        wait_until("the encoder to be in time for a while", PATIENCE, is_in_time);
        let busy = Busy::start(6 * std::thread::available_parallelism().map_or(2, usize::from));
        std::thread::sleep(BUSY);
        let (shortages, frames) = (encoder("shortages"), encoder("frames").as_u64());
        drop(busy);
        assert!(shortages.as_u64() > Some(0), "it was not even late: {}", tower.status()["outputs"][0]["encoder"]);
        wait_until("it to deliver again", PATIENCE, || encoder("frames").as_u64() > frames.map(|count| count + 100));
        assert_eq!(encoder("deaths"), 0, "{}", tower.stderr());
        assert_eq!(tower.encoder_state(), "RUNNING");
    }
}

/// Every output is decoded by the off-air monitor, and found to be the programme.
fn wait_heard(tower: &Tower) {
    let is_heard = |output: &Value| output["heard"]["likeness"].as_f64() > Some(0.9);
    wait_until("every output to be heard", PATIENCE, || {
        let status = tower.status();
        status["outputs"].as_array().is_some_and(|outputs| outputs.iter().all(is_heard))
    });
}

#[test]
fn codecs_sources_and_the_off_air_monitor_work_in_the_units_sandbox() {
    let outputs = "output = [{}, { mount = \"/aac\", codec = \"aac\", encoder = \"ffmpeg\" }, \
        { mount = \"/opus\", codec = \"opus\", encoder = \"ffmpeg\" }]";
    let input = "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]";
    let tower = sandboxed(setup(BUILTIN).line(outputs).line(input)).start();
    for mount in ["/stream", "/aac", "/opus"] {
        tower.listen(mount).wait_bytes(20_000, PATIENCE);
    }
    let sound = "aevalsrc='0.2*sin(2*PI*(200+40*sin(t))*t)+0.1*random(0)':s=48000:c=stereo";
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-re", "-f", "lavfi", "-i", sound, "-ar", "22050", "-c:a", "aac", "-f", "adts"]);
    ffmpeg
        .args(["-content_type", "audio/aac"])
        .arg(format!("icecast://source:hackme@{}/live", tower.address))
        .stdin(Stdio::null());
    let mut source = ffmpeg.spawn().expect("ffmpeg: apt-get install ffmpeg");
    let decoder = || tower.status()["inputs"][1]["source"]["connected"]["decoder_pid"].as_u64();
    tower.wait_source("dj", PATIENCE);
    assert!(decoder().is_some(), "a decoder with FFmpeg behind it: {}", tower.status()["inputs"][1]);
    wait_heard(&tower);
    let alarms = tower.events("alarm");
    let _already_gone = source.kill();
    let _status = source.wait();
    assert!(alarms.is_empty(), "{alarms:?}");
    // What the system refuses is said in the log; a machine may refuse the test the unit's priorities.
    let log = tower.stderr();
    let refused = log.lines().filter(|line| line.contains("not permitted") && !line.contains("normal priority"));
    assert_eq!(refused.count(), 0, "{log}");
}

#[test]
fn a_unit_that_forbids_the_sandbox_of_decoders_is_an_alarm_and_files_are_heard_all_the_same() {
    let setup = setup(BUILTIN);
    let song = setup.path("song.wav");
    std::fs::write(&song, material::wav(&material::noise(7, 200))).expect("a temporary file");
    let setup = setup.line(&format!("play.paths = [{:?}]", song.display().to_string()));
    let calls = "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self";
    let tower = sandboxed(setup).variable("WITHOUT_CALLS", calls).start();
    tower.wait_source("play", PATIENCE);
    let alarm =
        || tower.status()["alarms"].as_array()?.iter().find(|alarm| alarm["alarm"] == "decoder_sandbox").cloned();
    let alarm = wait_for("the alarm", PATIENCE, alarm);
    let text = alarm["text"].as_str().unwrap_or_default();
    assert!(text.contains("without Landlock, seccomp"), "{alarm}");
    tower.listen("/stream").wait_bytes(20_000, PATIENCE);
    assert_eq!(tower.status()["on_air"]["source"], "play", "{}", tower.status()["on_air"]);
}

/// What `tower doctor` finds of one check: its verdict, and what it says.
fn found(json: &str, check: &str) -> (String, String) {
    let findings: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let of = |finding: &&Value| finding["check"] == check;
    let finding = findings.as_array().and_then(|all| all.iter().find(of)).unwrap_or_else(|| panic!("{check}: {json}"));
    let word = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    (word("verdict"), word("found"))
}

#[test]
fn doctor_names_what_is_off_in_the_units_sandbox_and_nothing_that_works() {
    let tower = setup(BUILTIN).start();
    let config = tower.path("tower.toml");
    let outside = Command::new(TOWER).args(["doctor", "--json", "--config"]).arg(&config).output().expect("the tower");
    let outside = String::from_utf8_lossy(&outside.stdout).into_owned();
    let inside = run(TOWER, &["doctor", "--json"], &config, true);
    let bare = run(TOWER, &["doctor", "--json"], &config, false);
    for check in ["builtin encoder", "ffmpeg", "processor time", "out of memory"] {
        for (place, said) in [("outside", &outside), ("inside", &inside), ("without limits", &bare)] {
            assert_eq!(found(said, check).0, "ok", "{check} {place}: {:?}", found(said, check));
        }
    }
    for check in ["real-time priority", "encoder priority"] {
        assert_eq!(found(&bare, check).0, "warning", "{check}");
    }
    for (check, file) in [("memory", "/proc/meminfo"), ("station interface", "/proc/net/tcp")] {
        assert!(found(&inside, check).1.contains(file), "{check}: {:?}", found(&inside, check));
        assert!(!found(&outside, check).1.contains(file), "{check}: {:?}", found(&outside, check));
    }
}
