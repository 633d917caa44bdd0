//! `tower skip`: skips the song on air of a running tower, over its Unix admin socket.

use super::args::SkipArgs;
use super::print;
use super::status::{ask_for, nobody_there};
use crate::http::routes::SKIP;
use anyhow::{Context, bail};
use radio_config::{Loaded, admin_socket_path};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// The next song is decoded first.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Tells the tower, and shows what follows.
///
/// # Errors
/// Nobody answers, or nothing was skipped and why.
pub fn run(args: &SkipArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    let port = loaded.config.server.port;
    let socket = admin_socket_path(&loaded.config, port)?;
    let answer = ask_for(&socket, "POST", SKIP, TIME_MAX);
    let (status, body) = answer.map_err(|error| anyhow::Error::msg(nobody_there(&socket, port, &error)))?;
    let json: Value = serde_json::from_str(&body).context("the tower does not answer with JSON")?;
    if args.json {
        print(&(body + "\n"));
        return Ok(if status == 202 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if status != 202 {
        bail!("{}", json["error"].as_str().unwrap_or("the tower refuses"));
    }
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    print(&format!("{} is skipped; {} follows\n", text("skipped"), text("next")));
    Ok(ExitCode::SUCCESS)
}
