//! Inputs of the targets for the fan-out and for titles.

use super::{Seed, audio};
use radio_decode::protocol::{Body, Outcome, Record, Request, Sandboxed, Tags};

/// Records of each kind, and requests.
pub(crate) fn decoder_records() -> Vec<Seed> {
    let of = |body| Record { input_byte: 1000, output_sample: 48_000, body }.encode();
    let (title, artist) = (Some("Sinnerman".into()), Some("Nina Simone".into()));
    let tags = Tags { title, artist, duration_ms: Some(622_000), ..Tags::default() };
    let play = Request::Play { file: 3, from_sample: 48_000, extension: "flac".into() };
    vec![
        ("ready", of(Body::Ready(Sandboxed { landlock: true, seccomp: true, limits: true }))),
        ("started", of(Body::Started { file: 3, tags: Box::new(tags) })),
        ("cover", of(Body::Cover(vec![0xFF; 100]))),
        ("format", of(Body::Format { codec: "mp3".into(), rate_hz: 44_100 })),
        ("title", of(Body::Title { artist: "Nina Simone".into(), title: "Sinnerman".into() })),
        ("progress", of(Body::Progress { skipped: 1, bad_packets: 2, resyncs: 3 })),
        ("head", of(Body::Head { group_bytes: 4, end: Some(1044), piece: b"RIFF".to_vec() })),
        ("lump_ticks", of(Body::LumpTicks(250))),
        ("warning", of(Body::Warning("it ends early".into()))),
        ("ended", of(Body::Ended { file: 3, outcome: Outcome::Damaged("it ends early".into()) })),
        ("flushed", of(Body::Flushed)),
        ("play", play.encode()),
        ("flush", Request::Flush.encode()),
    ]
}

/// A record, the length of a head, an interval and steps.
pub(crate) fn place() -> Vec<Seed> {
    let of = |words: [u64; 8], head: u8, metaint: u8, steps: &[u8]| {
        [&words.map(u64::to_le_bytes).concat()[..], &[head, metaint], steps].concat()
    };
    let shape = 100 | 64 << 32;
    vec![
        ("no-title-blocks", of([1, 0, 100, 1000, 0, 0, u64::MAX, 7], 100, 0, &[80; 20])),
        ("title-blocks", of([1, 500, shape, 1000, 3 | 2 << 32, 1, u64::MAX, 7], 50, 64, &[0xF1; 60])),
        ("jumps", of([1, 500, shape, 1000, 0, 0, 1200, 7], 0, 100, &[0x43; 60])),
        ("byte-by-byte", of([0; 8], 3, 2, &[0, 1, 2, 3].repeat(20))),
        ("all-bits", of([u64::MAX; 8], 255, 255, &[0xFF; 60])),
    ]
}

/// Capacities in bytes and in frames, and steps: length of a frame, position (little-endian), bytes to read.
pub(crate) fn ring() -> Vec<Seed> {
    vec![
        ("equal-frames", [&[200, 10][..], &[40, 10, 0, 20].repeat(20)].concat()),
        ("positions-advance", {
            let steps = (0..40u16).flat_map(|step| [25, (step * 20) as u8, ((step * 20) >> 8) as u8, 30]);
            [100, 8].into_iter().chain(steps).collect()
        }),
        ("empty-and-too-long-frames", [&[64, 4][..], &[0, 0, 0, 0, 255, 5, 0, 9, 64, 0, 0, 64].repeat(6)].concat()),
        ("smallest", [&[0, 0][..], &[8, 0, 0, 8, 1, 8, 0, 1].repeat(6)].concat()),
    ]
}

/// The interval, and a query, a stream with title blocks, or Ogg.
pub(crate) fn titles() -> Vec<Seed> {
    let of = |interval: u8, bytes: &[u8]| [&[interval], bytes].concat();
    let block = b"\x03StreamTitle='Nina - It's so';StreamUrl='';\0\0\0\0\0";
    let vorbis_packet = [b"\x03vorbis", &audio::opus_tags(&["ARTIST=A", "TITLE=B"])[8..]].concat();
    vec![
        ("icecast-query", of(0, b"mode=updinfo&mount=%2Flive&song=Nina+Simone+-+Sinnerman&charset=UTF-8")),
        ("latin-1-query", of(0, b"artist=Caf%E9&title=A%0AB&url=http%3A%2F%2Fradio.example")),
        ("icy-blocks", of(8, &[&b"12345678"[..], block, b"12345678\0", b"12345678"].concat())),
        ("opus-chain", of(16, &[audio::opus(1, &["ARTIST=A", "TITLE=B"]), audio::opus(2, &["title=C"])].concat())),
        ("vorbis", of(100, &audio::vorbis(1, &["ARTIST=A", "TITLE=B", "TITLE=C"]))),
        ("opus-comments", of(3, &audio::opus_tags(&["encoder=x", "Artist=A", "TITLE=B\u{7}\u{202e}\u{1f600}"]))),
        ("vorbis-comments", of(5, &vorbis_packet)),
    ]
}
