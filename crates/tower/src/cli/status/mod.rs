//! `tower status`: what a running tower is doing, asked over its Unix admin socket.

mod cells;
mod client;
mod render;
mod watch;

use super::args::StatusArgs;
use super::{colours_wanted, print};
use radio_config::{Loaded, admin_socket_path};
use serde_json::Value;
use std::path::Path;

pub(crate) use client::{ask, ask_for, connect, get};

/// Shows the status once, or every second until somebody ends it.
///
/// # Errors
/// If no tower answers, with what to do; while watching, that is shown instead and tried again.
pub fn run(args: &StatusArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let port = loaded.config.server.port;
    let socket = admin_socket_path(&loaded.config, port)?;
    let colours = colours_wanted();
    let look = || screen(&socket, colours).map_err(|error| nobody_there(&socket, port, &error));
    if args.watch {
        return watch::watch(|| look().unwrap_or_else(|text| text + "\n"));
    }
    if args.json {
        let body = get(&socket, "/status").map_err(|error| anyhow::anyhow!(nobody_there(&socket, port, &error)))?;
        print(&(body + "\n"));
    } else {
        print(&look().map_err(anyhow::Error::msg)?);
    }
    Ok(())
}

/// The status of the tower behind `socket`, for people.
fn screen(socket: &Path, colours: bool) -> std::io::Result<String> {
    let status: Value = serde_json::from_str(&get(socket, "/status")?)?;
    Ok(render::table(&status, colours))
}

pub(crate) fn nobody_there(socket: &Path, port: u16, error: &std::io::Error) -> String {
    let mut text = format!("no tower answers at {} ({error})", socket.display());
    let others = other_ports(socket, port);
    if others.is_empty() {
        text += "; is `tower serve` running, as this user and with this port? --port names another";
    } else {
        text += &format!("; there are sockets of towers on port {}: give one by --port", others.join(", "));
    }
    text
}

/// Ports of the other towers whose sockets lie beside `socket`.
fn other_ports(socket: &Path, port: u16) -> Vec<String> {
    let Some(entries) = socket.parent().and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return Vec::new();
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let ports = names.filter_map(|name| name.strip_prefix("tower-")?.strip_suffix(".sock")?.parse::<u16>().ok());
    ports.filter(|&other| other != port).take(16).map(|port| port.to_string()).collect()
}
