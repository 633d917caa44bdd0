//! `tower events`: follows a running tower's events over its Unix admin socket, through its restarts.

use super::args::EventsArgs;
use super::status::{connect, nobody_there};
use super::{Paint, colours_wanted};
use anyhow::bail;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use radio_base::text::cleaned;
use radio_config::{Loaded, admin_socket_path};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

/// The tower sends something every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);
/// Between two attempts to reach it.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes of a line at most.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// An ID that no tower has given: all that is kept comes after it.
const FROM_THE_BEGINNING: &str = "start";

/// Shows events until interrupted.
///
/// # Errors
/// If no tower answers at the beginning; later it is waited for.
pub fn run(args: &EventsArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let port = loaded.config.server.port;
    let socket = admin_socket_path(&loaded.config, port)?;
    let mut last = args.all.then(|| FROM_THE_BEGINNING.to_owned());
    let mut was_there = false;
    loop {
        let Err(error) = follow(&socket, args, &mut last, &mut was_there) else { return Ok(()) };
        if !was_there {
            bail!(nobody_there(&socket, port, &error));
        }
        std::thread::sleep(RETRY);
    }
}

/// One connection to its end, which is an error unless nobody reads what is shown any more.
fn follow(socket: &Path, args: &EventsArgs, last: &mut Option<String>, was_there: &mut bool) -> std::io::Result<()> {
    let mut stream = connect(socket)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let kind = args.kind.as_deref().map_or(String::new(), |kinds| format!("?kind={}", encoded(kinds)));
    let id = last.as_deref().map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
    // HTTP/1.0, so that the answer is not cut into chunks.
    stream.write_all(format!("GET /events{kind} HTTP/1.0\r\nHost: tower\r\n{id}\r\n").as_bytes())?;
    let mut lines = BufReader::new(stream);
    let status = line(&mut lines)?;
    if status.split(' ').nth(1) != Some("200") {
        return Err(std::io::Error::other(format!("the answer is {status}")));
    }
    while !line(&mut lines)?.is_empty() {}
    *was_there = true;
    loop {
        let line = line(&mut lines)?;
        if let Some(id) = line.strip_prefix("id:") {
            *last = Some(id.trim().to_owned());
        } else if let Some(data) = line.strip_prefix("data:")
            && show(data.trim(), args.json).is_err()
        {
            return Ok(());
        }
    }
}

fn line(lines: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if lines.take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the tower hung up"));
    }
    Ok(line.trim_end().to_owned())
}

fn show(data: &str, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{data}")?;
        return out.flush();
    }
    let event: Value = serde_json::from_str(data).unwrap_or_default();
    let colours = colours_wanted();
    let (kind, text) = (event["kind"].as_str().unwrap_or("?"), event["text"].as_str().unwrap_or(data));
    let paint = match kind {
        "alarm" => Paint::Red,
        "alarm_over" | "on_air" => Paint::Green,
        "encoder" | "hold" | "silence" | "reanchor" => Paint::Yellow,
        _ => Paint::Bold,
    };
    let who = event["who"].as_str().map_or(String::new(), |who| format!(" ({who})"));
    let seconds = Duration::try_from_secs_f64(event["time"].as_f64().unwrap_or(0.0)).unwrap_or_default();
    let time = httpdate::fmt_http_date(std::time::UNIX_EPOCH + seconds);
    let (time, kind) = (Paint::Dim.on(&time, colours), paint.on(&format!("{kind:<10}"), colours));
    writeln!(out, "{time}  {kind}  {}{}", cleaned(text), cleaned(&who))?;
    out.flush()
}
