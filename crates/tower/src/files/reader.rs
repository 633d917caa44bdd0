//! One file, by symphonia, as stereo at the file's own rate.

use super::convert::is_convertible;
use super::decode::{DecodeError, TrackInfo};
use super::downmix;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::{MetadataOptions, MetadataRevision, StandardTag, Tag};

/// Packets in a row that may be undecodable before the file is given up.
const BAD_PACKETS_MAX: u32 = 100;

/// Channels that a file may have.
const CHANNELS_MAX: usize = 64;

/// Characters of a title or artist that are kept.
const TAG_CHARS_MAX: usize = 200;

/// What one packet of a file decodes to: left and right interleaved, in steps of 16 bits (full scale is +-32768).
#[derive(Debug, Default)]
pub struct StereoBlock {
    pub rate_hz: u32,
    pub samples: Vec<f32>,
}

pub struct Reader {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    interleaved: Vec<f32>,
    bad_packets: u32,
    /// Seconds decoded so far, to say where a file is damaged.
    decoded_s: f64,
}

impl Reader {
    pub fn open(path: &Path) -> Result<(Self, TrackInfo), DecodeError> {
        let cannot_open = |source| DecodeError::Open { path: path.into(), source };
        // Asked first, because opening a named pipe would wait for its writer.
        let kind = std::fs::metadata(path).map_err(cannot_open)?.file_type();
        if !kind.is_file() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
            return Err(cannot_open(source));
        }
        let file = File::open(path).map_err(cannot_open)?;
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
            hint.with_extension(extension);
        }
        let unknown = |reason: String| DecodeError::Format { path: path.into(), reason };
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        let mut format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| unknown(error.to_string()))?;
        let (decoder, track_id, duration) = {
            let track = format.default_track(TrackType::Audio).ok_or_else(|| unknown("no audio track".into()))?;
            (make_decoder(track).map_err(|e| unknown(e.to_string()))?, track.id, duration_of(track))
        };
        let mut info = TrackInfo::of(path, duration);
        if let Some(revision) = format.metadata().skip_to_latest() {
            read_tags(revision, &mut info);
        }
        let reader = Self {
            path: path.into(),
            format,
            decoder,
            track_id,
            interleaved: Vec::new(),
            bad_packets: 0,
            decoded_s: 0.0,
        };
        Ok((reader, info))
    }

    /// Replaces `block` by what comes next; false at the end of the file.
    pub fn read(&mut self, block: &mut StereoBlock) -> Result<bool, DecodeError> {
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
            if packet.track_id == self.track_id {
                match self.decoder.decode(&packet) {
                    Ok(_) => self.take_decoded(block)?,
                    Err(Error::DecodeError(reason)) => self.count_bad_packet(reason)?,
                    Err(error) => return Err(self.damaged(error.to_string())),
                }
            }
        }
        self.bad_packets = 0;
        self.decoded_s += (block.samples.len() / 2) as f64 / f64::from(block.rate_hz);
        Ok(true)
    }

    /// Another stream begins in the same file (chained Ogg): its tracks and its decoder are new.
    fn follow_chained_stream(&mut self) -> Result<(), DecodeError> {
        self.count_bad_packet("too many chained streams without audio")?;
        let made = match self.format.default_track(TrackType::Audio) {
            Some(track) => make_decoder(track).map(|decoder| (decoder, track.id)),
            None => Err(Error::Unsupported("no audio track")),
        };
        (self.decoder, self.track_id) = made.map_err(|error| self.damaged(error.to_string()))?;
        Ok(())
    }

    fn take_decoded(&mut self, block: &mut StereoBlock) -> Result<(), DecodeError> {
        let audio = self.decoder.last_decoded();
        let (rate_hz, channels) = (audio.spec().rate(), audio.spec().channels());
        if !is_convertible(rate_hz) {
            return Err(self.damaged(format!("its rate is given as {rate_hz} Hz")));
        }
        if channels.count() > CHANNELS_MAX {
            return Err(self.damaged(format!("it has {} channels", channels.count())));
        }
        let gains = downmix::gains(channels);
        audio.copy_to_vec_interleaved::<f32>(&mut self.interleaved);
        block.rate_hz = rate_hz;
        downmix::fold(&self.interleaved, &gains, 32_768.0, &mut block.samples);
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
        DecodeError::Damaged { path: self.path.clone(), at_s: self.decoded_s, reason }
    }
}

fn make_decoder(track: &Track) -> Result<Box<dyn AudioDecoder>, Error> {
    let params = track.codec_params.as_ref().and_then(|params| params.audio());
    let params = params.ok_or(Error::Unsupported("unknown codec"))?;
    // Gapless is the default: what the encoder added before and after the audio is cut off.
    symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default())
}

fn duration_of(track: &Track) -> Option<Duration> {
    let time = track.time_base?.calc_duration(track.duration?)?;
    Duration::try_from_secs_f64(time.as_secs_f64()).ok()
}

fn read_tags(revision: &MetadataRevision, info: &mut TrackInfo) {
    let of_tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    let kept = |text: &str| Some(text.chars().filter(|c| !c.is_control()).take(TAG_CHARS_MAX).collect());
    for Tag { std, .. } in revision.media.tags.iter().chain(of_tracks) {
        match std {
            Some(StandardTag::TrackTitle(title)) if info.title.is_none() => info.title = kept(title),
            Some(StandardTag::Artist(artist)) if info.artist.is_none() => info.artist = kept(artist),
            _ => {}
        }
    }
}
