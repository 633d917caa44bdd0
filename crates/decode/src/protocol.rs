//! Messages between the tower and a decoder process.
//!
//! They travel on a Unix `SEQPACKET` socket beside the PCM, one message a packet, so the kernel
//! keeps their borders. Records come from the decoder, requests go to it. Every record carries the
//! absolute position in the input and in the output at which it holds: the sample that it names is
//! written to the PCM socket after the record. Numbers are little-endian; a text has its length in
//! two bytes before it.

use super::wire::{Input, VERSION, put_option, put_text, put_u64};
pub use super::wire::{MESSAGE_BYTES_MAX, Malformed, TEXT_BYTES_MAX};
use crate::media::demuxer::Demuxer;
use crate::media::file::TrackInfo;
use crate::media::file::mastering::{Mastering, NUMBERS};
use crate::media::file::tags::{Cover, Details};
use std::path::Path;
use std::time::Duration;

/// Bytes of a picture, or of a head, in one message.
pub const PIECE_BYTES_MAX: usize = 4096;

/// A message from a decoder process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes of the source, or of the file, that were read before.
    pub input_byte: u64,
    /// Samples (of both channels) that were written before.
    pub output_sample: u64,
    /// What it says.
    pub body: Body,
}

/// What a [`Record`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The decoder has closed its sandbox and begins. Always the first record.
    Ready(Sandboxed),
    /// A file begins.
    Started {
        /// Its number, from the request.
        file: u64,
        /// Its tags and length.
        tags: Box<Tags>,
    },
    /// A piece of the picture of the file that begins next, in its order.
    Cover(Vec<u8>),
    /// The format of what follows.
    Format {
        /// The codec's short name.
        codec: String,
        /// The rate of the input in Hz.
        rate_hz: u32,
    },
    /// A title within a stream.
    Title {
        /// Empty if unknown.
        artist: String,
        /// Empty if unknown.
        title: String,
    },
    /// The decoder is at work: its totals, also while it writes no PCM.
    Progress {
        /// Samples decoded and not written, before the position that was wanted.
        skipped: u64,
        /// Packets that could not be decoded.
        bad_packets: u64,
        /// Times that the container was searched for again.
        resyncs: u64,
    },
    /// A piece of what another process must read before it can go on with the stream, in its order.
    Head {
        /// Behind it, only whole groups of so many bytes may be left out.
        group_bytes: u32,
        /// The byte of the input behind it, in its last piece.
        end: Option<u64>,
        /// At most [`PIECE_BYTES_MAX`].
        piece: Vec<u8>,
    },
    /// So many ticks of sound may be kept back by the stream's pages, and then come at once.
    LumpTicks(u32),
    /// Something is wrong, and decoding goes on.
    Warning(String),
    /// The decoder cannot read a file, or the stream (number 0): it waits for FFmpeg, which may.
    NeedsFfmpeg {
        /// Its number, from the request.
        file: u64,
        /// As what FFmpeg is to read it.
        demuxer: Demuxer,
    },
    /// FFmpeg has closed its output: the decoder waits for what is known of its end.
    FfmpegOver,
    /// A file, or the stream (number 0), is over.
    Ended {
        /// Its number, from the request.
        file: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// All that was asked for is done: the resampler is empty.
    Flushed,
}

/// Which parts of its sandbox a decoder process has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sandboxed {
    /// No file can be opened (Landlock).
    pub landlock: bool,
    /// No system call but those for decoding (seccomp).
    pub seccomp: bool,
    /// Limits on memory, files and privileges.
    pub limits: bool,
}

impl Sandboxed {
    /// The names of the parts that are missing.
    pub fn missing(self) -> impl Iterator<Item = &'static str> {
        let parts = [(self.landlock, "Landlock"), (self.seccomp, "seccomp"), (self.limits, "resource limits")];
        parts.into_iter().filter(|(is_on, _)| !is_on).map(|(_, name)| name)
    }
}

/// What a file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Title, if tagged.
    pub title: Option<String>,
    /// Artist, if tagged.
    pub artist: Option<String>,
    /// Album.
    pub album: Option<String>,
    /// Record label.
    pub record_label: Option<String>,
    /// International Standard Recording Code.
    pub isrc: Option<String>,
    /// Year of the recording or release.
    pub year: Option<u64>,
    /// Length in ms, where the container states it.
    pub duration_ms: Option<u64>,
    /// Its place on an album, and its level.
    pub mastering: Mastering,
}

