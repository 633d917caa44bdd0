//! Reloads of what is no whole file, sockets whose files are removed, and outputs that come and go
//! without a false alarm (SPEC CFG-2, IN-1, OPS-1).

use crate::common;
use radio_proof::alarm::wait_until;
use radio_proof::http::Answer;
use radio_proof::tower::Tower;
use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn reload(tower: &Tower) -> Answer {
    tower.send_as_admin("POST", "/admin/reload", "")
}

fn grace(tower: &Tower) -> serde_json::Value {
    tower.get_as_admin("/api/config").json()["config"]["router"]["grace_ms"].clone()
}

#[test]
fn a_file_that_is_empty_gone_or_a_pipe_without_end_is_refused_and_the_next_one_is_taken() {
    let tower = common::setup().line("router.grace_ms = 480").start();
    let path = tower.path("tower.toml");
    let good = fs::read_to_string(&path).expect("the configuration");
    let refused = |what: &str, words: &str| {
        let begun = Instant::now();
        let answer = reload(&tower);
        assert_eq!(answer.head.status(), 409, "{what}: {}", answer.text());
        assert!(answer.text().contains("tower.toml") && answer.text().contains(words), "{what}: {}", answer.text());
        assert!(begun.elapsed() < PATIENCE, "{what}");
        assert_eq!(grace(&tower), 480, "{what}");
    };
    for empty in ["", "\n  \n"] {
        fs::write(&path, empty).expect("our own file");
        refused("empty", "is empty");
    }
    fs::remove_file(&path).expect("our own file");
    refused("gone", "cannot be read");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo is in every Debian");
    assert!(made.success());
    refused("a pipe that is never written", "regular file");
    fs::remove_file(&path).expect("our own file");
    fs::write(&path, good.replace("grace_ms = 480", "grace_ms = 240")).expect("our own file");
    let answer = reload(&tower);
    assert_eq!(answer.head.status(), 200, "{}", answer.text());
    assert_eq!(grace(&tower), 240);
}

#[test]
fn a_socket_file_that_is_removed_is_put_back_with_an_event() {
    let setup = common::setup();
    let own = setup.path("own.sock");
    let input =
        format!("input = [{{ name = \"booth\", kind = \"pcm_unix\", socket = {:?} }}]", own.display().to_string());
    let tower = setup.line(&input).start();
    // The first is the one that the tower is asked over.
    let sockets = [tower.path("admin.sock"), tower.pcm_socket(), own];
    for socket in &sockets {
        fs::remove_file(socket).expect("its file");
    }
    for socket in &sockets {
        wait_until("the socket to be back", PATIENCE, || UnixStream::connect(socket).is_ok());
        let name = socket.file_name().expect("a file").to_string_lossy().into_owned();
        wait_until("an event", PATIENCE, || {
            tower.events("socket").iter().any(|(_, event)| event["path"].to_string().contains(&name))
        });
    }
    let mut status = Command::new(env!("CARGO_BIN_EXE_tower"));
    let status =
        status.args(["status", "--json", "--config"]).arg(tower.path("tower.toml")).output().expect("our own program");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    assert_eq!(tower.events("socket").len(), sockets.len(), "{:?}", tower.events("socket"));
}

#[test]
fn outputs_and_inputs_that_come_and_go_raise_no_alarm() {
    const ROUNDS: usize = 4;
    let tower = common::setup().start();
    tower.listen("/stream").wait_bytes(40_000, PATIENCE);
    let path = tower.path("tower.toml");
    let good = fs::read_to_string(&path).expect("the configuration");
    for round in 0..ROUNDS {
        let output = |kbps: usize| format!("\n[[output]]\nmount = \"/o{round}-{kbps}\"\nbitrate_kbps = {kbps}\n");
        let input = format!("\n[[input]]\nname = \"dj{round}\"\nmount = \"/dj{round}\"\npassword = \"hackme\"\n");
        let own = "\n[[output]]\nmount = \"/stream\"\n";
        let more = [64, 96, 128, 192].map(output).concat();
        for text in [format!("{good}{own}{more}{input}"), format!("{good}{own}")] {
            fs::write(&path, text).expect("our own file");
            let answer = reload(&tower);
            assert_eq!(answer.head.status(), 200, "{}", answer.text());
            // As long as the monitor needs to compare the first second of the outputs that are new.
            let heard = tower.status()["tick"].as_u64().expect("a tick") + 60;
            wait_until("a second more", PATIENCE, || tower.status()["tick"].as_u64() > Some(heard));
        }
    }
    let alarms = tower.events("alarm");
    assert!(alarms.is_empty(), "{alarms:?}");
}
