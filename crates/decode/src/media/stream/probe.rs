//! What a stream is, by its bytes.

pub use radio_signal::mpeg::elementary::Begins;
use radio_signal::mpeg::elementary::{may_begin, row};
use radio_signal::mpeg::splitter::TAG_BYTES_BELIEVED;
use radio_signal::mpeg::tags::{self, Tag};

/// Frames in a row by which an elementary stream is known.
const FRAMES: usize = 2;
/// The same of framings whose marks are short.
const FRAMES_OF_SHORT_MARKS: usize = 5;
/// Bytes of a packet of an MPEG transport stream.
const TS_BYTES: usize = 188;
/// Bytes by which any container is known.
const CONTAINER_BYTES: usize = 12;

/// What a stream may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Frames of MPEG audio or AAC in ADTS.
    Elementary,
    /// Ogg.
    Ogg,
    /// FLAC as in a file.
    Flac,
    /// PCM in WAVE.
    Wav,
    /// Something that FFmpeg's demuxer of this name reads.
    Foreign(&'static str),
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing within the first so many bytes; behind them more will tell.
    Nothing(usize),
    /// A tag: behind so many bytes more will tell.
    Tag(u64),
    /// This begins, behind so many bytes.
    Kind(usize, Kind),
    /// What came before goes on, behind so many bytes.
    Same(usize),
}

/// Looks for the beginning of anything that is known in `bytes`, behind which nothing comes if
/// `is_over`. `goes_on` says whether what came before goes on with some bytes.
#[must_use]
pub fn find(bytes: &[u8], is_over: bool, goes_on: impl Fn(&[u8]) -> bool) -> Found {
    let mut undecided = None;
    for at in 0..bytes.len() {
        let rest = &bytes[at..];
        // An ID3v1 tag has a mark of three letters, which are believed where one may stand.
        if at == 0 || rest[0] != b'T' {
            match tags::recognise(rest) {
                Tag::Bytes(length) if length <= TAG_BYTES_BELIEVED => return Found::Tag(at as u64 + length),
                Tag::Perhaps if !is_over => undecided = undecided.or(Some(at)),
                _ => {}
            }
        }
        match begins(rest, is_over) {
            Begins::Yes(kind) => return Found::Kind(at, kind),
            Begins::Perhaps if !is_over => undecided = undecided.or(Some(at)),
            Begins::Perhaps | Begins::No => {}
        }
        if goes_on(rest) {
            return Found::Same(at);
        }
    }
    Found::Nothing(undecided.unwrap_or(bytes.len()))
}

fn begins(bytes: &[u8], is_over: bool) -> Begins<Kind> {
    match bytes.first() {
        None => Begins::Perhaps,
        Some(0xFF) => match row(bytes, FRAMES, is_over) {
            Begins::Yes(_) => Begins::Yes(Kind::Elementary),
            Begins::Perhaps => Begins::Perhaps,
            Begins::No if may_begin(bytes) => Begins::Perhaps,
            Begins::No => Begins::No,
        },
        Some(0x56) => row_of(bytes, is_over, "loas", |head| {
            let &[first, second, third] = head.first_chunk()?;
            let is_sync = u16::from_be_bytes([first, second]) & 0xFFE0 == 0x56E0;
            is_sync.then(|| 3 + (usize::from(second & 0x1F) << 8 | usize::from(third)))
        }),
        Some(0x47) => row_of(bytes, is_over, "mpegts", |head| (head[0] == 0x47).then_some(TS_BYTES)),
        Some(_) => container(bytes),
    }
}

/// Whether so many frames follow each other that an elementary stream of a framing with a short mark
/// is believed. `length` tells that of a frame by its first three bytes.
fn row_of(bytes: &[u8], is_over: bool, demuxer: &'static str, length: impl Fn(&[u8]) -> Option<usize>) -> Begins<Kind> {
    let mut at = 0;
    for _ in 0..FRAMES_OF_SHORT_MARKS {
        match bytes.get(at..at + 3).map(&length) {
            Some(Some(bytes)) => at += bytes,
            Some(None) => return Begins::No,
            None if is_over => return Begins::No,
            None => return Begins::Perhaps,
        }
    }
    Begins::Yes(Kind::Foreign(demuxer))
}

/// Whether a container begins with `bytes`.
#[must_use]
pub fn is_container(bytes: &[u8]) -> bool {
    matches!(container(bytes), Begins::Yes(_))
}