impl Tags {
    /// Those of a file without a picture, which travels by itself.
    #[must_use]
    pub fn from_info(info: &TrackInfo) -> Self {
        let Details { album, record_label, isrc, year, .. } = info.details.clone();
        let duration_ms = info.duration.and_then(|duration| u64::try_from(duration.as_millis()).ok());
        let (title, artist, mastering) = (info.title.clone(), info.artist.clone(), info.mastering.clone());
        Self { title, artist, album, record_label, isrc, year: year.map(u64::from), duration_ms, mastering }
    }

    /// What they say of the file at `path`.
    #[must_use]
    pub fn of_file(self, path: &Path, cover: Option<Cover>) -> TrackInfo {
        let Self { title, artist, album, record_label, isrc, year, duration_ms, mastering } = self;
        let year = year.and_then(|year| u16::try_from(year).ok());
        let details = Details { album, record_label, isrc, year, cover };
        TrackInfo { title, artist, details, mastering, ..TrackInfo::of(path, duration_ms.map(Duration::from_millis)) }
    }
}

/// How a file or a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At its end.
    Over,
    /// It holds no audio.
    Empty,
    /// It is in no known format; the reason.
    Unreadable(String),
    /// It is damaged from here on; the reason.
    Damaged(String),
}

/// A message to a decoder process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Decode the file whose descriptor comes with this message, after those before it.
    Play {
        /// Its number.
        file: u64,
        /// The first sample that is wanted, at 48 kHz.
        from_sample: u64,
        /// The extension of its name, as a hint.
        extension: String,
    },
    /// Nothing follows for now: write what the resampler still holds.
    Flush,
    /// FFmpeg is at the other end of the socket that comes with this message.
    Ffmpeg,
    /// There is no FFmpeg; why.
    NoFfmpeg(String),
    /// FFmpeg has ended by itself; what it complained of last.
    FfmpegEnded(String),
}

