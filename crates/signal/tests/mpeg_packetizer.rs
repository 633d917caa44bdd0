//! What comes out of streams as they are met (SPEC MPEG-1, MPEG-2, MPEG-3).

mod mpeg_corpus;

use mpeg_corpus::*;
use radio_signal::mpeg::{Packetizer, packetizer::HELD_BYTES_MAX, packetizer::PUSH_BYTES_MAX};

/// Cuts the stream in one piece, byte by byte and in odd pieces; all must agree.
fn cut_every_way(stream: &[u8]) -> (Vec<Vec<u8>>, radio_signal::mpeg::packetizer::Counters) {
    let whole = cut(stream, &[usize::MAX]);
    assert_eq!(cut(stream, &[1]), whole, "byte by byte");
    assert_eq!(cut(stream, &[7, 383, 2, 1000]), whole, "in odd pieces");
    whole
}

fn assert_frames(found: &[Vec<u8>], expected: &[Vec<u8>]) {
    let first_other = found.iter().zip(expected).position(|(found, expected)| found != expected);
    assert_eq!(first_other, None, "the first frame that is another");
    assert_eq!(found.len(), expected.len(), "frames");
}

#[test]
fn every_kind_of_stream_comes_out_unchanged() {
    for header in [CBR_128K_48K, CBR_128K_44K, MPEG2_MONO, MPEG25_MONO] {
        let expected = frames(header, 20);
        let (found, counters) = cut_every_way(&expected.concat());
        assert_frames(&found, &expected);
        assert_eq!((counters.frames, counters.bytes_skipped, counters.resyncs), (20, 0, 0));
    }
}

#[test]
fn bit_rate_padding_and_kind_of_stereo_may_change_from_frame_to_frame() {
    let expected: Vec<_> = (0..60u8)
        .map(|i| frame([0xFF, 0xFB, (1 + i % 14) << 4 | (i / 3 % 2) << 1, (i % 3) << 6], u64::from(i)))
        .collect();
    let (found, counters) = cut_every_way(&expected.concat());
    assert_frames(&found, &expected);
    assert_eq!((counters.bytes_skipped, counters.resyncs), (0, 0));
}

#[test]
fn in_sync_a_frame_is_released_with_its_last_byte() {
    let frames = frames(CBR_128K_48K, 3);
    let mut packetizer = Packetizer::new();
    assert_eq!(packetizer.push(&frames[0]), 384);
    assert_eq!(packetizer.next_frame(), None, "not confirmed so far");
    assert_eq!(packetizer.push(&frames[1][..4]), 4);
    assert_eq!(packetizer.next_frame().map(|frame| frame.bytes.to_vec()), Some(frames[0].clone()));
    assert_eq!(packetizer.push(&frames[1][4..383]), 379);
    assert_eq!(packetizer.next_frame(), None, "a byte is missing");
    assert_eq!(packetizer.push(&frames[1][383..]), 1);
    assert_eq!(packetizer.next_frame().map(|frame| frame.bytes.to_vec()), Some(frames[1].clone()));
    assert_eq!(packetizer.held_bytes(), 0);
}

#[test]
fn a_single_frame_is_released_at_the_end_of_the_stream_and_a_cut_one_is_not() {
    let one = frames(CBR_128K_48K, 1);
    assert_frames(&cut_every_way(&one[0]).0, &one);
    let (found, counters) = cut_every_way(&one[0][..383]);
    assert_frames(&found, &[]);
    assert_eq!(counters.bytes_skipped, 383);
    let mut packetizer = Packetizer::new();
    packetizer.finish();
    assert_eq!(packetizer.push(b"more"), 0);
    packetizer.packetize(b"more", |_| panic!("the stream had ended"));
}

#[test]
fn after_garbage_the_next_confirmed_frame_is_found() {
    let expected = frames(CBR_128K_48K, 9);
    for garbage_len in [1, 3, 4, 100, 383, 384, 385, 5000] {
        let garbage = noise(99, garbage_len);
        let stream = [garbage.clone(), expected[..5].concat(), garbage, expected[5..].concat()].concat();
        let (found, counters) = cut_every_way(&stream);
        assert_frames(&found, &expected);
        assert_eq!((counters.bytes_skipped, counters.resyncs), (2 * garbage_len as u64, 1), "{garbage_len}");
    }
}

