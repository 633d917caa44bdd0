//! The unit in `packaging/systemd`: systemd's own tools find nothing wrong and little exposed, and what it forbids the
//! tower does not do (SPEC OPS-3).

use crate::common;
use radio_proof::alarm::wait_for;
use radio_proof::http::send;
use radio_proof::tools::content;
use radio_proof::unit::{Unit, packaged};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// Exposure that is permitted, times ten: 10 would be a service that may do anything.
const EXPOSURE_TENTHS_MAX: &str = "--threshold=20";

#[test]
fn the_unit_exposes_at_most_two_of_ten() {
    let unit = packaged("radio-tower.service");
    let said = content(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .args([EXPOSURE_TENTHS_MAX])
            .arg(unit),
    );
    eprintln!("{}", said.lines().last().unwrap_or_default());
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let setup = common::setup();
    let text = Unit::shipped().text().replace("/usr/local/bin/tower", env!("CARGO_BIN_EXE_tower"));
    let service = setup.path("radio-tower.service");
    std::fs::write(&service, text).expect("a file");
    let socket = setup.path("radio-tower.socket");
    std::fs::copy(packaged("radio-tower.socket"), &socket).expect("a file");
    let said = content(Command::new("systemd-analyze").arg("verify").args([service, socket]));
    // It looks at units of the machine, too, and tells of their faults.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("radio-tower")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

/// Writes down every system call of the tower and its children; `-D` leaves it the process that was started.
const TRACED: &str = "#!/bin/sh\nexec strace -D -f -q -o \"$TRACE\" \"$UNDER_TEST\" \"$@\"\n";

/// The calls in a trace: `PID name(arguments`, or `PID <... name resumed>`.
fn called(trace: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let (_, call) = line.trim_start().split_once(' ')?;
        let call = call.trim_start();
        let end = call.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        (end > 0 && call[end..].starts_with('(')).then(|| call[..end].to_owned())
    };
    trace.lines().filter_map(name).collect()
}

#[test]
fn no_system_call_of_the_tower_is_forbidden_by_the_unit() {
    let permitted = Unit::shipped().permitted_calls();
    let setup = common::setup();
    let (script, trace) = (setup.script("traced", TRACED), setup.path("trace"));
    let outputs = "output = [{}, { mount = \"/second\", encoder = \"ffmpeg\" }]";
    let setup = setup.variable("TRACE", &trace.to_string_lossy()).variable("UNDER_TEST", env!("CARGO_BIN_EXE_tower"));
    let mut tower =
        setup.line(outputs).line("play.paths = [\"/usr/share/games/asc/music\"]").executable(script).start();
    for mount in ["/stream", "/second"] {
        tower.listen(mount).wait_bytes(40_000, PATIENCE);
    }
    let login = format!("{{\"password\": {:?}}}", radio_proof::tower::ADMIN_PASSWORD);
    send(tower.address, "POST", "/api/session", "", login.as_bytes()).expect("an answer");
    tower.send_as_admin("POST", "/api/encoder/restart", "{\"mount\": \"/stream\"}");
    for path in ["/status", "/metrics", "/api/recent", "/admin/listeners"] {
        assert_eq!(tower.get_as_admin(path).head.status(), 200, "{path}");
    }
    tower.wait_source("play", PATIENCE);
    let pid = format!("{} ", tower.pid());
    assert!(tower.terminate().0.success());
    // The tracer writes on for a moment after the tower's end.
    let called = wait_for("the end of the trace", PATIENCE, || {
        let trace = std::fs::read_to_string(&trace).unwrap_or_default();
        let ended = |line: &str| line.starts_with(&pid) && line.contains("+++ exited");
        trace.lines().any(ended).then(|| called(&trace))
    });
    assert!(called.len() > 40, "{called:?}");
    let forbidden: Vec<_> = called.difference(&permitted).collect();
    assert!(forbidden.is_empty(), "the unit would have this tower killed for {forbidden:?}");
}
