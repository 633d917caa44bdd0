//! Files of MPEG audio: frame after frame, through damage and changes of rate and channels.
//!
//! Symphonia's own reader takes a file for what its first frame says. Files are joined by `cat` and
//! cut anywhere: each part is read here as what it is, and LAME's tag cuts off what the encoder
//! added to each.

use super::mpa_header::{FRAME_BYTES_MAX, HEADER_BYTES, Header, Info, Sound};
use super::window::Window;
use symphonia::core::audio::layouts;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::errors::{Error, Result, SeekErrorKind};
use symphonia::core::formats::well_known::FORMAT_ID_MP3;
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::{Packet, PacketBuilder};
use symphonia::core::units::{Duration, TimeBase, Timestamp};

const FORMAT: FormatInfo = FormatInfo { format: FORMAT_ID_MP3, short_name: "mpa", long_name: "MPEG audio" };

/// Units of time in a second, of which every rate of MPEG audio has a whole number in a sample.
const UNITS_PER_S: u32 = 14_112_000;
/// Frames that must follow one where nothing is known of what came before it.
const FOLLOWERS: usize = 2;
/// Bytes that must be seen for that.
const WINDOW_BYTES: usize = (FOLLOWERS + 1) * FRAME_BYTES_MAX + HEADER_BYTES;
/// What is decoded before a position that was sought, for what its frames have in earlier ones.
const EARLIER_UNITS: i64 = UNITS_PER_S as i64 / 4;

/// Reads the frames of a file. A change of sound is [`Error::ResetRequired`]; then its track is
/// that of the frames to come.
pub struct MpaReader<F> {
    window: Window<F>,
    media_info: MediaInfo,
    track: [Track; 1],
    metadata: MetadataLog,
    /// The header of the frame that ended where the window begins.
    previous: Option<Header>,
    sound: Sound,
    part: Part,
    /// Where the next frame begins, in units.
    at: i64,
    /// Where the first frame begins in the file.
    first: u64,
}

/// What is left of one part of the file: from LAME's tag to the next.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    delay_left: u32,
    /// Samples until the padding begins, where that is known.
    sound_left: Option<u64>,
    padding_left: u32,
}

impl Part {
    fn of(info: Info, header: &Header) -> Self {
        let added = u64::from(info.delay) + u64::from(info.padding);
        let all = info.frames.map(|frames| frames * u64::from(header.samples));
        Self {
            delay_left: info.delay,
            sound_left: all.filter(|_| info.padding > 0).map(|all| all.saturating_sub(added)),
            padding_left: info.padding,
        }
    }

    /// Of a frame of so many samples: how many are cut off in front and at the end. No more than
    /// the padding is cut at the end, since a tag may have been written for less than what follows it.
    fn cut(&mut self, samples: u32) -> (u32, u32) {
        let front = self.delay_left.min(samples);
        self.delay_left -= front;
        let kept = u64::from(samples - front);
        let Some(left) = &mut self.sound_left else { return (front, 0) };
        let beyond = kept.saturating_sub(*left);
        *left -= kept - beyond;
        let end = self.padding_left.min(u32::try_from(beyond).unwrap_or(u32::MAX));
        self.padding_left -= end;
        (front, end)
    }
}

impl<F: MediaSource + 'static> MpaReader<F> {
    /// Reads the first frame of `file`.
    ///
    /// # Errors
    /// The file cannot be read, or no frame is in it.
    pub fn new(file: F) -> Result<Self> {
        let sound = Sound { layer: 3, rate_hz: 44_100, is_mono: false };
        let mut reader = Self {
            window: Window::new(file),
            media_info: MediaInfo::new(),
            track: [Track::new(0)],
            metadata: MetadataLog::default(),
            previous: None,
            sound,
            part: Part::default(),
            at: 0,
            first: 0,
        };
        let header = reader.sync()?.ok_or(Error::Unsupported("no frame of MPEG audio"))?;
        reader.first = reader.window.position();
        let info = Info::of(reader.window.bytes(header.bytes), &header);
        let frames = match info {
            Some(Info { frames: Some(frames), .. }) => frames,
            _ => reader.window.bytes_left()? / header.bytes as u64,
        };
        let added = info.map_or(0, |info| u64::from(info.delay) + u64::from(info.padding));
        let samples = (frames * u64::from(header.samples)).saturating_sub(added);
        reader.follow(header.sound);
        let units = samples * u64::from(UNITS_PER_S / header.sound.rate_hz);
        reader.track[0].with_duration(Duration::from(units));
        Ok(reader)
    }

    /// The next frames are of this sound.
    fn follow(&mut self, sound: Sound) {
        self.sound = sound;
        let codec = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3][usize::from(sound.layer.clamp(1, 3)) - 1];
        let channels = if sound.is_mono { layouts::CHANNEL_LAYOUT_MONO } else { layouts::CHANNEL_LAYOUT_STEREO };
        let mut params = AudioCodecParameters::new();
        params.for_codec(codec).with_sample_rate(sound.rate_hz).with_channels(channels);
        self.track[0].with_codec_params(CodecParameters::Audio(params));
        if let Some(base) = TimeBase::try_new(1, UNITS_PER_S) {
            self.track[0].with_time_base(base);
        }
    }

    /// Goes to the next frame; its header, and none at the end.
    fn sync(&mut self) -> Result<Option<Header>> {
        loop {
            self.window.fill(WINDOW_BYTES)?;
            let bytes = self.window.all();
            if bytes.len() < HEADER_BYTES {
                return Ok(None);
            }
            if let Some(header) = Header::of(bytes) {
                let is_next = self.previous.is_some_and(|previous| previous.is_like(&header));
                if bytes.len() >= header.bytes && (is_next || is_followed(bytes, &header)) {
                    return Ok(Some(header));
                }
            }
            self.previous = None;
            // To the next byte with which a frame may begin.
            let skipped = bytes[1..].iter().position(|&byte| byte == 0xFF).map_or(bytes.len(), |at| at + 1);
            self.window.advance(skipped);
        }
    }

    /// The frame at which the window is has been taken.
    fn pass(&mut self, header: Header) {
        self.previous = Some(header);
        self.at += units_of(&header);
        self.window.advance(header.bytes);
    }
}

