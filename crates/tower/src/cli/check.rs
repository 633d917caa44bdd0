//! `tower check`: one line and an exit code, as plugins of Nagios, Icinga and their like give them.

use super::print;
use super::status::{ask, nobody_there};
use radio_config::{ConfigError, Loaded, admin_socket_path};
use serde::Deserialize;
use std::process::ExitCode;

/// What monitoring makes of the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// What `/healthz` says.
#[derive(Deserialize)]
struct Health {
    ok: bool,
    reasons: Vec<String>,
    warnings: Vec<String>,
}

/// Asks the tower whether its clock ticks, prints a line, and gives 0 or 1: what else is wrong is
/// nothing that a restart, which cuts every listener, would mend.
pub fn run_live(loaded: Result<Loaded, ConfigError>) -> ExitCode {
    let asked = loaded.map_err(|error| error.to_string()).and_then(|loaded| {
        let port = loaded.config.server.port;
        let socket = admin_socket_path(&loaded.config, port).map_err(|error| error.to_string())?;
        let (_, body) = ask(&socket, "/livez").map_err(|error| nobody_there(&socket, port, &error))?;
        is_live(&body)
    });
    let (code, text) = match asked {
        Ok(text) => (0, text),
        Err(text) => (1, text),
    };
    print(&format!("{}\n", text.replace('\n', " ")));
    ExitCode::from(code)
}

/// What `/livez` says, in words; an error if the clock stands.
fn is_live(body: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Live {
        ok: bool,
        tick_age_ms: u64,
    }
    match serde_json::from_str::<Live>(body) {
        Ok(Live { ok: true, .. }) => Ok("live: the clock ticks".into()),
        Ok(Live { tick_age_ms, .. }) => Err(format!("dead: the clock has not ticked for {tick_age_ms} ms")),
        Err(error) => Err(format!("the answer to /livez cannot be read: {error}")),
    }
}

/// Asks the tower, prints the line, and gives the code.
pub fn run(loaded: Result<Loaded, ConfigError>) -> ExitCode {
    let (state, text) = match loaded {
        Ok(loaded) => look(&loaded),
        Err(error) => (State::Unknown, error.to_string()),
    };
    let word = match state {
        State::Ok => "OK",
        State::Warning => "WARNING",
        State::Critical => "CRITICAL",
        State::Unknown => "UNKNOWN",
    };
    // A "|" begins figures, and a second line is not shown everywhere.
    print(&format!("TOWER {word} - {}\n", text.replace('\n', " ").replace('|', "/")));
    ExitCode::from(state as u8)
}

fn look(loaded: &Loaded) -> (State, String) {
    let port = loaded.config.server.port;
    let socket = match admin_socket_path(&loaded.config, port) {
        Ok(socket) => socket,
        Err(error) => return (State::Unknown, error.to_string()),
    };
    match ask(&socket, "/healthz") {
        Ok((_, body)) => judge(&body),
        Err(error) => (State::Critical, nobody_there(&socket, port, &error)),
    }
}

fn judge(body: &str) -> (State, String) {
    match serde_json::from_str::<Health>(body) {
        Ok(Health { ok: true, warnings, .. }) if warnings.is_empty() => (State::Ok, "on air, all is well".into()),
        Ok(Health { ok: true, warnings, .. }) => (State::Warning, warnings.join("; ")),
        Ok(Health { reasons, warnings, .. }) => (State::Critical, [reasons, warnings].concat().join("; ")),
        Err(error) => (State::Unknown, format!("the answer to /healthz makes no sense: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_ticks_is_live_and_nothing_else_counts() {
        assert!(is_live(r#"{"ok": true, "tick_age_ms": 24}"#).is_ok());
        let dead = is_live(r#"{"ok": false, "tick_age_ms": 12000}"#).expect_err("dead");
        assert!(dead.contains("12000 ms"), "{dead}");
        assert!(is_live(r#"{"ok": true}"#).is_err() && is_live("").is_err());
    }

    #[test]
    fn health_becomes_a_state_and_the_reasons_a_line() {
        let judged = |body: &str| judge(body);
        assert_eq!(judged(r#"{"ok": true, "reasons": [], "warnings": []}"#).0, State::Ok);
        let warned = judged(r#"{"ok": true, "reasons": [], "warnings": ["a", "b"]}"#);
        assert_eq!(warned, (State::Warning, "a; b".into()));
        let failing = judged(r#"{"ok": false, "reasons": ["dead air"], "warnings": ["b"]}"#);
        assert_eq!(failing, (State::Critical, "dead air; b".into()));
        assert_eq!(judged("<html>").0, State::Unknown);
    }
}
