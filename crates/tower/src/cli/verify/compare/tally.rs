//! What a comparison has counted.

use radio_signal::mpeg::FrameHeader;
use radio_signal::mpeg::header::Version;
use radio_signal::units::FrameNumber;
use serde::Serialize;

/// Where the received bytes left the reference for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FirstDifference {
    /// Number of the frame.
    pub frame: FrameNumber,
    /// Offset of the byte in the frame.
    pub byte: usize,
}

/// What has been found. Each received frame is in exactly one of `identical`, `altered`, `repeated`, `out_of_order`
/// and `foreign`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// Frames that are the reference's, each under its number.
    pub identical: u64,
    /// Frames in the place of one of the reference, with other bytes.
    pub altered: u64,
    /// Of the frames with other bytes, those that hold no sound: what the tower sends when nothing can encode.
    pub silent: u64,
    /// How many stretches of such frames there were.
    pub silent_stretches: u64,
    /// Numbers of which no frame was received.
    pub missing: u64,
    /// Frames received again.
    pub repeated: u64,
    /// Frames received after one with a higher number.
    pub out_of_order: u64,
    /// Frames too many that are none of the reference.
    pub foreign: u64,
    /// Received frames at the end to which the reference had not come.
    pub not_compared: u64,
    /// The first number compared, and one past the last.
    pub numbers: Option<(FrameNumber, FrameNumber)>,
    /// Where it went wrong first.
    pub first_difference: Option<FirstDifference>,
    /// The last frame accounted for was silent.
    #[serde(skip)]
    pub in_silence: bool,
}

impl Tally {
    /// Received frames that were compared.
    #[must_use]
    pub(crate) fn compared(&self) -> u64 {
        self.identical + self.altered + self.repeated + self.out_of_order + self.foreign
    }

    /// Whether there was no difference of any kind.
    #[must_use]
    pub(crate) fn is_clean(&self) -> bool {
        self.first_difference.is_none() && self.compared() == self.identical && self.missing == 0
    }

    /// `number`, or one past the highest that has been passed.
    pub(super) fn passed(&self, number: FrameNumber) -> FrameNumber {
        self.numbers.map_or(number, |(_, end)| end.max(number))
    }

    /// All numbers before `end` have been accounted for.
    pub(super) fn pass(&mut self, end: FrameNumber) {
        if let Some(numbers) = &mut self.numbers {
            numbers.1 = numbers.1.max(end);
        }
    }

    /// The frame of `number` came in its turn, perhaps not for the first time.
    pub(super) fn in_place(&mut self, number: FrameNumber) {
        let numbers = self.numbers.get_or_insert((number, number));
        if number < numbers.1 {
            self.repeated();
        } else {
            numbers.1 = number + 1;
            self.in_order();
        }
    }

    pub(super) fn in_order(&mut self) {
        self.identical += 1;
        self.in_silence = false;
    }

    pub(super) fn out_of_order(&mut self) {
        self.out_of_order += 1;
        self.in_silence = false;
    }

    pub(super) fn repeated(&mut self) {
        self.repeated += 1;
        self.in_silence = false;
    }

    /// A frame that is none of the reference; [`absent`](Self::absent) decides what it counts as.
    pub(super) fn unknown(&mut self, silent: bool) {
        self.silent += u64::from(silent);
        self.silent_stretches += u64::from(silent && !self.in_silence);
        self.in_silence = silent;
    }

    /// Of the numbers due, `absent` were not found, and `unknown` other frames came: each takes a place, as far as
    /// there are places.
    pub(super) fn absent(&mut self, absent: u64, unknown: u64) {
        let altered = absent.min(unknown);
        self.altered += altered;
        self.missing += absent - altered;
        self.foreign += unknown - altered;
    }

    pub(super) fn difference(&mut self, difference: FirstDifference) {
        self.numbers.get_or_insert((difference.frame, difference.frame));
        self.first_difference.get_or_insert(difference);
    }
}

/// Whether no granule of a Layer III frame holds any main data (`part2_3_length` is 0 for each, ISO/IEC 11172-3
/// 2.4.1.7): it decodes to silence, whoever made it.
pub(super) fn is_silent(frame: &[u8]) -> bool {
    let header = frame.first_chunk().and_then(|&head| FrameHeader::parse(head));
    let Some((header, side_info)) =
        header.and_then(|h| Some((h, frame.get(h.side_info_start()..)?.get(..h.side_info_bytes())?)))
    else {
        return false;
    };
    // MPEG-1: 9 bits main_data_begin, 3 private (5 for one channel), 4 scfsi a channel; then 59 for each granule and channel.
    let (granules_start, granules) = if header.channels() == 1 { (18, 2) } else { (20, 4) };
    const GRANULE_BITS: usize = 59;
    const LENGTH_BITS: usize = 12;
    let bit = |at: usize| side_info.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    header.version == Version::Mpeg1
        && (0..granules).all(|granule| {
            let start = granules_start + granule * GRANULE_BITS;
            !(start..start + LENGTH_BITS).any(bit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_config::Output;
    use radio_encoder::{Format, SilentFrames};
    use radio_lame::{Encoder, Settings};

    #[test]
    fn silent_frames_are_told_from_music_at_every_bitrate() {
        let bitrates = radio_lame::bitrates_kbps(48_000).unwrap().iter();
        for (&bitrate_kbps, mono) in bitrates.flat_map(|bitrate| [(bitrate, false), (bitrate, true)]) {
            let format = Settings { sample_rate_hz: 48_000, channels: 2, mono, bitrate_kbps };
            let channels = if mono { 1 } else { 2 };
            let output = Format::of(&Output { bitrate_kbps, channels, ..Output::default() });
            assert!(is_silent(SilentFrames::new(output).unwrap().frame(0)), "{format:?}");
            let mut encoder = Encoder::new(format).unwrap();
            let pcm: Vec<i16> = (0..1152 * 2 * 8i32).map(|i| (i * 7919 % 20_011 - 10_000) as i16).collect();
            let mut stream = Vec::new();
            encoder.encode_interleaved(&pcm, &mut stream).unwrap();
            let frames: Vec<_> = stream.chunks(3 * bitrate_kbps as usize).collect();
            assert!(frames.iter().skip(2).all(|frame| !is_silent(frame)), "{format:?}");
        }
        assert!(!is_silent(b""));
        assert!(!is_silent(&[0xFF, 0xFB, 0x94, 0x00]));
    }
}
