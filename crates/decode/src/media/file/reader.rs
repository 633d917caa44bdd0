//! One file, as stereo at the file's own rate.
//!
//! Damage costs what is damaged: what follows it is decoded, and at the end of the file the damage
//! is told.

use super::container::Container;
use super::cut::Cut;
use super::decode::{DecodeError, TrackInfo};
use super::tags::{self, Tags};
use crate::media::mp4::Edit;
use crate::media::packets::{PacketDecoder, StereoBlock};
use crate::media::tails;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphonia::core::errors::Error;
use symphonia::core::formats::{SeekMode, SeekTo, Track, TrackType};
use symphonia::core::units::Time;

/// Packets in a row that may be undecodable before the file is given up: minutes of most formats.
const BAD_PACKETS_MAX: u32 = 10_000;
/// As many before the first that can be decoded.
const BAD_PACKETS_FIRST_MAX: u32 = 100;
/// Complaints in a row of what reads the packets, which may not move on.
const BAD_READS_MAX: u32 = 100;

pub(super) struct Reader {
    path: PathBuf,
    container: Container,
    packets: PacketDecoder,
    cut: Cut,
    /// What was decoded to find out that the file can be.
    first: Option<StereoBlock>,
    bad_packets: u32,
    bad_reads: u32,
    /// Where the file is damaged first, and how.
    damage: Option<String>,
    /// Decoders complain of the first packets behind a position that was sought.
    is_settling: bool,
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

    /// Opens a file and decodes its beginning.
    pub(super) fn of_file(mut file: File, path: &Path) -> Result<(Self, TrackInfo), DecodeError> {
        let cannot_read = |source| DecodeError::Open { path: path.into(), source };
        let layout = tails::layout(&mut file).map_err(cannot_read)?;
        let found = tags::of_file(&mut file, &layout);
        let mut container = Container::open(file, path, &layout)?;
        let packets =
            PacketDecoder::new(&*container.format, true).map_err(|error| container.unplayable(&error.to_string()))?;
        let whole = container.format.default_track(TrackType::Audio).and_then(duration_of);
        let duration = container.edit.and_then(|edit| edit.heard.map(|heard| edit.time(heard))).or(whole);
        let mut info = TrackInfo::of(path, duration);
        Tags { title: info.title, artist: info.artist, details: info.details, mastering: info.mastering } =
            tags::of_container(&mut *container.format, found);
        let mut reader = Self {
            path: path.into(),
            cut: Cut::new(container.edit),
            container,
            packets,
            first: None,
            bad_packets: 0,
            bad_reads: 0,
            damage: None,
            is_settling: true,
            decoded_s: 0.0,
        };
        let mut first = StereoBlock::default();
        reader.first = reader.read_next(&mut first)?.then_some(first);
        Ok((reader, info))
    }

    /// Goes to about `at`, and says where that is; none where it cannot.
    pub(super) fn seek(&mut self, at: Duration) -> Option<Duration> {
        let format = &mut self.container.format;
        let track = format.default_track(TrackType::Audio)?;
        let base = track.time_base?;
        let at = self.cut.in_track(at);
        let (track_id, time) = (Some(track.id), Time::try_from_secs_f64(at.as_secs_f64())?);
        let reached = format.seek(SeekMode::Accurate, SeekTo::Time { time, track_id }).ok()?;
        let reached = Duration::try_from_secs_f64(base.calc_time(reached.actual_ts)?.as_secs_f64()).ok()?;
        self.packets = PacketDecoder::new(&**format, true).ok()?;
        (self.first, self.is_settling) = (None, true);
        Some(self.cut.go_on_at(reached))
    }

