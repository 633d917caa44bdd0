//! One file, by symphonia, as stereo at the file's own rate.

use super::decode::{DecodeError, TrackInfo};
use super::packets::{PacketDecoder, StereoBlock};
use super::tags::{self, Tags};
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::Time;

/// Packets in a row that may be undecodable before the file is given up.
const BAD_PACKETS_MAX: u32 = 100;

pub(super) struct Reader {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    packets: PacketDecoder,
    bad_packets: u32,
    /// Seconds decoded so far, to say where a file is damaged.
    decoded_s: f64,
}

impl Reader {
    pub(super) fn open_file(path: &Path) -> Result<File, DecodeError> {
        let cannot_open = |source| DecodeError::Open { path: path.into(), source };
        // Asked first, because opening a named pipe would wait for its writer.
        let kind = std::fs::metadata(path).map_err(cannot_open)?.file_type();
        if !kind.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(cannot_open(source));
        }
        File::open(path).map_err(cannot_open)
    }

    pub(super) fn of_file(mut file: File, path: &Path) -> Result<(Self, TrackInfo), DecodeError> {
        let found = tags::of_file(&mut file);
        file.rewind().map_err(|source| DecodeError::Open { path: path.into(), source })?;
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
            hint.with_extension(extension);
        }
        let unknown = |reason: String| DecodeError::Format { path: path.into(), reason };
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| unknown(error.to_string()))?;
        let packets = PacketDecoder::new(&*format, true).map_err(|error| unknown(error.to_string()))?;
        let duration = format.default_track(TrackType::Audio).and_then(duration_of);
        let mut info = TrackInfo::of(path, duration);
        Tags { title: info.title, artist: info.artist, details: info.details, mastering: info.mastering } =
            tags::of_container(&mut *format, found);
        let reader = Self { path: path.into(), format, packets, bad_packets: 0, decoded_s: 0.0 };
        Ok((reader, info))
    }

    /// Goes to about `at`, and says where that is; none where it cannot.
    pub(super) fn seek(&mut self, at: Duration) -> Option<Duration> {
        let track = self.format.default_track(TrackType::Audio)?;
        let base = track.time_base?;
        let (track_id, time) = (Some(track.id), Time::try_from_secs_f64(at.as_secs_f64())?);
        let reached = self.format.seek(SeekMode::Accurate, SeekTo::Time { time, track_id }).ok()?;
        let reached = Duration::try_from_secs_f64(base.calc_time(reached.actual_ts)?.as_secs_f64()).ok()?;
        self.packets = PacketDecoder::new(&*self.format, false).ok()?;
        Some(reached)
    }

    pub(super) fn codec_name(&self) -> &'static str {
        self.packets.codec_name()
    }

    /// Replaces `block` by what comes next; false at the end of the file.
    pub(super) fn read(&mut self, block: &mut StereoBlock) -> Result<bool, DecodeError> {
        block.samples.clear();
        while block.samples.is_empty() {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) if self.decoded_s == 0.0 => {
                    return Err(DecodeError::Empty { path: self.path.clone() });
                }
                Ok(None) => return Ok(false),
                Err(Error::ResetRequired) => {
                    self.follow_chained_stream()?;
                    continue;
                }
                Err(error) => return Err(self.damaged(error.to_string())),
            };
            match self.packets.decode(&packet, block) {
                Ok(()) => {}
                Err(Error::DecodeError(reason)) => self.count_bad_packet(reason)?,
                Err(error) => return Err(self.damaged(error.to_string())),
            }
        }
        self.bad_packets = 0;
        self.decoded_s += (block.samples.len() / 2) as f64 / f64::from(block.rate_hz);
        Ok(true)
    }

    /// Another stream begins in the same file (chained Ogg): its tracks and its decoder are new.
    fn follow_chained_stream(&mut self) -> Result<(), DecodeError> {
        self.count_bad_packet("too many chained streams without audio")?;
        self.packets = PacketDecoder::new(&*self.format, true).map_err(|error| self.damaged(error.to_string()))?;
        Ok(())
    }

    fn count_bad_packet(&mut self, reason: &str) -> Result<(), DecodeError> {
        self.bad_packets += 1;
        if self.bad_packets > BAD_PACKETS_MAX {
            return Err(self.damaged(reason.into()));
        }
        Ok(())
    }

    fn damaged(&self, reason: String) -> DecodeError {
        DecodeError::Damaged { path: self.path.clone(), reason: format!("after {:.1} s ({reason})", self.decoded_s) }
    }
}

fn duration_of(track: &Track) -> Option<Duration> {
    let time = track.time_base?.calc_duration(track.duration?)?;
    Duration::try_from_secs_f64(time.as_secs_f64()).ok()
}
