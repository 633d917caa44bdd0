//! `tower reload`: has a running tower read its configuration again, over its Unix admin socket.

use super::args::ReloadArgs;
use super::print;
use super::status::{ask_for, nobody_there};
use crate::http::routes::RELOAD;
use anyhow::{Context, bail};
use radio_config::{Loaded, admin_socket_path};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Outputs that are replaced are on air first.
const TIME_MAX: Duration = Duration::from_secs(120);

/// Tells the tower, and shows what it has changed.
///
/// # Errors
/// Nobody answers, or nothing was changed and why.
pub fn run(args: &ReloadArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let port = loaded.config.server.port;
    let socket = admin_socket_path(&loaded.config, port)?;
    let method = if args.dry_run { "GET" } else { "POST" };
    let answer = ask_for(&socket, method, RELOAD, TIME_MAX);
    let (status, body) = answer.map_err(|error| anyhow::Error::msg(nobody_there(&socket, port, &error)))?;
    let json: Value = serde_json::from_str(&body).context("the tower does not answer with JSON")?;
    if args.json {
        print(&(body + "\n"));
        return Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if status != 200 {
        bail!("{}", json["error"].as_str().unwrap_or("the tower refuses"));
    }
    print(&told(&json));
    Ok(ExitCode::SUCCESS)
}

fn told(report: &Value) -> String {
    let changes = report["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if changes.is_empty() {
        return "nothing has changed\n".into();
    }
    let mut text = String::new();
    for change in changes {
        let word = |key: &str| change[key].as_str().unwrap_or("nothing").to_owned();
        let when = match change["effect"].as_str() {
            Some("restart") => "after a restart",
            Some("reconnect") => "its listeners connect again",
            _ => "now",
        };
        let key = word("key");
        text += &match change["change"].as_str() {
            Some("added") => format!("{key} comes  ({when})\n"),
            Some("removed") => format!("{key} goes  ({when})\n"),
            _ => format!("{key}: {} -> {}  ({when})\n", word("from"), word("to")),
        };
    }
    if report["applied"] == false {
        text += "nothing is changed yet: that was --dry-run\n";
    }
    text
}
