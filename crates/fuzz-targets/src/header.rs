//! Four bytes as the header of an MPEG frame.

use radio_signal::mpeg::FrameHeader;
use radio_signal::mpeg::header::FRAME_BYTES_MAX;

/// An accepted header describes a frame that can exist.
pub fn run(bytes: &[u8]) {
    let Some(&bytes) = bytes.first_chunk::<4>() else { return };
    let Some(header) = FrameHeader::parse(bytes) else { return };
    assert_eq!(bytes[0], 0xFF);
    assert!((24..=FRAME_BYTES_MAX).contains(&header.frame_bytes()));
    assert!((8..=320).contains(&header.bitrate_kbps));
    assert!((8_000..=48_000).contains(&header.sample_rate_hz));
    assert!(matches!(header.channels(), 1 | 2));
    // Bits that say nothing about framing change nothing.
    let [a, b, c, d] = bytes;
    assert_eq!(FrameHeader::parse([a, b, c ^ 0x01, d ^ 0x3C]), Some(header));
}
