//! `tower status`: what a running tower is doing, asked over its Unix admin socket.

mod client;
mod render;

use super::args::StatusArgs;
use super::{colours_wanted, print};
use crate::config::{Loaded, admin_socket_path};
use std::path::Path;
use std::time::Duration;

pub(crate) use client::{ask, ask_for, connect, get};

const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// Cursor home, and clear from there on: less flicker than clearing first.
const HOME: &str = "\x1b[H";
const CLEAR_REST: &str = "\x1b[J";
const CLEAR_LINE_REST: &str = "\x1b[K";

/// Shows the status once, or every second until interrupted.
///
/// # Errors
/// If no tower answers, with what to do; while watching, that is shown instead and tried again.
pub fn run(args: &StatusArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let port = loaded.config.server.port;
    let socket = admin_socket_path(&loaded.config, port)?;
    let colours = colours_wanted();
    if !args.watch {
        let body = get(&socket, "/status").map_err(|error| anyhow::anyhow!(nobody_there(&socket, port, &error)))?;
        if args.json {
            print(&body);
            print("\n");
        } else {
            print(&render::table(&serde_json::from_str(&body)?, colours));
        }
        return Ok(());
    }
    print("\x1b[2J");
    loop {
        let screen = match get(&socket, "/status") {
            Ok(body) => match serde_json::from_str(&body) {
                Ok(status) => render::table(&status, colours),
                Err(error) => format!("the answer is not JSON: {error}\n"),
            },
            Err(error) => nobody_there(&socket, port, &error) + "\n",
        };
        let lines = screen.replace('\n', &format!("{CLEAR_LINE_REST}\n"));
        print(&format!("{HOME}{lines}{CLEAR_REST}"));
        std::thread::sleep(WATCH_PERIOD);
    }
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