#[test]
fn a_cut_frame_costs_itself_and_the_one_it_runs_into() {
    let whole = frames(CBR_128K_48K, 8);
    for cut_len in [1, 4, 5, 36, 200, 383] {
        let stream = [whole[..3].concat(), whole[3][..cut_len].to_vec(), whole[4..].concat()].concat();
        let (found, counters) = cut_every_way(&stream);
        // Fewer than four bytes are no header; otherwise the stump is completed with bytes of its successor.
        let lost = if cut_len < 4 { 3..4 } else { 3..5 };
        let survivors: Vec<_> = (0..8).filter(|i| !lost.contains(i)).map(|i| whole[i].clone()).collect();
        let sound: Vec<_> = found.iter().filter(|frame| whole.contains(frame)).cloned().collect();
        assert_frames(&sound, &survivors);
        assert!(found.len() <= survivors.len() + 1, "{cut_len}");
        assert_eq!(counters.resyncs, 1);
    }
}

#[test]
fn sync_words_in_the_payload_deceive_nobody() {
    let mut expected = frames(CBR_128K_48K, 10);
    for (i, frame) in expected.iter_mut().enumerate() {
        // Headers of the same format, whose frames would not end where another begins.
        for at in (40 + i..360).step_by(23) {
            frame[at..at + 4].copy_from_slice(&CBR_128K_48K);
        }
    }
    let (found, counters) = cut_every_way(&expected.concat());
    assert_frames(&found, &expected);
    assert_eq!(counters.bytes_skipped, 0);

    // Joined in the middle of a frame, all of these must be seen through.
    let (found, counters) = cut_every_way(&expected.concat()[200..]);
    assert_frames(&found, &expected[1..]);
    assert_eq!((counters.bytes_skipped, counters.resyncs), (184, 0));
}

#[test]
fn a_header_of_another_format_confirms_nothing() {
    // Joined in mid-frame: a false header whose frame ends where a header of another rate or of mono stands.
    for other in [CBR_128K_44K, [0xFF, 0xFB, 0x94, 0xC4], MPEG2_MONO] {
        let expected = frames(CBR_128K_48K, 5);
        let mut stump = noise(4, 450);
        stump[10..14].copy_from_slice(&CBR_128K_48K);
        stump[394..398].copy_from_slice(&other);
        let (found, counters) = cut_every_way(&[stump, expected.concat()].concat());
        assert_frames(&found, &expected);
        assert_eq!((counters.bytes_skipped, counters.resyncs), (450, 0));
    }
}

#[test]
fn a_stream_many_times_the_buffer_comes_out_unchanged() {
    let expected: Vec<_> =
        (0..1500).map(|i| frame([CBR_128K_48K, [0xFF, 0xFB, 0xE6, 0x00]][i % 2], i as u64)).collect();
    let stream = expected.concat();
    for size in [1000, 4096, PUSH_BYTES_MAX] {
        let (found, counters) = cut(&stream, &[size]);
        assert_frames(&found, &expected);
        assert_eq!((counters.bytes_skipped, counters.resyncs), (0, 0));
    }
}

#[test]
fn free_format_and_other_layers_are_not_taken_for_frames() {
    let layer2 = [0xFF, 0xFD, 0x94, 0x64];
    let free_format = [0xFF, 0xFB, 0x04, 0x64];
    for header in [layer2, free_format] {
        let stream = [&header[..], &[0; 380]].concat().repeat(5);
        let (found, counters) = cut_every_way(&stream);
        assert_frames(&found, &[]);
        assert_eq!(counters.bytes_skipped, 5 * 384);
    }
}

#[test]
fn a_stream_of_another_format_is_a_new_sync() {
    let (first, second) = (frames(CBR_128K_48K, 4), frames(CBR_128K_44K, 4));
    let (found, counters) = cut_every_way(&[first.concat(), second.concat()].concat());
    assert_frames(&found, &[first, second].concat());
    assert_eq!((counters.bytes_skipped, counters.resyncs), (0, 1));
}

#[test]
fn tags_are_set_aside_wherever_they_stand() {
    let expected = frames(CBR_128K_48K, 6);
    // A picture in a tag may look like frames.
    let picture = frames(CBR_128K_48K, 5).concat();
    let tags = [id3v2(b"", false), id3v2(&picture, true), id3v2(&picture, false), id3v1(), ape(&picture)];
    for (kind, tag) in tags.iter().enumerate() {
        for place in 0..=expected.len() {
            let stream = [expected[..place].concat(), tag.repeat(2), expected[place..].concat()].concat();
            let (found, counters) = cut_every_way(&stream);
            assert_frames(&found, &expected);
            // APE has a header and a footer, and its length takes in both.
            assert_eq!((counters.tags_skipped, counters.bytes_skipped), (2, 0), "tag {kind} before frame {place}");
            assert_eq!((counters.tag_bytes_skipped, counters.resyncs), (2 * tag.len() as u64, 0));
        }
    }
}

