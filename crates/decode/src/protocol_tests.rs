//! Messages as they are written and read.

use super::*;
use proptest::prelude::*;

fn bodies() -> Vec<Body> {
    let title = Some("Sinnerman, süß".into());
    let mastering = Mastering { album_artist: Some("X".into()), track_gain_mdb: Some(-7530), ..Mastering::default() };
    let tags = Tags { title, year: Some(1965), duration_ms: Some(1234), mastering, ..Tags::default() };
    vec![
        Body::Ready(Sandboxed { landlock: true, seccomp: false, limits: true }),
        Body::Started { file: 7, tags: Box::new(tags) },
        Body::Format { codec: "mp3".into(), rate_hz: 44_100 },
        Body::Title { artist: "A".into(), title: String::new() },
        Body::Progress { skipped: 1, bad_packets: 2, resyncs: 3 },
        Body::Warning("odd".into()),
        Body::Ended { file: 7, outcome: Outcome::Damaged("it ends early".into()) },
        Body::Ended { file: 8, outcome: Outcome::Over },
        Body::Flushed,
        Body::NeedsFfmpeg { file: 9, demuxer: Demuxer::named("asf").expect("it is known") },
        Body::FfmpegOver,
        Body::LumpTicks(250),
    ]
}

#[test]
fn each_message_is_read_as_it_was_written_and_not_if_it_is_cut_or_longer() {
    for body in bodies() {
        let record = Record { input_byte: u64::MAX, output_sample: 48_000, body };
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Ok(record));
        (0..bytes.len()).for_each(|length| assert_eq!(Record::decode(&bytes[..length]), Err(Malformed)));
        assert_eq!(Record::decode(&[&bytes[..], &[0]].concat()), Err(Malformed));
    }
    let play = Request::Play { file: 3, from_sample: 9, extension: "flac".into() };
    let (none, ended) = (Request::NoFfmpeg("none".into()), Request::FfmpegEnded(String::new()));
    for request in [play, Request::Flush, Request::Ffmpeg, none, ended] {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
}

#[test]
fn pieces_of_a_head_are_read_as_they_were_written_and_none_is_too_long() {
    for (end, length) in [(None, PIECE_BYTES_MAX), (Some(u64::MAX), 7), (Some(0), 0)] {
        let body = Body::Head { group_bytes: 4, end, piece: vec![9; length] };
        let record = Record { input_byte: 1, output_sample: 2, body };
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes), Ok(record));
        let longer = [&bytes[..], &[0; PIECE_BYTES_MAX]].concat();
        assert_eq!(Record::decode(&longer).is_ok(), length == 0);
    }
}

#[test]
fn a_demuxer_that_is_not_known_makes_no_sense() {
    let mut bytes = Record { input_byte: 0, output_sample: 0, body: bodies()[9].clone() }.encode();
    let at = bytes.len() - 3;
    bytes[at..].copy_from_slice(b"hls");
    assert_eq!(Record::decode(&bytes), Err(Malformed));
}

#[test]
fn a_long_text_is_cut_at_a_character() {
    let record = Record { input_byte: 0, output_sample: 0, body: Body::Warning("ß".repeat(5000)) };
    let Ok(Record { body: Body::Warning(text), .. }) = Record::decode(&record.encode()) else {
        panic!("it is a warning")
    };
    assert_eq!(text, "ß".repeat(TEXT_BYTES_MAX / 2));
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..14) {
        let begun = [&[VERSION][..], &[0; 16], &[kind], &bytes].concat();
        for bytes in [&bytes, &begun] {
            if let Ok(record) = Record::decode(bytes) {
                let again = record.encode();
                prop_assert!(again.len() <= MESSAGE_BYTES_MAX);
                prop_assert_eq!(&again, bytes);
            }
            let _may_be_none = Request::decode(bytes);
        }
    }
}
