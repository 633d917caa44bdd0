//! What is wrong beside the sound is an alarm as well: no programme, an encoder that failed, frames that do not come, a
//! disk that is full. `/healthz` is 503 while listeners are worse off, and only then (SPEC API-2).

use crate::scene::{PATIENCE, setup};
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::material;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use rustix::process::Signal;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn quick(setup: Setup) -> Setup {
    let lines = ["silence_ms = 2000", "differs_ms = 3000", "late_ms = 1000", "clear_ms = 1000"];
    lines.iter().fold(setup, |setup, line| setup.line(&format!("alarm.{line}")))
}

fn raised(tower: &Tower, name: &str) -> Option<Value> {
    let status = tower.status();
    status["alarms"].as_array()?.iter().find(|alarm| alarm["alarm"] == name).cloned()
}

#[track_caller]
fn wait_raised(tower: &Tower, name: &str) -> String {
    let alarm = wait_for(name, PATIENCE, || raised(tower, name));
    alarm["text"].as_str().expect("a sentence").to_owned()
}

#[track_caller]
fn wait_over(tower: &Tower, name: &str) {
    wait_until(&format!("{name} to be over"), PATIENCE, || raised(tower, name).is_none());
    assert!(tower.events("alarm_over").iter().any(|(_, event)| event["alarm"] == name), "{}", tower.status());
}

/// A tower whose ffmpeg ends at once, until there is a file `mended`.
fn with_bad_ffmpeg(stand_in: bool) -> Tower {
    let setup = quick(setup("builtin"));
    let mended = format!("if [ -e {:?} ]; then exec ffmpeg \"$@\"; fi", setup.path("mended"));
    let script = setup.script("ffmpeg", &format!("#!/bin/sh\n{mended}\necho 'out of magic smoke' >&2\nexit 1\n"));
    setup
        // Longer than the silence with which a tower starts.
        .line("alarm.silence_ms = 6000")
        .line(&format!("encoder.ffmpeg = {script:?}"))
        .line("encoder.backoff_ms = [100]")
        .line("encoder.max_restarts = 1")
        .line(&format!("output = [{{ encoder = \"ffmpeg\", stand_in = {stand_in} }}]"))
        .start()
}

#[test]
fn a_failed_encoder_whose_stand_in_carries_is_a_warning_and_no_failure() {
    let tower = with_bad_ffmpeg(true);
    tower.wait_encoder("FAILED", PATIENCE);
    let text = wait_raised(&tower, "encoder_stand_in");
    assert!(text.contains("out of magic smoke"), "{text}");
    wait_until("health", PATIENCE, || tower.get("/healthz").head.status() == 200);
    let health = tower.get("/healthz").json();
    assert!(health["warnings"].to_string().contains("the built-in one carries the programme"), "{health}");
    wait_until("nothing worse than that", PATIENCE, || raised(&tower, "encoder_failed").is_none());
}

#[test]
fn a_failed_encoder_without_stand_in_is_told_with_what_listeners_hear_of_it() {
    let tower = with_bad_ffmpeg(false);
    assert!(wait_raised(&tower, "encoder_failed").contains("out of magic smoke"));
    wait_raised(&tower, "frames_late");
    let silence = wait_raised(&tower, "silence");
    assert!(silence.contains("the encoder is at fault"), "the tone is on air: {silence}");
    assert!(wait_raised(&tower, "differs").contains("quieter than the programme"));
    let health = tower.get("/healthz");
    assert_eq!(health.head.status(), 503);
    let reasons = health.json()["reasons"].to_string();
    // What the process said is no stranger's business.
    assert!(reasons.contains("nothing stands in for it") && !reasons.contains("magic smoke"), "{reasons}");

    std::fs::write(tower.path("mended"), "").expect("a temporary file");
    tower.send_as_admin("POST", "/api/encoder/restart", "{\"mount\": \"/stream\"}");
    ["encoder_failed", "frames_late", "silence", "differs"].iter().for_each(|name| wait_over(&tower, name));
    wait_until("health", PATIENCE, || tower.get("/healthz").head.status() == 200);
}

