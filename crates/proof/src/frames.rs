//! A strict chain of constant-bitrate MPEG-1 Layer III frames, read by rules of its own.
//!
//! ```text
//! 11111111 111 11 01 p  bbbb rr 0 x  mm ee c o hh
//! sync         v  l  crc rate Hz pad  mode      (v 11: MPEG-1, l 01: Layer III)
//! ```

/// Bitrates of MPEG-1 Layer III in kbit/s by index.
const BITRATES_KBPS: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];

/// Header bits that may differ between frames of one stream: the mode extension (joint stereo decides per frame).
const FREE_BITS: u32 = 0x0000_0030;

/// Whole frames, and what was left of one at the end.
#[derive(Debug)]
pub struct Chain<'a> {
    /// The frames in order.
    pub frames: Vec<&'a [u8]>,
    /// Bytes of the unfinished last frame.
    pub tail: &'a [u8],
}

/// Why bytes are no chain of frames.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// Index of the frame at which the chain breaks.
    pub frame: usize,
    /// Place of that frame in the bytes.
    pub offset: usize,
    /// What is wrong.
    pub fault: String,
}

/// Length in bytes that a header promises: 48 kHz, no padding.
fn frame_bytes(header: u32) -> Result<usize, String> {
    if header >> 17 != 0b111_1111_1111_1101 {
        return Err(format!("{header:08x} is no header of MPEG-1 Layer III"));
    }
    if header >> 10 & 0b11 != 0b01 {
        return Err(format!("{header:08x} is not at 48 kHz"));
    }
    if header >> 9 & 1 != 0 {
        return Err(format!("{header:08x} has padding"));
    }
    match BITRATES_KBPS.get((header >> 12 & 0xf) as usize) {
        Some(&kbps) if kbps > 0 => Ok(144 * kbps * 1000 / 48_000),
        _ => Err(format!("{header:08x} has no bitrate")),
    }
}

/// Cuts `bytes`, which must begin with a frame, into frames that all bear the header of the first.
pub fn chain(bytes: &[u8]) -> Result<Chain<'_>, Broken> {
    let mut frames = Vec::new();
    let mut first_header = None;
    let mut offset = 0;
    while let Some(head) = bytes.get(offset..offset + 4) {
        let broken = |fault| Broken { frame: frames.len(), offset, fault };
        let header = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let length = frame_bytes(header).map_err(broken)?;
        let first = *first_header.get_or_insert(header);
        if (first ^ header) & !FREE_BITS != 0 {
            return Err(broken(format!("header {header:08x} after {first:08x}")));
        }
        let Some(frame) = bytes.get(offset..offset + length) else {
            break;
        };
        if main_data_begin(frame) != 0 {
            return Err(broken("it borrows from the bit reservoir".into()));
        }
        frames.push(frame);
        offset += length;
    }
    Ok(Chain { frames, tail: &bytes[offset..] })
}

/// How many bytes of earlier frames this one needs (9 bits after header and optional CRC).
fn main_data_begin(frame: &[u8]) -> u16 {
    let side = if frame[1] & 1 == 0 { 6 } else { 4 };
    u16::from(frame[side]) << 1 | u16::from(frame[side + 1] >> 7)
}

/// The frames of a stream that must be whole and flawless; panics with the place of the fault.
#[track_caller]
#[must_use]
pub fn strict(bytes: &[u8]) -> Vec<&[u8]> {
    match chain(bytes) {
        Ok(chain) => chain.frames,
        Err(broken) => panic!("the stream is broken after {} frames: {broken:?}", broken.frame),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A frame of 128 kbit/s at 48 kHz, told apart by `mark`.
    pub(crate) fn frame(mark: u8) -> Vec<u8> {
        let mut frame = vec![mark; 384];
        frame[..6].copy_from_slice(&[0xff, 0xfb, 0x94, 0x64, 0, 0]);
        frame
    }

    #[test]
    fn whole_frames_and_the_tail_are_told_apart() {
        let mut bytes = [frame(1), frame(2)].concat();
        bytes.extend_from_slice(&frame(3)[..100]);
        let chain = chain(&bytes).expect("a good chain");
        assert_eq!((chain.frames.len(), chain.tail.len()), (2, 100));
    }

    #[test]
    fn a_lost_byte_breaks_the_chain_at_the_next_frame() {
        let mut bytes = [frame(1), frame(2), frame(3)].concat();
        bytes.remove(400);
        assert_eq!(chain(&bytes).expect_err("one byte is missing").frame, 2);
    }

    #[test]
    fn a_changed_bitrate_rate_or_reservoir_breaks_the_chain() {
        for (place, value) in [(2, 0x84), (2, 0x90), (3, 0xc4), (4, 1)] {
            let mut second = frame(2);
            second[place] = value;
            let bytes = [frame(1), second].concat();
            assert_eq!(chain(&bytes).expect_err("changed").frame, 1, "byte {place}");
        }
    }

    #[test]
    fn joint_stereo_may_change_its_mode_extension() {
        let mut second = frame(2);
        second[3] ^= 0x20;
        assert!(chain(&[frame(1), second].concat()).is_ok());
    }
}