/// Marks of containers: four bytes at the beginning, others at a place, and what they mean.
const CONTAINERS: [(&[u8], usize, &[u8], Kind); 13] = [
    (b"OggS", 4, b"\0", Kind::Ogg),
    // The block STREAMINFO comes first, and has 34 bytes.
    (b"fLaC", 5, b"\0\0\x22", Kind::Flac),
    (b"RIFF", 8, b"WAVE", Kind::Wav),
    (b"RF64", 8, b"WAVE", Kind::Wav),
    (b"BW64", 8, b"WAVE", Kind::Wav),
    (b"riff", 4, b"\x2E\x91\xCF\x11", Kind::Foreign("w64")),
    // Versions 4.2 to 4.16.
    (b"wvpk", 9, b"\x04", Kind::Foreign("wv")),
    (b"\x1A\x45\xDF\xA3", 4, b"", Kind::Foreign("matroska")),
    (b"\x30\x26\xB2\x75", 4, b"\x8E\x66\xCF\x11", Kind::Foreign("asf")),
    (b"FLV\x01", 5, b"\0\0\0\x09", Kind::Foreign("flv")),
    (b"FORM", 8, b"AIF", Kind::Foreign("aiff")),
    (b"caff", 4, b"\0\x01\0\0", Kind::Foreign("caf")),
    (b".snd", 4, b"\0\0\0", Kind::Foreign("au")),
];

/// Which container begins with `bytes`.
#[must_use]
pub fn container(bytes: &[u8]) -> Begins<Kind> {
    let agrees = |mark: &[u8], at: usize| {
        let there = bytes.get(at..).unwrap_or_default();
        mark.iter().zip(there).all(|(mark, byte)| mark == byte)
    };
    let mut undecided = false;
    for (first, at, second, kind) in CONTAINERS {
        if agrees(first, 0) && agrees(second, at) {
            if bytes.len() >= at + second.len() && bytes.len() >= first.len() {
                return Begins::Yes(kind);
            }
            undecided = true;
        }
    }
    // The first box of MP4, whose length comes before its name.
    if bytes.first() == Some(&0) && agrees(b"\0\0\0", 0) && agrees(b"ftyp", 4) {
        if bytes.len() >= 8 {
            return Begins::Yes(Kind::Foreign("mov"));
        }
        undecided = true;
    }
    if undecided && bytes.len() < CONTAINER_BYTES { Begins::Perhaps } else { Begins::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::mpeg::AdtsHeader;

    fn found(bytes: &[u8], is_over: bool) -> Found {
        find(bytes, is_over, |_| false)
    }

    fn adts() -> Vec<u8> {
        let mut frame = AdtsHeader::write(48_000, 2, 200).expect("valid").to_vec();
        frame.resize(207, 0);
        frame
    }

    #[test]
    fn each_kind_is_known_by_its_bytes_behind_tags_and_garbage_in_any_chunking() {
        let loas = [&[0x56, 0xE0, 0x05][..], &[1; 5]].concat().repeat(5);
        let ts = [&[0x47][..], &[1; 187]].concat().repeat(5);
        let kinds: [(&[u8], Kind); 12] = [
            (&adts().repeat(2), Kind::Elementary),
            (b"OggS\0\x02", Kind::Ogg),
            (b"fLaC\0\0\0\x22", Kind::Flac),
            (b"RIFF\xFF\xFF\xFF\xFFWAVEfmt ", Kind::Wav),
            (b"RF64\xFF\xFF\xFF\xFFWAVEds64", Kind::Wav),
            (b"BW64\xFF\xFF\xFF\xFFWAVEds64", Kind::Wav),
            (b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB", Kind::Foreign("w64")),
            (b"wvpk\x30\x07\0\0\x10\x04\0\0", Kind::Foreign("wv")),
            (&loas, Kind::Foreign("loas")),
            (&ts, Kind::Foreign("mpegts")),
            (b"\x1A\x45\xDF\xA3\x01\0\0\0", Kind::Foreign("matroska")),
            (b"\0\0\0\x20ftypM4A ", Kind::Foreign("mov")),
        ];
        for (bytes, kind) in kinds {
            assert_eq!(found(bytes, false), Found::Kind(0, kind));
            let stream = [&b"what is this? "[..], bytes].concat();
            for length in 0..stream.len() {
                match found(&stream[..length], false) {
                    Found::Nothing(skipped) => assert!(skipped <= 14, "{kind:?}: {skipped} of {length}"),
                    found => assert_eq!(found, Found::Kind(14, kind)),
                }
            }
            assert_eq!(found(&stream, false), Found::Kind(14, kind));
        }
        let tag = b"ID3\x04\0\0\0\0\x02\0";
        assert_eq!(found(tag, false), Found::Tag(266));
        assert_eq!(found(&tag[..9], false), Found::Nothing(0));
        assert_eq!(found(b"some text, and nothing else", true), Found::Nothing(27));
        assert_eq!(found(&adts(), true), Found::Kind(0, Kind::Elementary), "one frame, and the end");
    }

    #[test]
    fn noise_is_nothing() {
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        })
        .take(1 << 20)
        .collect();
        assert_eq!(found(&noise, true), Found::Nothing(noise.len()));
    }
}
