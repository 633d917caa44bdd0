//! Any bytes as a stream of each format that the tower reads itself, and what looks at them before: each ends, gives no more
//! sound than the bytes can hold, and is known by its first bytes.
//!
//! What only a child decodes is cut into pieces for it: they are no more than came, and what is kept for the next child is limited.
//!
//! A decoder that panics costs its source and not the tower, so it is no find; one that never ends is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use radio_signal::mpeg::packetizer::Packetizer;
use radio_signal::ogg::Packets;
use radio_tower::source::decoder::{DecoderFigures, StreamEnd, decode};
use radio_tower::source::formats::Format;
use radio_tower::source::opening::{Decoder, Foreign, decoder_of};
use radio_tower::source::repeat::Pieces;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once};

const FORMATS: [Format; 6] = [Format::Mp3, Format::Aac, Format::Ogg, Format::Opus, Format::Flac, Format::Wav];
/// Values that a byte can become at most: a few bits of FLAC are a block of silence, and a low rate becomes 48 kHz.
const VALUES_MAX: usize = 20_000_000;
/// Bytes that are kept for the next child: more would be a limit that is none.
const HEADERS_MAX: usize = 256 * 1024;
static QUIET: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(which) % FORMATS.len()];
    let mut packets = Packets::new();
    let _may_be_no_ogg = packets.push(bytes);
    let mut packetizer = Packetizer::new();
    let _taken = packetizer.push(bytes);
    let format = match decoder_of(&bytes[..bytes.len().min(64)], format) {
        Decoder::Inside(format) => format,
        Decoder::Child(stream) => return cut(bytes, stream),
        Decoder::Nobody(_) => return,
    };
    let (figures, mut values) = (DecoderFigures::default(), 0);
    let stream = Arc::new(Mutex::new(Cursor::new(bytes.to_vec())));
    let end = catch_unwind(AssertUnwindSafe(|| {
        decode(&stream, format, &figures, |samples| {
            values += samples.len();
            samples.clear();
            values <= VALUES_MAX
        })
    }));
    assert!(!matches!(end, Ok(StreamEnd::Unwanted)), "{values} values of {} bytes", bytes.len());
});

/// In whatever reads it comes, the pieces are the same.
fn cut(bytes: &[u8], stream: Foreign) {
    let pieces_of = |size: usize| {
        let (mut pieces, mut out) = (Pieces::new(stream), Vec::new());
        bytes.chunks(size).for_each(|read| pieces.push(read, &mut out));
        (pieces.headers().to_vec(), out)
    };
    let (headers, whole) = pieces_of(4096);
    assert!(whole.len() <= bytes.len() && headers.len() <= HEADERS_MAX, "{} of {}", whole.len(), bytes.len());
    assert_eq!((headers, whole), pieces_of(1 + bytes.len() % 97));
}
