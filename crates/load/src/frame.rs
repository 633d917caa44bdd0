//! MP3 headers at 48 kHz, and a synthetic stream whose frames all differ.

/// Frames a second.
pub const FRAMES_PER_SECOND: f64 = 48_000.0 / 1152.0;

/// Bitrates of MPEG-1 Layer III by the index in the header.
const BITRATES_KBPS: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];

/// Bits of a header that may differ between frames of one stream: mode extension, copyright, original, emphasis.
const FREE_BITS: u32 = 0x3f;

/// Length of the frame that `header` begins: MPEG-1 Layer III, 48 kHz, no padding. Otherwise `None`.
#[must_use]
pub fn frame_bytes(header: u32) -> Option<usize> {
    let layer_3 = header >> 17 == 0b111_1111_1111_1101;
    let at_48_khz = header >> 10 & 0b11 == 0b01;
    let padded = header >> 9 & 1 != 0;
    let kbps = BITRATES_KBPS.get((header >> 12 & 0xf) as usize).copied().unwrap_or(0);
    (layer_3 && at_48_khz && !padded && kbps > 0).then_some(3 * kbps)
}

/// The first four bytes as a header.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<4>().map(|head| u32::from_be_bytes(*head))
}

/// Whether two frames can follow each other in one stream.
#[must_use]
pub fn same_stream(one: u32, other: u32) -> bool {
    (one ^ other) & !FREE_BITS == 0
}

/// Frame `number` of the synthetic stream of `kbps`: a good header, no bit reservoir, and noise that the number seeds.
///
/// # Panics
/// When MPEG-1 Layer III has no such bitrate.
#[must_use]
pub fn synthetic(number: u64, kbps: usize) -> Vec<u8> {
    let index = BITRATES_KBPS.iter().position(|&known| known == kbps).expect("a bitrate of MPEG-1 Layer III");
    let mut frame = vec![0; 3 * kbps];
    frame[..4].copy_from_slice(&[0xff, 0xfb, (index as u8) << 4 | 0x04, 0x64]);
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for lane in frame[8..].chunks_mut(8) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state ^ state >> 29).to_le_bytes();
        lane.copy_from_slice(&noise[..lane.len()]);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthetic_frames_have_the_length_their_header_says_and_all_differ() {
        for kbps in [128, 320] {
            let (one, other) = (synthetic(1, kbps), synthetic(2, kbps));
            assert_eq!(header(&one).and_then(frame_bytes), Some(one.len()));
            assert_ne!(one, other);
            assert!(same_stream(header(&one).unwrap_or(0), header(&other).unwrap_or(1)));
        }
    }

    #[test]
    fn other_layers_rates_and_padding_are_no_frames() {
        for header in [0xfff3_9464, 0xfffd_9464, 0xfffb_9064, 0xfffb_9664, 0xfffb_0464, 0xfffb_f464] {
            assert_eq!(frame_bytes(header), None, "{header:08x}");
        }
    }
}
