//! The program of a decoder process: foreign bytes in, PCM out, in a sandbox.
//!
//! It takes files one after the other, each an open descriptor, or one stream on standard input.
//! PCM leaves on standard output as interleaved stereo at 48 kHz, 32-bit floats in little-endian
//! order, full scale +-1, never clamped.

use super::foreign::{self, ForeignPcm};
use super::output::Damage;
pub use super::output::{Gone, Output};
use super::paged::Paged;
use super::protocol::{Body, Outcome, PIECE_BYTES_MAX, Request, Tags};
use super::requests::Requests;
use crate::media::convert::Converter;
use crate::media::demuxer::Demuxer;
use crate::media::file::decode::tags_of;
use crate::media::file::{DecodeError, Decoder, TrackInfo};
use crate::media::formats::Format;
use crate::media::stream::joiner::Joiner;
use crate::media::stream::{Event, Options, Stream};
use radio_signal::units::SAMPLE_RATE_HZ;
use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// A position up to which a file is decoded from its beginning, so that the sound is the same to
/// the bit. What lies behind it is sought.
const SEEK_FROM: Duration = Duration::from_secs(120);
/// Decoded before a position that was sought, until the decoder has settled.
const SEEK_EARLIER: Duration = Duration::from_secs(1);
/// FFmpeg's demuxer of Ogg.
const OGG: &str = "ogg";

/// Decodes the files that `requests` names, one after the other and without a sample between them,
/// until its other end is closed.
///
/// # Errors
/// Nothing reads the output.
pub fn serve_files(output: &mut Output, requests: &mut Requests) -> Result<(), Gone> {
    let mut converter = Converter::new();
    while let Some(received) = requests.next_request()? {
        match received {
            (Request::Play { file: number, from_sample, extension }, Some(file)) => {
                let name = format!("file.{extension}");
                play(output, requests, file.into(), Path::new(&name), (number, from_sample), &mut converter)?;
            }
            (Request::Flush, _) => flush(output, &mut converter)?,
            _ => return Err(Gone),
        }
    }
    Ok(())
}

fn flush(output: &mut Output, converter: &mut Converter) -> Result<(), Gone> {
    let mut samples = Vec::new();
    converter.finish_unrounded(&mut samples);
    output.write(&mut samples, Damage::default())?;
    output.tell(Body::Flushed)
}

fn play(
    output: &mut Output,
    requests: &mut Requests,
    mut file: File,
    path: &Path,
    (number, from_sample): (u64, u64),
    converter: &mut Converter,
) -> Result<(), Gone> {
    output.input_byte = 0;
    let again = file.try_clone();
    // The end of the file before comes out of the resampler with the first samples of this one.
    let held = converter.held_samples();
    // The descriptor may have been read by another process, and shares its position.
    let opened = match file.rewind() {
        Ok(()) => Decoder::of_file(file, path, converter),
        Err(source) => Err(DecodeError::Open { path: path.into(), source }),
    };
    let mut decoder = match opened {
        Ok(decoder) => decoder,
        Err(DecodeError::Foreign { demuxer, .. }) if let Some(demuxer) = Demuxer::named(demuxer) => {
            let info = again.and_then(|file| file.try_clone().map(|again| (tags_of(file, path), again)));
            let (info, again) = match info {
                Ok((info, again)) => (info, Some(again)),
                Err(_) => (TrackInfo::of(path, None), None),
            };
            output.to_skip = from_sample;
            let of_ogg = again.filter(|_| demuxer.name() == OGG);
            let outcome = match of_ogg.map(|file| play_ogg(output, file, number, &info, converter)).transpose()? {
                Some(Some(outcome)) => outcome,
                _ => play_foreign(output, requests, number, demuxer, &info, converter)?,
            };
            return output.tell(Body::Ended { file: number, outcome });
        }
        Err(error) => return output.tell(Body::Ended { file: number, outcome: outcome_of(error) }),
    };
    begin(output, number, decoder.info(), held)?;

    let wanted = Duration::from_micros(from_sample * 1_000_000 / u64::from(SAMPLE_RATE_HZ));
    let reached = if wanted > SEEK_FROM { decoder.seek(wanted - SEEK_EARLIER) } else { Duration::ZERO };
    output.to_skip = from_sample.saturating_sub((reached.as_secs_f64() * f64::from(SAMPLE_RATE_HZ)).round() as u64);
    let (mut samples, mut format) = (Vec::new(), ("", 0));
    let outcome = loop {
        match decoder.next_unrounded(&mut samples) {
            Ok(true) => {}
            Ok(false) => break Outcome::Over,
            Err(error) => break outcome_of(error),
        }
        if decoder.format() != format {
            format = decoder.format();
            output.tell(Body::Format { codec: format.0.into(), rate_hz: format.1 })?;
        }
        output.write(&mut samples, Damage::default())?;
    };
    *converter = decoder.into_converter();
    output.progress(Damage::default())?;
    output.tell(Body::Ended { file: number, outcome })
}