#[test]
fn a_tag_behind_garbage_is_found() {
    let expected = frames(CBR_128K_48K, 4);
    let tag = id3v2(&frames(CBR_128K_48K, 5).concat(), false);
    let (found, counters) = cut_every_way(&[noise(5, 333), tag, expected.concat()].concat());
    assert_frames(&found, &expected);
    assert_eq!((counters.tags_skipped, counters.bytes_skipped), (1, 333));
}

#[test]
fn a_tag_larger_than_all_buffers_passes_through() {
    let body = vec![0xFF; 3 * PUSH_BYTES_MAX];
    let expected = frames(CBR_128K_48K, 3);
    let stream = [id3v2(&body, true), expected.concat(), ape(&body), expected.concat(), id3v1()].concat();
    let (found, counters) = cut_every_way(&stream);
    assert_frames(&found, &[expected.clone(), expected].concat());
    assert_eq!((counters.tags_skipped, counters.bytes_skipped), (3, 0));
}

#[test]
fn a_tag_cut_by_the_end_of_the_stream_is_still_a_tag() {
    let expected = frames(CBR_128K_48K, 3);
    let (found, counters) = cut_every_way(&[expected.concat(), id3v1()[..50].to_vec()].concat());
    assert_frames(&found, &expected);
    assert_eq!((counters.tags_skipped, counters.tag_bytes_skipped, counters.bytes_skipped), (1, 50, 0));
}

#[test]
fn tables_of_contents_are_set_aside() {
    let with_crc = [0xFF, 0xFA, 0x94, 0x64];
    let mono = [0xFF, 0xFB, 0x94, 0xC4];
    for (header, magic, offset) in [
        (CBR_128K_48K, b"Info", 36),
        (CBR_128K_48K, b"Xing", 36),
        (CBR_128K_48K, b"VBRI", 36),
        (with_crc, b"Info", 38),
        (mono, b"Xing", 21),
        (mono, b"VBRI", 36),
        (MPEG2_MONO, b"Info", 15),
        (MPEG25_MONO, b"Xing", 13),
    ] {
        let expected = frames(header, 4);
        let table = table_of_contents(header, magic, offset);
        let stream = [table.clone(), expected[..2].concat(), table, expected[2..].concat()].concat();
        let (found, counters) = cut_every_way(&stream);
        assert_frames(&found, &expected);
        assert_eq!((counters.tags_skipped, counters.bytes_skipped, counters.resyncs), (2, 0, 0), "{magic:?}");
    }
}

#[test]
fn audio_that_happens_to_say_info_is_audio() {
    let mut expected = frames(CBR_128K_48K, 4);
    expected[2][36..40].copy_from_slice(b"Info");
    let (found, counters) = cut_every_way(&expected.concat());
    assert_frames(&found, &expected);
    assert_eq!(counters.tags_skipped, 0);
}

#[test]
fn a_caller_who_does_not_pull_fills_the_buffer_and_no_more() {
    let stream = frames(CBR_128K_48K, 500).concat();
    let mut packetizer = Packetizer::new();
    let taken = packetizer.push(&stream);
    assert_eq!((taken, packetizer.held_bytes()), (PUSH_BYTES_MAX + HELD_BYTES_MAX, taken));
    assert_eq!(packetizer.push(&stream[taken..]), 0);
    while packetizer.next_frame().is_some() {}
    assert!(packetizer.held_bytes() <= HELD_BYTES_MAX);
    assert_eq!(packetizer.push(&stream[taken..][..PUSH_BYTES_MAX]), PUSH_BYTES_MAX);
}

#[test]
fn a_confirming_packetizer_never_releases_a_frame_that_was_cut_short() {
    let frames = frames(CBR_128K_48K, 20);
    for kept in 5..384 {
        let stream = [&frames[..10].concat()[..], &frames[10][..kept], &frames[11..].concat()].concat();
        let mut packetizer = Packetizer::confirming();
        let mut released = Vec::new();
        packetizer.packetize(&stream, |frame| released.push(frame.bytes.to_vec()));
        assert_frames(&released[..10], &frames[..10]);
        assert!(!released.iter().skip(10).any(|frame| !frames[11..].contains(frame)), "{kept} bytes of a frame");
        assert!(packetizer.counters().bytes_skipped > 0);
    }
}
