//! Encoders that die, hang, lie or are missing (SPEC ENC-6, ENC-7, ENC-10).

use super::rig::{LAG_TICKS, PATIENCE, Rig, alone, alone_on_air, children, config, fake, reference, wait_for_children};
use radio_config::EncoderKind;
use radio_encoder::{Reason, State};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn killed_again_and_again(kind: EncoderKind) {
    let _alone = alone();
    let reference = reference(1010);
    let mut config = alone_on_air(kind);
    // On a busy machine ffmpeg is late now and then; here nothing but the kill may end it.
    config.supervision.suspicion_ms = PATIENCE.as_millis() as u64;
    // And there is time for the whole replay, which would be shorter where it would be late.
    config.playout_delay_ticks = 150;
    let mut rig = Rig::start(config);
    let mut pids = Vec::new();
    for end in [3, 50, 60, 250, 400, 800] {
        rig.run_to(end, &reference);
        pids.push(rig.pid());
        rig.signal(Signal::KILL);
        assert_eq!(rig.wait_for(State::Restarting).reason, Reason::Signalled { signal: 9 });
        rig.push(LAG_TICKS + 1);
        rig.wait_for(State::Running);
        rig.run_to(end + 10, &reference);
    }
    rig.run_to(1000, &reference);
    pids.push(rig.pid());
    pids.sort_unstable();
    pids.dedup();
    let status = rig.manager.status();
    assert_eq!((pids.len(), status.deaths, status.restarts), (7, 6, 6), "{status:#?}");
    assert_eq!((status.mismatches, status.late, status.duplicates, status.ticks_lost), (0, 0, 0, 0), "{status:#?}");
    assert_eq!((status.replays, status.replays_proved), (6, 6), "{status:#?}");
    let replay = status.last_replay.unwrap();
    assert!(replay.proved && replay.ticks == 200 && replay.compared == 200 && replay.took_ms.is_some(), "{replay:?}");
    wait_for_children(1);
}

#[test]
fn a_killed_builtin_encoder_is_replaced_and_no_byte_shows_it() {
    killed_again_and_again(EncoderKind::Builtin);
}

#[test]
fn a_killed_ffmpeg_is_replaced_and_no_byte_shows_it() {
    killed_again_and_again(EncoderKind::Ffmpeg);
}

#[test]
fn a_stopped_encoder_is_suspect_after_150_ms_and_put_down_when_its_replacement_has_caught_up() {
    let _alone = alone();
    let reference = reference(320);
    let mut rig = Rig::start(config(EncoderKind::Builtin));
    rig.run_to(250, &reference);
    let stopped = rig.pid();
    rig.signal(Signal::STOP);
    let since = Instant::now();
    rig.push(8);
    assert_eq!(rig.wait_for(State::Restarting).reason, Reason::Suspect);
    let waited = since.elapsed();
    assert!((Duration::from_millis(140)..PATIENCE).contains(&waited), "{waited:?}");
    rig.wait_for(State::Running);
    rig.run_to(300, &reference);
    wait_for_children(1);
    let status = rig.manager.status();
    assert_ne!(status.pid, Some(stopped));
    assert_eq!((status.suspicions, status.deaths, status.replays_proved), (1, 0, 1), "{status:#?}");
}

/// Runs a fake encoder until it is FAILED and checks that this costs nothing and leaves nothing.
fn fails(script: &str, reason: Reason) {
    let _alone = alone();
    let mut rig = Rig::start(fake(script));
    rig.push(20);
    // The first, two at once, two after a wait.
    assert_eq!(rig.feed_until(State::Failed).reason, Reason::RestartsUsedUp);
    // The last one may still be given the rest of its time.
    wait_for_children(0);
    let status = rig.manager.status();
    assert_eq!(status.consecutive_failures, 5, "{status:#?}");
    // Where the machine was too busy for a moment, a death more does not count.
    let excused = status.shortages > 0;
    assert!(status.deaths == 5 || excused && status.deaths > 5, "{status:#?}");
    assert_eq!(status.last_death, Some(reason.to_string()), "{status:#?}");
    assert!(status.next_retry_ms > Some(50_000) && status.pid.is_none(), "{status:#?}");

    let before = cpu_ms();
    let start = Instant::now();
    for _ in 0..10 {
        rig.push(1);
        std::thread::sleep(Duration::from_millis(24));
    }
    let (cpu, wall) = (cpu_ms() - before, start.elapsed().as_millis() as u64);
    assert!(cpu * 10 <= wall, "{cpu} ms of CPU in {wall} ms");
    rig.manager.stop();
}

/// CPU time of this process without its children.
fn cpu_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

#[test]
fn an_encoder_that_exits_at_once_backs_off_and_fails() {
    fails("exit 3", Reason::Exited { status: 3 });
}

/// Runs a fake encoder whose processes hang: it is tried again after waits, and never FAILED.
fn hangs(script: &str) {
    const STARTS: u64 = 6;
    let _alone = alone();
    let mut rig = Rig::start(fake(script));
    rig.push(20);
    let since = Instant::now();
    while rig.manager.status().starts < STARTS {
        assert!(since.elapsed() < PATIENCE, "{:#?}", rig.manager.status());
        rig.push(1);
        std::thread::sleep(Duration::from_millis(24));
    }
    let status = rig.manager.status();
    // The first, two at once, then after 1, 2 and 4 s; sooner where the machine was too busy for a moment.
    let excused = status.shortages > 0;
    assert!(excused || since.elapsed() >= Duration::from_secs(7), "{STARTS} starts in {:?}", since.elapsed());
    assert_eq!((status.state, status.consecutive_failures), (State::Restarting, 0), "{status:#?}");
    assert!(status.deaths >= STARTS - 3 && status.given_up == status.deaths, "{status:#?}");
    assert_eq!(status.last_death, Some(Reason::Stalled.to_string()), "{status:#?}");
    assert!(rig.changes.try_iter().all(|change| change.to != State::Failed));
    rig.manager.stop();
    wait_for_children(0);
}