/// A file begins behind so many samples of the one before.
fn begin(output: &Output, number: u64, info: &TrackInfo, held: u64) -> Result<(), Gone> {
    for piece in info.details.cover.iter().flat_map(|cover| cover.bytes.chunks(PIECE_BYTES_MAX)) {
        output.tell(Body::Cover(piece.to_vec()))?;
    }
    output.tell_ahead(held, Body::Started { file: number, tags: Box::new(Tags::from_info(info)) })
}

/// A file of Ogg that symphonia does not decode, as a live stream of it would be: Opus. None if it is
/// for FFmpeg.
fn play_ogg(
    output: &mut Output,
    mut file: File,
    number: u64,
    info: &TrackInfo,
    converter: &mut Converter,
) -> Result<Option<Outcome>, Gone> {
    if file.rewind().is_err() {
        return Ok(None);
    }
    let mut stream = Stream::new(file, Options { said: Format::Ogg, trims_end: true });
    let (mut has_begun, mut samples) = (false, Vec::new());
    loop {
        match stream.next_event() {
            Event::Format(codec, rate_hz) => {
                if !has_begun {
                    has_begun = true;
                    begin(output, number, info, converter.held_samples())?;
                }
                output.tell(Body::Format { codec: codec.into(), rate_hz })?;
            }
            Event::Sound(block) => converter.push_unrounded(block.rate_hz, &block.samples, &mut samples),
            Event::Cut | Event::Title(_) | Event::Head(_) => {}
            Event::Needs(_) if !has_begun => return Ok(None),
            Event::Needs(_) | Event::Over => break,
        }
        output.write(&mut samples, Damage::of(&stream))?;
    }
    output.progress(Damage::of(&stream))?;
    Ok(Some(if has_begun { Outcome::Over } else { Outcome::Empty }))
}

/// A file that FFmpeg decodes. It begins with its first sample: before, nobody knows whether it can be.
fn play_foreign(
    output: &mut Output,
    requests: &mut Requests,
    number: u64,
    demuxer: Demuxer,
    info: &TrackInfo,
    converter: &mut Converter,
) -> Result<Outcome, Gone> {
    let mut pcm = match foreign::ask(output, requests, number, demuxer)? {
        Ok(socket) => ForeignPcm::new(socket),
        Err(why) => return Ok(Outcome::Unreadable(why)),
    };
    let (mut has_begun, mut stereo, mut samples) = (false, Vec::new(), Vec::new());
    while pcm.read(&mut stereo) {
        if !has_begun {
            has_begun = true;
            begin(output, number, info, converter.held_samples())?;
            output.tell(Body::Format { codec: demuxer.name().into(), rate_hz: SAMPLE_RATE_HZ })?;
        }
        converter.push_unrounded(SAMPLE_RATE_HZ, &stereo, &mut samples);
        stereo.clear();
        output.write(&mut samples, Damage::default())?;
    }
    let complaint = foreign::ended(output, requests)?;
    output.progress(Damage::default())?;
    Ok(match (has_begun, complaint.is_empty()) {
        (true, _) => Outcome::Over,
        (false, true) => Outcome::Empty,
        (false, false) => Outcome::Unreadable(complaint),
    })
}

