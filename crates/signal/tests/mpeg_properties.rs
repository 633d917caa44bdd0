//! What holds for all bytes and all chunkings (SPEC MPEG-2).

mod mpeg_corpus;

use mpeg_corpus::*;
use proptest::prelude::*;
use radio_signal::mpeg::packetizer::{HELD_BYTES_MAX, PUSH_BYTES_MAX};
use radio_signal::mpeg::{FrameHeader, Packetizer};

/// A piece of a stream.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let header = prop::sample::select(vec![CBR_128K_48K, CBR_128K_44K, MPEG2_MONO, MPEG25_MONO]);
    let whole = (header, any::<u32>()).prop_map(|(header, seed)| frame(header, u64::from(seed)));
    let run = (whole.clone(), 1usize..5).prop_map(|(frame, count)| frame.repeat(count));
    let stump = (whole, 0usize..400).prop_map(|(mut frame, len)| {
        frame.truncate(len);
        frame
    });
    // Bytes of which tags and headers are made, so that near misses are frequent.
    let lookalike = prop::sample::select(&b"\xFF\xFB\x94\x64\xE3ID3TAGAPETAGEX\x00\x04\x10"[..]);
    prop_oneof![
        6 => run,
        2 => stump,
        1 => prop::collection::vec(any::<u8>(), 0..500),
        2 => prop::collection::vec(lookalike, 0..60),
        1 => (prop::collection::vec(any::<u8>(), 0..300), any::<bool>()).prop_map(|(body, footer)| id3v2(&body, footer)),
        1 => Just(id3v1()),
        1 => prop::collection::vec(any::<u8>(), 0..300).prop_map(|items| ape(&items)),
        1 => Just(table_of_contents(CBR_128K_48K, b"Info", 36)),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(stream in stream(), sizes in prop::collection::vec(1usize..900, 1..20)) {
        prop_assert_eq!(cut(&stream, &sizes), cut(&stream, &[usize::MAX]));
    }

    #[test]
    fn every_byte_is_accounted_for_and_frames_come_in_order(stream in stream()) {
        let (found, counters) = cut(&stream, &[500]);
        let accounted = counters.frame_bytes + counters.tag_bytes_skipped + counters.bytes_skipped;
        prop_assert_eq!(accounted, stream.len() as u64);
        let mut rest = &stream[..];
        for frame in &found {
            let header = FrameHeader::parse([frame[0], frame[1], frame[2], frame[3]]).unwrap();
            prop_assert_eq!(header.frame_bytes(), frame.len());
            let at = rest.windows(frame.len()).position(|window| window == frame);
            prop_assert!(at.is_some(), "a frame that is not in what remains of the stream");
            rest = &rest[at.unwrap() + frame.len()..];
        }
    }

    #[test]
    fn what_is_held_back_is_bounded(stream in stream(), size in 1usize..2000) {
        let mut packetizer = Packetizer::new();
        for chunk in stream.chunks(size) {
            prop_assert_eq!(packetizer.push(chunk), chunk.len());
            while packetizer.next_frame().is_some() {}
            prop_assert!(packetizer.held_bytes() <= HELD_BYTES_MAX);
        }
    }

    #[test]
    fn frames_after_any_noise_are_found_again(before in prop::collection::vec(any::<u8>(), 0..3000)) {
        // A cut or false frame may swallow a little of what follows, never more than the longest frame twice over.
        let expected = frames(CBR_128K_48K, 20);
        let (found, _) = cut(&[before, expected.concat()].concat(), &[usize::MAX]);
        prop_assert!(found.ends_with(&expected[8..]));
    }
}

#[test]
fn a_megabyte_of_noise_yields_next_to_nothing_and_no_panic() {
    let (found, counters) = cut(&noise(1, 1 << 20), &[PUSH_BYTES_MAX]);
    assert!(found.len() < 4, "{} frames in noise", found.len());
    assert_eq!(
        counters.frame_bytes + counters.tag_bytes_skipped + counters.bytes_skipped,
        1 << 20
    );
}
