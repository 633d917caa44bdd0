//! A stream of each format that a source may send.
//!
//! Input: a byte that chooses the format by its low bits and, by its highest, whether checksums of Ogg pages are made
//! right; then the stream.
//!
//! A third-party decoder that panics costs its source and not the tower, so a panic within it is no failure; decoding
//! without an end, or without a bound, is.

use crate::{muted, ogg};
use radio_decode::media::formats::Format;
use radio_decode::media::stream::head::HEAD_BYTES_MAX;
use radio_decode::media::stream::{Event, Options, Stream};
use radio_signal::mpeg::packetizer::Packetizer;
use radio_signal::ogg::{Packets, Paging};

const FORMATS: [Format; 6] = [Format::Mp3, Format::Aac, Format::Ogg, Format::Opus, Format::Flac, Format::Wav];
/// Bit of the first byte that asks for true checksums of Ogg pages.
const MENDS_CHECKSUMS: u8 = 0x80;
/// Samples that one input decodes to at most: a few bits of FLAC are a block of silence, and a low rate becomes 48 kHz.
const VALUES_MAX: usize = 20_000_000;

/// Decoding ends, and gives no more audio than the bytes can hold, and no longer head than is kept.
pub fn run(bytes: &[u8]) {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(which & !MENDS_CHECKSUMS) % FORMATS.len()];
    let stream = if which & MENDS_CHECKSUMS == 0 { bytes.to_vec() } else { ogg::with_true_checksums(bytes) };
    let _may_be_no_ogg = Packets::new().push(&stream);
    let _taken = Packetizer::new().push(&stream);
    Paging::new().push(&stream);
    decode_whole(&stream, format);
}

fn decode_whole(stream: &[u8], format: Format) {
    let (mut values, mut head_bytes_max) = (0, 0);
    muted::catch(|| {
        let mut decoder = Stream::new(stream, Options { said: format, trims_end: false });
        while values <= VALUES_MAX {
            match decoder.next_event() {
                Event::Sound(block) => values += block.samples.len(),
                Event::Head(head) => head_bytes_max = head_bytes_max.max(head.bytes.len()),
                Event::Over | Event::Needs(_) => break,
                _ => {}
            }
        }
    });
    assert!(values <= VALUES_MAX, "{values} samples of {} bytes", stream.len());
    assert!(head_bytes_max <= HEAD_BYTES_MAX, "a head of {head_bytes_max} bytes");
}