#[test]
fn an_encoder_that_is_killed_unheard_is_no_reason_to_be_woken() {
    let tower = setup("builtin").start();
    let well = |tower: &Tower| tower.get("/healthz").json()["ok"] == true;
    wait_until("health", PATIENCE, || well(&tower));
    let alarms_before = tower.events("alarm").len();
    let is_over = AtomicBool::new(false);
    let (asked, told) = std::thread::scope(|scope| {
        let pager = scope.spawn(|| {
            let (mut asked, mut told) = (0, Vec::new());
            while !is_over.load(Relaxed) {
                let health = tower.get("/healthz");
                asked += 1;
                let warnings = health.json()["warnings"].as_array().cloned().unwrap_or_default();
                // A machine that is too busy is no encoder's fault.
                let of_machine = ["has not listened to itself", "too busy for the tower"];
                let is_of_encoder = |text: &Value| !of_machine.iter().any(|words| text.to_string().contains(words));
                if health.head.status() != 200 || warnings.iter().any(is_of_encoder) {
                    told.push(health.text());
                }
            }
            (asked, told)
        });
        for kills in 1..=5 {
            let (pid, _) = wait_for("an encoder that delivers", PATIENCE, || tower.delivering());
            assert!(signal(pid, Signal::KILL));
            wait_until("another encoder", PATIENCE, || {
                let encoder = &tower.status()["outputs"][0]["encoder"];
                // One that dies before it has caught up is waited with, and listeners would hear of the next.
                let has_caught_up = encoder["consecutive_failures"] == 0 && encoder["last_replay"]["took_ms"].is_u64();
                encoder["deaths"].as_u64() >= Some(kills) && encoder["state"] == "RUNNING" && has_caught_up
            });
        }
        is_over.store(true, Relaxed);
        pager.join().expect("it asks")
    });
    println!("asked {asked} times, and {} answers told of it", told.len());
    assert!(asked > 50, "{asked} answers");
    // On a machine that gives an encoder no time for two seconds listeners do hear of it, and an alarm says so.
    assert!(told.is_empty() || tower.events("alarm").len() > alarms_before, "{} times: {:?}", told.len(), told.first());
}

#[test]
fn without_programme_for_its_time_there_is_an_alarm_until_a_station_comes() {
    let tower = quick(setup("builtin")).line("alarm.no_programme_ms = 3000").start();
    let text = wait_raised(&tower, "no_programme");
    assert!(text.starts_with("there has been no programme for 3.0 s; tone is on air"), "{text}");
    assert_eq!(tower.get("/healthz").head.status(), 503);
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 40, 20)), manner);
    wait_until("the alarm to be over", PATIENCE, || raised(&tower, "no_programme").is_none());
    wait_until("health", PATIENCE, || tower.get("/healthz").head.status() == 200);
    let told = tower.events("alarm_over");
    assert!(told.iter().any(|(_, event)| event["alarm"] == "no_programme"), "{told:?}");
    drop(station);
}

#[test]
fn a_disk_with_less_room_than_is_wanted_is_an_alarm() {
    let wanted = "alarm.disk_free_mib = 1000000000";
    let tower = quick(setup("builtin")).line(wanted).start();
    let text = wait_raised(&tower, "disk_full");
    let place = tower.pcm_socket().parent().expect("a folder").display().to_string();
    assert!(text.contains("MiB are free on a disk") && text.contains(&place), "{text}");
    let health = tower.get("/healthz");
    assert_eq!(health.head.status(), 503);
    // Which disk is no stranger's business.
    assert!(health.text().contains("MiB are free on a disk") && !health.text().contains(&place), "{}", health.text());

    let config = std::fs::read_to_string(tower.path("tower.toml")).expect("its configuration");
    std::fs::write(tower.path("tower.toml"), config.replace(wanted, "alarm.disk_free_mib = 1")).expect("our own file");
    assert_eq!(tower.send_as_admin("POST", "/admin/reload", "").head.status(), 200);
    wait_over(&tower, "disk_full");
    wait_until("health", PATIENCE, || tower.get("/healthz").head.status() == 200);
}

#[test]
fn an_alarm_that_is_switched_off_is_never_raised() {
    let tower = quick(setup("builtin"))
        .line("alarm.no_programme_ms = 0")
        .line("fallback.tone = false")
        .line("alarm.silence_ms = 1000")
        .start();
    let text = wait_raised(&tower, "silence");
    assert!(text.contains("there is no programme, and the fallback is silent"), "{text}");
    assert!(raised(&tower, "no_programme").is_none());
    assert!(!tower.get("/metrics").text().contains("alarm=\"no_programme\""));
}