/// The tower knows the file's name; the process does not.
fn outcome_of(error: DecodeError) -> Outcome {
    match error {
        DecodeError::Empty { .. } => Outcome::Empty,
        DecodeError::Format { reason, .. } => Outcome::Unreadable(reason),
        DecodeError::Open { source, .. } => Outcome::Unreadable(source.to_string()),
        DecodeError::Damaged { reason, .. } => Outcome::Damaged(reason),
        DecodeError::Foreign { demuxer, .. } => Outcome::Unreadable(format!("it needs FFmpeg: {demuxer}")),
        // The tower says so, and no decoder.
        DecodeError::Kills { reason, .. } => Outcome::Unreadable(reason.to_owned()),
    }
}

/// Decodes `stdin`, which is said to be of `format`, to its end.
///
/// # Errors
/// Nothing reads the output.
pub fn decode_stream(output: &mut Output, requests: &mut Requests, stdin: File, format: Format) -> Result<(), Gone> {
    let Ok(stdin_again) = stdin.as_fd().try_clone_to_owned() else { return Err(Gone) };
    let mut stream = Stream::new(Paged::new(stdin), Options { said: format, trims_end: false });
    let (mut joiner, mut samples) = (Joiner::default(), Vec::new());
    let (first_byte, mut is_heard) = (output.input_byte, false);
    let mut reason = String::from("it holds no audio");
    loop {
        let event = stream.next_event();
        output.input_byte = first_byte + stream.resume_byte();
        output.tell_lumps(stream.source().lump_ticks())?;
        match event {
            Event::Sound(block) => joiner.push(block.rate_hz, &block.samples, &mut samples),
            Event::Cut => joiner.cut(&mut samples),
            Event::Head(head) => output.tell_head(head)?,
            Event::Title(title) => output.tell(Body::Title { artist: title.artist, title: title.title })?,
            Event::Format(codec, rate_hz) => output.tell(Body::Format { codec: codec.into(), rate_hz })?,
            Event::Needs(name) => {
                joiner.cut(&mut samples);
                output.write(&mut samples, Damage::of(&stream))?;
                let Some(demuxer) = Demuxer::named(name) else { break };
                match foreign::ask(output, requests, 0, demuxer)? {
                    Ok(socket) => {
                        let through = (stdin_again.as_fd(), socket);
                        is_heard |= foreign::pass(output, &mut joiner, &mut stream, demuxer, through)?;
                        joiner.cut(&mut samples);
                        let complaint = foreign::ended(output, requests)?;
                        if !is_heard && !complaint.is_empty() {
                            reason = complaint;
                        }
                    }
                    Err(why) if is_heard || stream.is_heard() => {
                        output.tell(Body::Warning(why))?;
                        foreign::skip(&mut stream, demuxer);
                    }
                    Err(why) => {
                        reason = why;
                        break;
                    }
                }
            }
            Event::Over => break,
        }
        output.write(&mut samples, Damage::of(&stream))?;
    }
    joiner.finish(&mut samples);
    output.write(&mut samples, Damage::of(&stream))?;
    output.progress(Damage::of(&stream))?;
    let is_heard = is_heard || stream.is_heard();
    let outcome = if is_heard { Outcome::Over } else { Outcome::Unreadable(reason) };
    output.tell(Body::Ended { file: 0, outcome })
}

/// A descriptor that the process was started with.
///
/// # Errors
/// It is not open.
#[allow(unsafe_code, reason = "a number on the command line becomes a descriptor once, at start")]
pub fn inherited(number: i32) -> io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is only asked whether it is open.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) })?;
    // SAFETY: it is open, nothing else in this process owns it, and it is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
