//! A stream of each format that a source may send.
//!
//! Input: a byte that chooses the format by its low bits and, by its highest, whether checksums of Ogg pages are made
//! right; then the stream.
//!
//! A third-party decoder that panics costs its source and not the tower, so a panic within it is no failure; decoding
//! without an end, or without a bound, is.

use crate::{muted, ogg};
use radio_signal::mpeg::packetizer::Packetizer;
use radio_signal::ogg::{Packets, Paging};
use radio_tower::source::decoder::{DecoderFigures, StreamEnd, decode};
use radio_tower::source::formats::Format;
use radio_tower::source::opening::{Decoder, Foreign, decoder_of};
use radio_tower::source::repeat::Pieces;
use std::io::Cursor;
use std::sync::{Arc, Mutex};

const FORMATS: [Format; 6] = [Format::Mp3, Format::Aac, Format::Ogg, Format::Opus, Format::Flac, Format::Wav];
/// Bit of the first byte that asks for true checksums of Ogg pages.
const MENDS_CHECKSUMS: u8 = 0x80;
/// Samples that one input decodes to at most: a few bits of FLAC are a block of silence, and a low rate becomes 48 kHz.
const VALUES_MAX: usize = 20_000_000;
/// Bytes of stream headers that are kept for the next decoder process.
const HEADERS_BYTES_MAX: usize = 256 * 1024;

/// Decoding ends, gives no more audio than the bytes can hold, and what only FFmpeg decodes is cut into the same pieces
/// in any chunking.
pub fn run(bytes: &[u8]) {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(which & !MENDS_CHECKSUMS) % FORMATS.len()];
    let stream = if which & MENDS_CHECKSUMS == 0 { bytes.to_vec() } else { ogg::with_true_checksums(bytes) };
    let _may_be_no_ogg = Packets::new().push(&stream);
    let _taken = Packetizer::new().push(&stream);
    Paging::new().push(&stream);
    match decoder_of(&stream[..stream.len().min(64)], format) {
        Decoder::Inside(format) => decode_whole(stream, format),
        Decoder::Child(foreign) => cut(&stream, foreign),
        Decoder::Nobody(_) => {}
    }
}

fn decode_whole(stream: Vec<u8>, format: Format) {
    let (figures, mut values, length) = (DecoderFigures::default(), 0, stream.len());
    let stream = Arc::new(Mutex::new(Cursor::new(stream)));
    let end = muted::catch(|| {
        decode(&stream, format, &figures, |samples| {
            values += samples.len();
            samples.clear();
            values <= VALUES_MAX
        })
    });
    assert_ne!(end, Some(StreamEnd::Unwanted), "{values} samples of {length} bytes");
}

fn cut(stream: &[u8], foreign: Foreign) {
    let pieces_of = |size: usize| {
        let (mut pieces, mut out) = (Pieces::new(foreign), Vec::new());
        stream.chunks(size).for_each(|read| pieces.push(read, &mut out));
        (pieces.headers().to_vec(), out)
    };
    let (headers, whole) = pieces_of(4096);
    assert!(whole.len() <= stream.len() && headers.len() <= HEADERS_BYTES_MAX, "{} of {}", whole.len(), stream.len());
    assert_eq!((headers, whole), pieces_of(1 + stream.len() % 97));
}
