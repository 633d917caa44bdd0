//! One connected source, on a thread of its own: from its socket to its buffer.

use super::body::Body;
use super::child::{self, ChildSettings};
use super::decoder::{DecoderFigures, StreamEnd};
use super::end::session_end;
use super::handshake::{self, Admission};
use crate::ingest::producer::ClockWarning;
use radio_base::journal::event::SessionEnd;
use radio_base::title::Title;
use radio_config::{Input, WhenFull};
use radio_signal::ingest::{BufferGauge, BufferWriter, DriftResampler};
use radio_signal::pcm::AudioFrame;
use radio_signal::units::{TICK_MS, TICK_VALUES};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An answer must have been taken within this time.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// What a session counts, for anyone, and how it is told to end.
#[derive(Debug, Default)]
pub struct SessionFigures {
    /// Bytes of its body.
    pub bytes: Arc<AtomicU64>,
    /// What its decoder counts.
    pub decoder: DecoderFigures,
    /// It has been told to end.
    pub stop: AtomicBool,
}

/// On what terms a source is served.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// What it was told.
    pub admission: &'a Admission,
    /// Where it connected.
    pub input: &'a Input,
    /// Who decodes what the tower cannot read itself.
    pub children: &'a ChildSettings,
}

/// Serves one source to its end; `heard` is called with the titles within it.
pub fn run(
    socket: TcpStream,
    beyond: Vec<u8>,
    terms: Terms<'_>,
    writer: BufferWriter,
    figures: &SessionFigures,
    heard: impl FnMut(Title),
) -> SessionEnd {
    let served = serve(socket, beyond, terms, writer, figures, heard);
    served.unwrap_or_else(|error| SessionEnd::Broken { error: Some(error.to_string()) })
}

fn serve(
    mut socket: TcpStream,
    beyond: Vec<u8>,
    terms: Terms<'_>,
    writer: BufferWriter,
    figures: &SessionFigures,
    heard: impl FnMut(Title),
) -> std::io::Result<SessionEnd> {
    let Terms { admission, input, children } = terms;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(Duration::from_millis(input.timeout_ms)))?;
    socket.set_write_timeout(Some(ANSWER_TIME_MAX))?;
    socket.write_all(admission.welcome)?;

    let body = Body::new(socket, admission.framing, beyond, Arc::clone(&figures.bytes));
    let (body, gauge) = (Arc::new(Mutex::new(body)), writer.gauge());
    let mut sink = Sink::new(writer, input.when_full, &figures.stop).named(&input.name);
    let lumps = |ticks| gauge.expect_lumps(ticks);
    let end =
        child::decode(&body, admission.format, children, &figures.decoder, heard, lumps, |samples| sink.take(samples));
    let is_wanted = end != StreamEnd::Unwanted && !figures.stop.load(Relaxed);
    if is_wanted {
        sink.finish();
    } else {
        sink.give_way();
    }

    let mut body = body.lock().unwrap_or_else(PoisonError::into_inner);
    let body_end = body.end();
    if is_wanted {
        let has_ffmpeg = children.has_ffmpeg();
        let answer = handshake::final_answer(!matches!(end, StreamEnd::Unreadable(_)), has_ffmpeg);
        let _may_have_hung_up = bid_farewell(body.socket(), if admission.wants_final_answer { &answer } else { b"" });
    }
    Ok(if is_wanted { session_end(end, body_end, input.timeout_ms) } else { SessionEnd::Ended })
}

/// Answers, and reads what is still being sent for a moment: closing on unread bytes resets the connection, and the
/// answer with it.
fn bid_farewell(socket: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    socket.write_all(answer)?;
    socket.shutdown(Shutdown::Write)?;
    socket.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    let until = Instant::now() + ANSWER_TIME_MAX;
    let mut unread = [0; 4096];
    while Instant::now() < until && socket.read(&mut unread)? > 0 {}
    Ok(())
}

/// Cuts samples into ticks and puts them into the buffer, following the source's clock (SPEC IN-7).
pub struct Sink<'a> {
    writer: BufferWriter,
    gauge: BufferGauge,
    resampler: DriftResampler,
    warning: ClockWarning,
    waits: bool,
    stop: &'a AtomicBool,
}

impl<'a> Sink<'a> {
    /// Into the buffer of `writer`, until `stop`.
    pub fn new(writer: BufferWriter, when_full: WhenFull, stop: &'a AtomicBool) -> Self {
        let (gauge, waits) = (writer.gauge(), when_full == WhenFull::Wait);
        let warning = ClockWarning::new("a source");
        Self { writer, gauge, resampler: DriftResampler::measuring(), warning, waits, stop }
    }

    /// This sink, of the source of the input `name`.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { warning: ClockWarning::new(name), ..self }
    }

    /// Takes all whole ticks out of `samples`, whose full scale is 1; false when nobody wants more.
    pub fn take(&mut self, samples: &mut Vec<f32>) -> bool {
        if self.is_unwanted() {
            return false;
        }
        let whole = samples.len() - samples.len() % TICK_VALUES;
        for values in samples[..whole].chunks_exact(TICK_VALUES) {
            let mut frame = AudioFrame::SILENCE;
            frame.0.copy_from_slice(values);
            if !self.offer(&frame) {
                return false;
            }
        }
        samples.drain(..whole);
        true
    }

    fn offer(&mut self, frame: &AudioFrame) -> bool {
        while self.waits && self.writer.is_full() && !self.is_unwanted() {
            std::thread::sleep(Duration::from_millis(TICK_MS / 2));
        }
        if self.is_unwanted() {
            return false;
        }
        if self.waits {
            self.resampler.forget();
        }
        let writer = &mut self.writer;
        self.resampler.push(frame, self.gauge.state(), |frame| _ = writer.offer(frame));
        self.warning.check(&self.resampler);
        true
    }

    /// The source has been ended: what it left is heard until another one follows, and no longer.
    pub fn give_way(self) {
        self.writer.give_way();
    }

    fn is_unwanted(&self) -> bool {
        self.stop.load(Relaxed) || self.writer.is_abandoned()
    }

    /// The source is over: passes on what the resampler still holds.
    pub fn finish(self) {
        let mut writer = self.writer;
        self.resampler.finish(|frame| _ = writer.offer(frame));
    }
}
