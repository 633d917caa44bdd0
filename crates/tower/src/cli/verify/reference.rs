//! What should have been received: the monitor's PCM, encoded by a process of our own.
//!
//! ```text
//!   /admin/monitor --> thread --> stdin of the encoder
//!                                  stdout of the encoder --> thread --> events
//! ```

use super::answer::{Answer, read_some};
use super::follow::Event;
use anyhow::{Context, bail};
use radio_base::child_process::environment;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

/// One read of PCM or frames.
const PIECE_BYTES: usize = 16 << 10;

/// Bytes of a WAV head as the tower writes it.
const WAV_HEAD_BYTES: usize = 44;

/// Bytes of an encoder's last words.
const WORDS_BYTES_MAX: usize = 2000;

/// A running encoder of the monitor's PCM; killed when dropped.
pub(super) struct Reference {
    child: Child,
    monitor: TcpStream,
    words: Option<JoinHandle<String>>,
}

impl Reference {
    /// Starts `command` on the PCM of `monitor`; its frames become events.
    ///
    /// # Errors
    /// If the monitor is of another format, or the encoder cannot be started.
    pub(super) fn start(mut monitor: Answer, command: &[OsString], events: SyncSender<Event>) -> anyhow::Result<Self> {
        let mut head = std::mem::take(&mut monitor.body);
        if head.len() < WAV_HEAD_BYTES {
            let have = head.len();
            head.resize(WAV_HEAD_BYTES, 0);
            monitor.socket.read_exact(&mut head[have..]).context("the monitor's head breaks off")?;
        }
        let pcm = head.split_off(WAV_HEAD_BYTES);
        if !is_the_towers_wav(&head) {
            bail!("the monitor is no 16-bit stereo WAV at 48 kHz; use the `tower verify` of the tower's own version");
        }
        let socket = monitor.socket.try_clone()?;
        let Some((executable, arguments)) = command.split_first() else { bail!("the encoder's command is empty") };
        // In a process group of its own, so that Ctrl-C reaches only us.
        let mut child = Command::new(executable);
        environment::restrict(&mut child, &[]);
        let mut child = child
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("the encoder {} cannot be started", executable.to_string_lossy()))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut started = Self { child, monitor: socket, words: None };
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            bail!("the encoder has no pipes");
        };
        started.words = Some(std::thread::spawn(move || last_words(stderr)));
        let of_monitor = events.clone();
        std::thread::spawn(move || {
            if let Some(reason) = feed(&mut monitor.socket, &mut stdin, &pcm) {
                // Before stdin is closed: what an encoder then makes of the end is no reference.
                let _nobody_follows_any_more = of_monitor.send(Event::MonitorEnded(reason));
            }
        });
        std::thread::spawn(move || {
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let event = match read_some(&mut stdout, &mut piece) {
                    Ok(0) => Event::EncoderEnded,
                    Ok(count) => Event::Reference(piece[..count].to_vec()),
                    Err(_) => Event::EncoderEnded,
                };
                let ended = matches!(event, Event::EncoderEnded);
                if events.send(event).is_err() || ended {
                    return;
                }
            }
        });
        Ok(started)
    }

    /// Why the encoder ended: its status and its last words.
    #[must_use]
    pub(super) fn obituary(&mut self) -> String {
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        format!("{status}{}{}", if words.is_empty() { "" } else { "; it said: " }, words.trim())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _already_closed = self.monitor.shutdown(Shutdown::Both);
        let _already_dead = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies PCM until one side ends; says how, if it was the monitor.
fn feed(monitor: &mut TcpStream, stdin: &mut impl Write, first: &[u8]) -> Option<String> {
    let mut piece = vec![0; PIECE_BYTES];
    stdin.write_all(first).ok()?;
    loop {
        match read_some(monitor, &mut piece) {
            Ok(0) => return Some("the tower ended the monitor".into()),
            Ok(count) => stdin.write_all(&piece[..count]).ok()?,
            Err(error) => return Some(format!("the monitor broke off ({error})")),
        }
    }
}

/// The end of what an encoder says.
fn last_words(mut stderr: ChildStderr) -> String {
    let (mut words, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = read_some(&mut stderr, &mut piece) {
        words.extend_from_slice(&piece[..count]);
        let beyond = words.len().saturating_sub(WORDS_BYTES_MAX);
        words.drain(..beyond);
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// PCM, two channels, 48 kHz, 16 bits, and the data right behind.
fn is_the_towers_wav(head: &[u8]) -> bool {
    let rate = SAMPLE_RATE_HZ.to_le_bytes();
    head.len() == WAV_HEAD_BYTES
        && head[..4] == *b"RIFF"
        && head[8..16] == *b"WAVEfmt "
        && head[20..24] == [1, 0, CHANNELS as u8, 0]
        && head[24..28] == rate
        && head[34..36] == [16, 0]
        && head[36..40] == *b"data"
}
