//! A source client for Icecast: the synthetic stream in real time.

use crate::bare::frames_due;
use crate::frame::synthetic;
use anyhow::{Context, Result, ensure};
use clap::Args;
use radio_proof::http::{basic_auth, read_head};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Where the stream goes.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// The Icecast server.
    #[arg(long)]
    pub to: SocketAddr,
    /// Its mount.
    #[arg(long, default_value = "/stream")]
    pub mount: String,
    /// Password of the user `source`.
    #[arg(long, default_value = "hackme")]
    pub password: String,
    /// Bitrate of the synthetic stream.
    #[arg(long, default_value_t = 128)]
    pub kbps: usize,
    /// Seconds of it that are sent at once, so that there is a burst.
    #[arg(long, default_value_t = 5.0)]
    pub lead_s: f64,
}

/// Sends until the server leaves.
///
/// # Errors
/// When the server refuses, or has left.
pub fn run(source: &Source) -> Result<()> {
    let mut stream = TcpStream::connect(source.to).with_context(|| format!("no server at {}", source.to))?;
    stream.set_nodelay(true)?;
    let request = format!(
        "PUT {} HTTP/1.1\r\nHost: {}\r\n{}Content-Type: audio/mpeg\r\nIce-Public: 0\r\nExpect: 100-continue\r\n\r\n",
        source.mount,
        source.to,
        basic_auth("source", &source.password)
    );
    stream.write_all(request.as_bytes())?;
    let (head, _) = read_head(&mut stream)?;
    ensure!([100, 200].contains(&head.status()), "the server does not take the stream: {}", head.status_line);
    let started = Instant::now();
    let lead = frames_due(Duration::from_secs_f64(source.lead_s));
    let mut number = 0;
    loop {
        while number < lead + frames_due(started.elapsed()) {
            stream.write_all(&synthetic(number, source.kbps)).context("the server has left")?;
            number += 1;
        }
        std::thread::sleep(Duration::from_millis(12));
    }
}