    pub(super) fn codec_name(&self) -> &'static str {
        self.packets.codec_name()
    }

    /// Replaces `block` by what comes next; false at the end of the file.
    pub(super) fn read(&mut self, block: &mut StereoBlock) -> Result<bool, DecodeError> {
        if let Some(first) = self.first.take() {
            *block = first;
            return Ok(true);
        }
        self.read_next(block)
    }

    fn read_next(&mut self, block: &mut StereoBlock) -> Result<bool, DecodeError> {
        block.samples.clear();
        while block.samples.is_empty() {
            let packet = match self.container.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return self.end(),
                Err(Error::ResetRequired) => {
                    self.follow_chained_stream()?;
                    continue;
                }
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.note_damage("it ends in the middle");
                    return self.end();
                }
                Err(Error::IoError(error)) => return Err(self.damaged(&error.to_string())),
                Err(error) => {
                    self.count_bad_read(&error.to_string())?;
                    self.note_damage(&error.to_string());
                    continue;
                }
            };
            self.bad_reads = 0;
            match self.packets.decode(&packet, block) {
                Ok(()) => {}
                Err(Error::Unsupported(reason)) if self.decoded_s == 0.0 => {
                    return Err(self.container.unplayable(reason));
                }
                Err(error) => self.count_bad_packet(&error.to_string())?,
            }
            if !block.samples.is_empty() {
                (self.bad_packets, self.is_settling) = (0, false);
                self.decoded_s += (block.samples.len() / 2) as f64 / f64::from(block.rate_hz);
                self.cut.apply(block);
            }
        }
        Ok(true)
    }

    /// Another stream begins in the same file (chained Ogg, MPEG audio of another rate): its track
    /// and its decoder are new.
    fn follow_chained_stream(&mut self) -> Result<(), DecodeError> {
        self.count_bad_read("too many chained streams without audio")?;
        self.packets =
            PacketDecoder::new(&*self.container.format, true).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(())
    }

    fn end(&mut self) -> Result<bool, DecodeError> {
        match self.damage.take() {
            _ if self.decoded_s == 0.0 && self.bad_packets == 0 => Err(DecodeError::Empty { path: self.path.clone() }),
            None if self.decoded_s == 0.0 => Err(self.damaged("nothing can be decoded")),
            Some(reason) => Err(DecodeError::Damaged { path: self.path.clone(), reason }),
            None => Ok(false),
        }
    }

    fn count_bad_packet(&mut self, reason: &str) -> Result<(), DecodeError> {
        self.bad_packets += 1;
        let most = if self.decoded_s == 0.0 { BAD_PACKETS_FIRST_MAX } else { BAD_PACKETS_MAX };
        if self.bad_packets > most {
            return Err(self.damaged(reason));
        }
        if !self.is_settling {
            self.note_damage(reason);
        }
        Ok(())
    }

    fn count_bad_read(&mut self, reason: &str) -> Result<(), DecodeError> {
        self.bad_reads += 1;
        if self.bad_reads > BAD_READS_MAX {
            return Err(self.damaged(reason));
        }
        Ok(())
    }

    fn note_damage(&mut self, reason: &str) {
        self.damage = self.damage.take().or(Some(format!("after {:.1} s ({reason})", self.decoded_s)));
    }

    /// The file cannot be read on; what was damaged first is told. FFmpeg may decode what nothing was
    /// decoded of.
    fn damaged(&mut self, reason: &str) -> DecodeError {
        if self.decoded_s == 0.0 {
            return self.container.unplayable(reason);
        }
        self.note_damage(reason);
        DecodeError::Damaged { path: self.path.clone(), reason: self.damage.take().unwrap_or_default() }
    }
}

impl Edit {
    /// So many units as a time.
    pub(super) fn time(&self, units: u64) -> Duration {
        Duration::try_from_secs_f64(units as f64 / f64::from(self.timescale.max(1))).unwrap_or_default()
    }
}

fn duration_of(track: &Track) -> Option<Duration> {
    let time = track.time_base?.calc_duration(track.duration?)?;
    Duration::try_from_secs_f64(time.as_secs_f64()).ok()
}
