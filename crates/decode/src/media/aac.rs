//! What the configuration of an AAC stream (`AudioSpecificConfig` of ISO/IEC 14496-3) says of its
//! band.

/// Rates up to which an encoder may have left out the upper half of the band without saying so.
const HALF_RATE_HZ_MAX: u32 = 24_000;

const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

const OBJECT_SBR: u32 = 5;
const OBJECT_PS: u32 = 29;
const OBJECTS_GENERAL: [u32; 8] = [1, 2, 3, 4, 6, 7, 17, 19];

/// Whether a decoder of AAC LC alone would play the lower half of the band (HE-AAC), or may.
#[must_use]
pub fn may_be_half_band(config: &[u8]) -> bool {
    // A configuration that is cut off is none that can be trusted.
    of_bits(&mut Bits { bytes: config, at: 0 }).unwrap_or(true)
}

/// As [`may_be_half_band`], where nothing but the rate is known.
#[must_use]
pub const fn may_be_half_band_at(rate_hz: u32) -> bool {
    rate_hz <= HALF_RATE_HZ_MAX
}

fn of_bits(bits: &mut Bits<'_>) -> Option<bool> {
    const EXTENSION: u32 = 0x2B7;
    let object = bits.object()?;
    let rate_hz = bits.rate_hz()?;
    let channels = bits.take(4)?;
    if matches!(object, OBJECT_SBR | OBJECT_PS) {
        return Some(true);
    }
    if OBJECTS_GENERAL.contains(&object) && channels != 0 {
        let _frame_length = bits.take(1)?;
        if bits.take(1)? == 1 {
            bits.take(14)?;
        }
        bits.take(1)?;
        if bits.take(11) == Some(EXTENSION) && bits.object()? == OBJECT_SBR {
            return Some(bits.take(1)? == 1);
        }
    }
    Some(may_be_half_band_at(rate_hz))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn object(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => self.take(6).map(|more| 32 + more),
            object => Some(object),
        }
    }

    fn rate_hz(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24),
            index => RATES_HZ.get(index as usize).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn he_aac_is_known_however_it_is_signalled() {
        let cases: [(&[u8], bool, &str); 8] = [
            (&[0x12, 0x10], false, "LC, 44.1 kHz"),
            (&[0x12, 0x10, 0x56, 0xE5, 0x00], false, "LC, 44.1 kHz, SBR denied"),
            (&[0x13, 0x90, 0x56, 0xE5, 0xA0], true, "LC, 22.05 kHz, with SBR behind"),
            (&[0x13, 0x90, 0x56, 0xE5, 0x00], false, "LC, 22.05 kHz, SBR denied"),
            (&[0x13, 0x90], true, "LC, 22.05 kHz, nothing said"),
            (&[0x2B, 0x92, 0x08, 0x00], true, "SBR"),
            (&[0xEB, 0x8A, 0x08, 0x00], true, "PS"),
            (&[0x12], true, "cut off"),
        ];
        for (config, expected, name) in cases {
            assert_eq!(may_be_half_band(config), expected, "{name}");
        }
    }
}