fn units_of(header: &Header) -> i64 {
    i64::from(header.samples) * i64::from(UNITS_PER_S / header.sound.rate_hz)
}

/// Whether others of its kind follow a frame as far as the file goes.
fn is_followed(bytes: &[u8], header: &Header) -> bool {
    let mut at = header.bytes;
    for _ in 0..FOLLOWERS {
        match bytes.get(at..).filter(|rest| rest.len() >= HEADER_BYTES) {
            None => return true,
            Some(rest) => match Header::of(rest).filter(|next| next.is_like(header)) {
                Some(next) => at += next.bytes,
                None => return false,
            },
        }
    }
    true
}

impl<F: MediaSource + 'static> FormatReader for MpaReader<F> {
    fn format_info(&self) -> &FormatInfo {
        &FORMAT
    }

    fn media_info(&self) -> &MediaInfo {
        &self.media_info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn tracks(&self) -> &[Track] {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            let Some(header) = self.sync()? else { return Ok(None) };
            if header.sound != self.sound {
                self.follow(header.sound);
                return Err(Error::ResetRequired);
            }
            if let Some(info) = Info::of(self.window.bytes(header.bytes), &header) {
                self.part = Part::of(info, &header);
                self.previous = Some(header);
                self.window.advance(header.bytes);
                continue;
            }
            // The decoder cuts in samples, whatever the unit of time is.
            let (front, end) = self.part.cut(header.samples);
            let packet = PacketBuilder::new()
                .track_id(0)
                .pts(Timestamp::from(self.at))
                .dur(Duration::from(units_of(&header).unsigned_abs()))
                .trim_start(Duration::from(front))
                .trim_end(Duration::from(end))
                .data(self.window.bytes(header.bytes))
                .build();
            self.pass(header);
            return Ok(Some(packet));
        }
    }

    fn seek(&mut self, _: SeekMode, to: SeekTo) -> Result<SeekedTo> {
        let required_ts = match to {
            SeekTo::Timestamp { ts, .. } => Some(ts),
            SeekTo::Time { time, .. } => self.track[0].time_base.and_then(|base| base.calc_timestamp(time)),
        };
        let required_ts = required_ts.ok_or(Error::SeekError(SeekErrorKind::OutOfRange))?;
        self.window.seek(self.first)?;
        (self.at, self.previous, self.part) = (0, None, Part::default());
        while let Some(header) = self.sync()? {
            if let Some(info) = Info::of(self.window.bytes(header.bytes), &header) {
                self.part = Part::of(info, &header);
                self.at -= units_of(&header);
            } else {
                let before = self.part;
                let (front, end) = self.part.cut(header.samples);
                let kept = units_of(&header) - i64::from(front + end) * i64::from(UNITS_PER_S / header.sound.rate_hz);
                if self.at + kept > required_ts.get() - EARLIER_UNITS {
                    (self.previous, self.part) = (Some(header), before);
                    self.follow(header.sound);
                    return Ok(SeekedTo { track_id: 0, required_ts, actual_ts: Timestamp::from(self.at) });
                }
                self.at += kept - units_of(&header);
            }
            self.pass(header);
        }
        Err(Error::SeekError(SeekErrorKind::OutOfRange))
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        MediaSourceStream::new(Box::new(self.window.into_inner()), Default::default())
    }
}

#[cfg(test)]
#[path = "mpa_tests.rs"]
mod tests;
