//! A machine that is too busy, on which every encoder is killed once: what listeners lack, judged with a bare loop of the
//! same run (SPEC ENC-13).

use crate::scene::{self, PATIENCE};
use radio_proof::alarm::{seconds, wait_until};
use radio_proof::bare_loop::{BareLoop, Priority};
use radio_proof::overload::{Load, Place, Span, share};
use radio_proof::process::signal;
use radio_proof::tower::{Setup, Tower};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

const LOOPS: usize = 30;

/// Outputs, and the processor time that a start of their encoder takes until frames come, in s (docs/measured.md).
const OUTPUTS: [(&str, f64); 3] = [("/mp3", 0.06), ("/aac", 0.135), ("/opus", 0.135)];

/// A process is back after its start and so long, in s.
const MARGIN_S: f64 = 1.0;

/// Playout delay and longest hold: a frame that is late by no more is no silence, in s.
const COVERED_S: f64 = 1.5;

/// The scheduler shares in slices: a share may be smaller by this factor for as long as a start takes.
const SLICES: f64 = 1.1;

/// How soon all is well after the load, in s.
const WELL_S: f64 = 2.0;

fn outputs(tower: &Tower) -> Vec<Value> {
    tower.status()["outputs"].as_array().cloned().expect("a list")
}

fn is_well(output: &Value) -> bool {
    let encoder = &output["encoder"];
    let processes = encoder["processes"].as_array().map_or(0, Vec::len);
    encoder["state"] == "RUNNING" && processes == 1 && output["behind_ticks"] == 0 && output["is_silent"] == false
}

/// No other test runs beside this one: it takes all processors.
mod alone {
    use super::*;

    #[test]
    fn beside_thirty_busy_loops_no_encoder_fails_and_a_killed_one_is_back_within_its_share() {
        let _one_at_a_time = scene::alone();
        let setup = Setup::new(env!("CARGO_BIN_EXE_tower")).line(
            "output = [{ mount = \"/mp3\" }, { mount = \"/aac\", codec = \"aac\", encoder = \"ffmpeg\" }, \
             { mount = \"/opus\", codec = \"opus\", encoder = \"ffmpeg\" }]",
        );
        // Without any privilege.
        let script = format!(
            "#!/bin/sh\nexec setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice prlimit --rtprio=0 {} \"$@\"\n",
            env!("CARGO_BIN_EXE_tower")
        );
        let script = setup.script("tower-without-privilege", &script);
        let tower = setup.executable(script).start();
        wait_until("all outputs", PATIENCE, || outputs(&tower).iter().all(is_well));
        let listeners: Vec<_> = OUTPUTS.iter().map(|(mount, _)| tower.listen(mount)).collect();
        std::thread::sleep(Duration::from_secs(3));
        let spans: Vec<_> = listeners.into_iter().map(Span::begin).collect();

        let bare_loop = BareLoop::start(Priority::Normal, None);
        let load = Load::start(LOOPS, Place::Beside).expect("busy loops");
        std::thread::sleep(seconds(5, 60));
        for output in outputs(&tower) {
            let pid = output["encoder"]["pid"].as_u64().expect("a process");
            assert!(signal(pid as u32, Signal::KILL));
        }
        std::thread::sleep(seconds(10, 240));
        drop(load);
        let ended = Instant::now();
        wait_until("all outputs to be well again", PATIENCE, || outputs(&tower).iter().all(is_well));
        let well_s = ended.elapsed().as_secs_f64();
        let bare = bare_loop.stop().share(1.0);
        std::thread::sleep(Duration::from_secs(2));

        let excess_s = bare.excess() / 1000.0;
        // The tower runs too, and so does the stand-in that Opus gets while it starts.
        let share = share(LOOPS + OUTPUTS.len() + 2) / SLICES;
        println!("share {:.1} %, bare loop {excess_s:.2} s late, well after {well_s:.2} s", share * 100.0);
        let mut wrong = Vec::new();
        for ((output, span), (mount, start_s)) in outputs(&tower).iter().zip(spans).zip(OUTPUTS) {
            let lack = span.end();
            let lacks_max_s = (start_s / share + MARGIN_S + excess_s - COVERED_S).max(0.0);
            let encoder = &output["encoder"];
            let states = output["encoder_history"].to_string();
            let row = format!(
                "{mount} lacks {:.2} s (at most {lacks_max_s:.2}), longest silence {:.2} s; deaths {}, given up {}, short {}",
                lack.seconds(),
                lack.longest.as_secs_f64(),
                encoder["deaths"],
                encoder["given_up"],
                encoder["shortages"]
            );
            println!("{row}");
            let is_blameless = encoder["given_up"] == 0 && encoder["deaths"] == 1 && !states.contains("FAILED");
            if !is_blameless || lack.seconds() > lacks_max_s {
                wrong.push(row);
            }
        }
        assert!(wrong.is_empty(), "wrong:\n{}", wrong.join("\n"));
        assert!(well_s <= WELL_S + excess_s, "well again {well_s:.2} s after the load");
    }
}