#[test]
fn an_encoder_that_reads_all_and_says_nothing_is_tried_again_after_waits_and_never_failed() {
    hangs("cat >/dev/null; exit 1");
}

#[test]
fn an_encoder_that_hangs_at_its_start_is_tried_again_after_waits_and_never_failed() {
    hangs("sleep 1000");
}

#[test]
fn an_encoder_that_prints_garbage_backs_off_and_fails() {
    fails("head -c 20000 /dev/zero; sleep 1000", Reason::NotFrames);
}

#[test]
fn an_encoder_that_closes_its_output_backs_off_and_fails() {
    fails("exec >&-; sleep 1000", Reason::ClosedStdout);
}

#[test]
fn an_encoder_of_another_bitrate_is_none_of_ours() {
    let tower = env!("CARGO_BIN_EXE_tower");
    fails(&format!("exec {tower} encode --bitrate 96"), Reason::WrongFormat);
}

#[test]
fn an_encoder_of_another_sample_rate_is_none_of_ours() {
    let tower = env!("CARGO_BIN_EXE_tower");
    fails(&format!("exec {tower} encode --rate 44100"), Reason::WrongFormat);
}

#[test]
fn an_encoder_of_other_channels_is_none_of_ours() {
    let tower = env!("CARGO_BIN_EXE_tower");
    fails(&format!("exec {tower} encode --mono"), Reason::WrongFormat);
}

#[test]
fn an_encoder_that_closes_its_input_is_given_up() {
    fails("exec <&-; sleep 1000", Reason::BrokenStdin);
}

#[test]
fn a_missing_executable_fails_with_its_name_and_the_tower_goes_on() {
    let _alone = alone();
    let mut missing = fake("");
    missing.main.command = vec!["/nowhere/ffmpeg".into()];
    let mut rig = Rig::start(missing);
    rig.push(5);
    rig.wait_for(State::Failed);
    let status = rig.manager.status();
    assert!(status.last_error.as_deref().is_some_and(|error| error.contains("/nowhere/ffmpeg")), "{status:#?}");
    wait_for_children(0);
}

#[test]
fn a_failed_encoder_is_tried_again_and_the_programme_is_back_without_help() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let tower = env!("CARGO_BIN_EXE_tower");
    let mut broken = fake(&format!("test -e {} && exec {tower} encode", ready.display()));
    broken.supervision.main.recovery_retry_ms = 100;
    let mut rig = Rig::start(broken);
    rig.push(30);
    rig.wait_for(State::Failed);
    std::fs::write(&ready, "").unwrap();
    assert_eq!(rig.wait_for(State::Running).reason, Reason::FirstFrame);
    rig.run_to(200, &reference(200 + LAG_TICKS));
    assert_eq!(rig.manager.status().consecutive_failures, 0);
}

#[test]
fn what_an_encoder_complains_of_is_shown() {
    let _alone = alone();
    let rig = Rig::start(fake("echo 'first' >&2; echo 'Unknown encoder: libmp3lame' >&2; exit 1"));
    rig.wait_for(State::Failed);
    assert_eq!(rig.manager.status().last_error.as_deref(), Some("Unknown encoder: libmp3lame"));
}

#[test]
fn an_encoder_that_says_too_much_is_drained_and_bounded() {
    let _alone = alone();
    let tower = env!("CARGO_BIN_EXE_tower");
    let mut rig = Rig::start(fake(&format!("yes 'noise on stderr' | head -c 3000000 >&2; exec {tower} encode")));
    rig.run_to(100, &reference(100 + LAG_TICKS));
    assert_eq!(rig.manager.status().restarts, 0);
}

#[test]
fn stop_leaves_no_child_not_even_a_stopped_one_or_a_grandchild() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let tower = env!("CARGO_BIN_EXE_tower");
    let script = format!("sleep 1000 & echo $! >{}; exec {tower} encode", file.display());
    let mut rig = Rig::start(fake(&script));
    rig.run_to(20, &reference(20 + LAG_TICKS));
    let grandchild = std::fs::read_to_string(&file).unwrap();
    rig.signal(Signal::STOP);
    let start = Instant::now();
    rig.manager.stop();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(rig.wait_for(State::Stopped).reason, Reason::Stop);
    assert_eq!(children(), Vec::<String>::new());
    wait_dead(grandchild.trim());
}

/// That process `pid` dies. A busy machine may take its time, and so may init to bury it.
#[track_caller]
fn wait_dead(pid: &str) {
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    while !(stat().is_empty() || stat().contains(") Z ")) {
        assert!(Instant::now() < deadline, "{}", stat());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Not a test of its own: the tower that the next test kills.
#[test]
#[ignore = "run by the test below"]
fn a_tower_to_be_killed() {
    // The shell lives on when its stdin has ended.
    let script = format!("{} encode; sleep 60", env!("CARGO_BIN_EXE_tower"));
    let mut rig = Rig::start(fake(&script));
    rig.run_to(20, &reference(20 + LAG_TICKS));
    println!("\nencoder {}", rig.pid());
    std::thread::sleep(PATIENCE);
}

#[test]
fn a_killed_tower_leaves_no_encoder_behind() {
    let _alone = alone();
    let mut tower = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "encoder::faults::a_tower_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tower.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.find_map(|line| line.strip_prefix("encoder ").map(str::to_owned)).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.contains("(sh)"), "{stat}");
    tower.kill().unwrap();
    tower.wait().unwrap();
    wait_dead(&pid);
}
