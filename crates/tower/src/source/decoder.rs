//! A stream without an end as stereo at 48 kHz: what is damaged is left out, counted, and not the end.

use super::formats::Format;
use crate::files::convert::Converter;
use crate::files::packets::{PacketDecoder, StereoBlock};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;

/// Bad packets in a row after which the container is looked for anew.
const BAD_PACKETS_MAX: u32 = 100;
/// Times in a row that it is looked for and gives no audio, before the stream is given up.
const RESYNCS_MAX: u32 = 5;

/// What a decoder counts, for anyone.
#[derive(Debug, Default)]
pub struct DecoderFigures {
    /// The codec and its rate, once there is audio.
    pub sound: OnceLock<(&'static str, u32)>,
    /// Packets that could not be decoded.
    pub bad_packets: AtomicU64,
    /// Times that the container was looked for anew, or that another child went on.
    pub resyncs: AtomicU64,
    /// The child that decodes; 0 if there is none.
    pub child_pid: AtomicU32,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// There is no more of it.
    Over,
    /// There was never anything in it that could be read; why.
    Unreadable(String),
    /// There was audio, and then nothing more that could be read; why.
    Damaged(String),
    /// Nobody wants more of it.
    Unwanted,
}

/// Bytes that a decoder reads and that outlive it: behind damage another goes on with them.
struct Shared<R>(Arc<Mutex<R>>);

impl<R: Read> Read for Shared<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(bytes)
    }
}

/// Decodes `bytes` to the end; `sink` takes interleaved samples at 48 kHz in steps of 16 bits, neither rounded nor clamped,
/// and says whether it wants more.
pub fn decode<R: Read + Send + 'static>(
    bytes: &Arc<Mutex<R>>,
    format: Format,
    figures: &DecoderFigures,
    mut sink: impl FnMut(&mut Vec<f32>) -> bool,
) -> StreamEnd {
    let (mut converter, mut samples) = (Converter::new(), Vec::new());
    let (mut fruitless, mut reason) = (0, String::from("it holds no audio"));
    while fruitless <= RESYNCS_MAX {
        let outcome = Container::open(bytes, format).and_then(|mut container| {
            let played = container.play(figures, |block| {
                fruitless = 0;
                converter.push_unrounded(block.rate_hz, &block.samples, &mut samples);
                sink(&mut samples)
            });
            played.map(|end| (end, container.packets.codec_name()))
        });
        match outcome {
            Ok((Played::Unwanted, _)) => return StreamEnd::Unwanted,
            Ok((Played::Over, _)) => {
                converter.finish_unrounded(&mut samples);
                sink(&mut samples);
                let is_heard = figures.sound.get().is_some();
                return if is_heard { StreamEnd::Over } else { StreamEnd::Unreadable(reason) };
            }
            Err(Error::IoError(error)) => {
                reason = error.to_string();
                break;
            }
            // Not a fault that comes from damage: the next attempt would find the same.
            Err(Error::Unsupported(what)) if figures.sound.get().is_none() => {
                return StreamEnd::Unreadable(what.to_owned());
            }
            Err(error) => {
                reason = error.to_string();
                fruitless += 1;
                figures.resyncs.fetch_add(1, Relaxed);
            }
        }
    }
    if figures.sound.get().is_some() { StreamEnd::Damaged(reason) } else { StreamEnd::Unreadable(reason) }
}

/// How a container ended without an error.
enum Played {
    Over,
    Unwanted,
}

struct Container {
    format: Box<dyn FormatReader>,
    packets: PacketDecoder,
}

impl Container {
    /// Looks for the beginning of a container in what comes.
    fn open<R: Read + Send + 'static>(bytes: &Arc<Mutex<R>>, format: Format) -> Result<Self, Error> {
        let source = ReadOnlySource::new(Shared(Arc::clone(bytes)));
        let stream = MediaSourceStream::new(Box::new(source), Default::default());
        let mut hint = Hint::new();
        hint.with_extension(format.extension());
        let format = symphonia::default::get_probe().probe(
            &hint,
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )?;
        let packets = PacketDecoder::new(&*format, false)?;
        Ok(Self { format, packets })
    }

    /// Plays to the end, or to an error behind which it cannot go on.
    fn play(&mut self, figures: &DecoderFigures, mut take: impl FnMut(&StereoBlock) -> bool) -> Result<Played, Error> {
        let mut block = StereoBlock::default();
        let mut bad_in_a_row = 0;
        loop {
            block.samples.clear();
            let decoded = match self.format.next_packet() {
                Ok(None) => return Ok(Played::Over),
                Ok(Some(packet)) => self.packets.decode(&packet, &mut block),
                // Another stream follows in the same container: in Ogg, with each title.
                Err(Error::ResetRequired) => PacketDecoder::new(&*self.format, false).map(|new| self.packets = new),
                Err(error) => Err(error),
            };
            match decoded {
                Ok(()) if block.samples.is_empty() => {}
                Ok(()) => {
                    bad_in_a_row = 0;
                    let _ = figures.sound.set((self.packets.codec_name(), block.rate_hz));
                    if !take(&block) {
                        return Ok(Played::Unwanted);
                    }
                }
                Err(Error::DecodeError(reason)) => {
                    figures.bad_packets.fetch_add(1, Relaxed);
                    bad_in_a_row += 1;
                    if bad_in_a_row > BAD_PACKETS_MAX {
                        return Err(Error::DecodeError(reason));
                    }
                }
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Played::Over),
                Err(error) => return Err(error),
            }
        }
    }
}