impl Record {
    /// The message as bytes, at most [`MESSAGE_BYTES_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_u64(&mut out, self.input_byte);
        put_u64(&mut out, self.output_sample);
        match &self.body {
            Body::Ready(Sandboxed { landlock, seccomp, limits }) => {
                out.extend([0, u8::from(*landlock), u8::from(*seccomp), u8::from(*limits)]);
            }
            Body::Started { file, tags } => {
                let Tags { title, artist, album, record_label, isrc, year, duration_ms, mastering } = &**tags;
                out.push(1);
                put_u64(&mut out, *file);
                for text in [title, artist, album, record_label, isrc, &mastering.album_artist] {
                    put_option(&mut out, text.as_ref(), |out, text| put_text(out, text));
                }
                for number in [*year, *duration_ms].into_iter().chain(mastering.numbers()) {
                    put_option(&mut out, number.as_ref(), |out, number| put_u64(out, *number));
                }
            }
            Body::Cover(piece) => {
                out.push(8);
                out.extend_from_slice(&piece[..piece.len().min(PIECE_BYTES_MAX)]);
            }
            Body::Format { codec, rate_hz } => {
                out.push(2);
                put_text(&mut out, codec);
                out.extend(rate_hz.to_le_bytes());
            }
            Body::Title { artist, title } => {
                out.push(3);
                put_text(&mut out, artist);
                put_text(&mut out, title);
            }
            Body::Progress { skipped, bad_packets, resyncs } => {
                out.push(4);
                [*skipped, *bad_packets, *resyncs].into_iter().for_each(|count| put_u64(&mut out, count));
            }
            Body::Warning(text) => {
                out.push(5);
                put_text(&mut out, text);
            }
            Body::Ended { file, outcome } => {
                out.push(6);
                put_u64(&mut out, *file);
                let (kind, text) = match outcome {
                    Outcome::Over => (0, ""),
                    Outcome::Empty => (1, ""),
                    Outcome::Unreadable(reason) => (2, reason.as_str()),
                    Outcome::Damaged(reason) => (3, reason.as_str()),
                };
                out.push(kind);
                put_text(&mut out, text);
            }
            Body::Flushed => out.push(7),
            Body::NeedsFfmpeg { file, demuxer } => {
                out.push(9);
                put_u64(&mut out, *file);
                put_text(&mut out, demuxer.name());
            }
            Body::FfmpegOver => out.push(10),
            Body::Head { group_bytes, end, piece } => {
                out.push(11);
                out.extend(group_bytes.to_le_bytes());
                put_option(&mut out, end.as_ref(), |out, end| put_u64(out, *end));
                out.extend_from_slice(&piece[..piece.len().min(PIECE_BYTES_MAX)]);
            }
            Body::LumpTicks(ticks) => {
                out.push(12);
                out.extend(ticks.to_le_bytes());
            }
        }
        out
    }

    /// Reads one message.
    ///
    /// # Errors
    /// The bytes are no record, or there are more than one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::versioned(bytes)?;
        let (input_byte, output_sample) = (input.u64()?, input.u64()?);
        let body = match input.u8()? {
            0 => Body::Ready(Sandboxed { landlock: input.bool()?, seccomp: input.bool()?, limits: input.bool()? }),
            1 => {
                let file = input.u64()?;
                let mut text = || input.option(Input::text);
                let (title, artist, album, record_label, isrc) = (text()?, text()?, text()?, text()?, text()?);
                let album_artist = text()?;
                let (year, duration_ms) = (input.option(Input::u64)?, input.option(Input::u64)?);
                let mut numbers = [None; NUMBERS];
                for number in &mut numbers {
                    *number = input.option(Input::u64)?;
                }
                let mastering = Mastering::of(album_artist, numbers);
                let tags = Tags { title, artist, album, record_label, isrc, year, duration_ms, mastering };
                Body::Started { file, tags: Box::new(tags) }
            }
            2 => Body::Format { codec: input.text()?, rate_hz: input.u32()? },
            3 => Body::Title { artist: input.text()?, title: input.text()? },
            4 => Body::Progress { skipped: input.u64()?, bad_packets: input.u64()?, resyncs: input.u64()? },
            5 => Body::Warning(input.text()?),
            6 => {
                let (file, kind, reason) = (input.u64()?, input.u8()?, input.text()?);
                let outcome = match kind {
                    0 if reason.is_empty() => Outcome::Over,
                    1 if reason.is_empty() => Outcome::Empty,
                    2 => Outcome::Unreadable(reason),
                    3 => Outcome::Damaged(reason),
                    _ => return Err(Malformed),
                };
                Body::Ended { file, outcome }
            }
            7 => Body::Flushed,
            8 if input.0.len() <= PIECE_BYTES_MAX => Body::Cover(std::mem::take(&mut input.0).to_vec()),
            9 => {
                let (file, demuxer) = (input.u64()?, input.text()?);
                Body::NeedsFfmpeg { file, demuxer: Demuxer::named(&demuxer).ok_or(Malformed)? }
            }
            10 => Body::FfmpegOver,
            11 => {
                let (group_bytes, end) = (input.u32()?, input.option(Input::u64)?);
                let piece = std::mem::take(&mut input.0);
                if piece.len() > PIECE_BYTES_MAX {
                    return Err(Malformed);
                }
                Body::Head { group_bytes, end, piece: piece.to_vec() }
            }
            12 => Body::LumpTicks(input.u32()?),
            _ => return Err(Malformed),
        };
        input.end(Self { input_byte, output_sample, body })
    }
}

impl Request {
    /// The message as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        match self {
            Self::Play { file, from_sample, extension } => {
                out.push(0);
                put_u64(&mut out, *file);
                put_u64(&mut out, *from_sample);
                put_text(&mut out, extension);
            }
            Self::Flush => out.push(1),
            Self::Ffmpeg => out.push(2),
            Self::NoFfmpeg(why) => {
                out.push(3);
                put_text(&mut out, why);
            }
            Self::FfmpegEnded(complaint) => {
                out.push(4);
                put_text(&mut out, complaint);
            }
        }
        out
    }

    /// Reads one message.
    ///
    /// # Errors
    /// The bytes are no request, or there are more than one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::versioned(bytes)?;
        let request = match input.u8()? {
            0 => Self::Play { file: input.u64()?, from_sample: input.u64()?, extension: input.text()? },
            1 => Self::Flush,
            2 => Self::Ffmpeg,
            3 => Self::NoFfmpeg(input.text()?),
            4 => Self::FfmpegEnded(input.text()?),
            _ => return Err(Malformed),
        };
        input.end(request)
    }
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
