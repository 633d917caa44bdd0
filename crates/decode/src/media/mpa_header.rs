//! The four bytes with which every frame of MPEG audio begins, and what LAME puts into the first.

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 4;
/// Bytes of the longest frame: Layer II of MPEG 2.5, 160 kbit/s at 8 kHz.
pub(super) const FRAME_BYTES_MAX: usize = 2881;

/// Samples by which every decoder is late.
const DECODER_DELAY: u32 = 528 + 1;

const KBIT_S: [[u32; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sound: Sound,
    /// Bytes of the whole frame.
    pub(super) bytes: usize,
    /// Samples of each channel.
    pub(super) samples: u32,
    pub(super) bits_per_s: u32,
    is_mpeg1: bool,
}

/// What a decoder is made for: where it changes, another is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sound {
    /// 1 to 3.
    pub(super) layer: u8,
    pub(super) rate_hz: u32,
    pub(super) is_mono: bool,
}

impl Header {
    /// Of the frame that begins here. None: no frame does, or one of free bit rate.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let &[0xFF, second, third, fourth, ..] = bytes else { return None };
        if second & 0xE0 != 0xE0 {
            return None;
        }
        let (version, layer) = (second >> 3 & 3, 4 - (second >> 1 & 3));
        let (index, rate) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
        if version == 1 || layer == 4 || index == 0 || index == 15 || rate == 3 || fourth & 3 == 2 {
            return None;
        }
        let is_mpeg1 = version == 3;
        let row = match (is_mpeg1, layer) {
            (true, layer) => usize::from(layer) - 1,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let bits_per_s = KBIT_S[row][index] * 1000;
        let rate_hz = [44_100, 48_000, 32_000][rate] >> [2, 0, 1, 0][usize::from(version)];
        let padding = u32::from(third >> 1 & 1);
        let (samples, bytes) = match layer {
            1 => (384, (12 * bits_per_s / rate_hz + padding) * 4),
            3 if !is_mpeg1 => (576, 72 * bits_per_s / rate_hz + padding),
            _ => (1152, 144 * bits_per_s / rate_hz + padding),
        };
        let sound = Sound { layer, rate_hz, is_mono: fourth >> 6 == 3 };
        Some(Self { sound, bytes: bytes as usize, samples, bits_per_s, is_mpeg1 })
    }

    /// Whether a frame of the same sound may follow this one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.sound.layer == other.sound.layer && self.sound.rate_hz == other.sound.rate_hz
    }
}

/// What stands in the first frame of a file instead of sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Frames that follow it.
    pub(super) frames: Option<u64>,
    /// Samples in front that the encoder and the decoder have added.
    pub(super) delay: u32,
    /// Samples at the end that the encoder has added.
    pub(super) padding: u32,
}

impl Info {
    /// Of a frame that is one of `Xing`, `Info` (LAME) or `VBRI`, and no sound.
    pub(super) fn of(frame: &[u8], header: &Header) -> Option<Self> {
        if header.sound.layer != 3 {
            return None;
        }
        let side_bytes = match (header.is_mpeg1, header.sound.is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        let number = |bytes: Option<&[u8]>| bytes?.iter().try_fold(0u32, |sum, &byte| Some(sum << 8 | u32::from(byte)));
        if frame.get(HEADER_BYTES + 32..HEADER_BYTES + 36) == Some(b"VBRI") {
            let frames = number(frame.get(HEADER_BYTES + 46..HEADER_BYTES + 50));
            return Some(Self { frames: frames.map(u64::from), ..Self::default() });
        }
        let tag = frame.get(HEADER_BYTES + side_bytes..)?;
        if !tag.starts_with(b"Xing") && !tag.starts_with(b"Info") {
            return None;
        }
        let flags = number(tag.get(4..8))?;
        let frames = if flags & 1 != 0 { number(tag.get(8..12)) } else { None };
        let lame_at = 8 + [(1, 4), (2, 4), (4, 100), (8, 4)]
            .iter()
            .filter(|(bit, _)| flags & bit != 0)
            .map(|(_, n)| n)
            .sum::<usize>();
        let mut info = Self { frames: frames.map(u64::from), ..Self::default() };
        let known = tag.get(lame_at..lame_at + 4);
        if let (Some(b"LAME" | b"Lavf" | b"Lavc" | b"L3.9"), Some(both)) =
            (known, number(tag.get(lame_at + 21..lame_at + 24)))
        {
            info.delay = (both >> 12) + DECODER_DELAY;
            info.padding = (both & 0xFFF).saturating_sub(DECODER_DELAY);
        }
        Some(info)
    }
}
