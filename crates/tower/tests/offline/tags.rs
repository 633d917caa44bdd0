//! Tags as other programs write them, byte for byte (SPEC FALL-6).

use radio_decode::media::file::{Decoder, TrackInfo, decode};
use radio_signal::ogg::page::{self, FIRST, PageHeader};
use std::path::Path;

/// Titles that one program or another writes in its own way.
const TITLES: [&str; 13] = [
    "Song",
    "Für Elise",
    "Señor & Señora",
    "Don’t – “Stop” €5",
    "Œuvre",
    "Привет мир",
    "Группа крови (Live)",
    "日本の歌",
    "Ελλάδα",
    "a / b; c, d",
    "ÿþ starts like a mark",
    "😀 beyond 16 bits",
    "A title that is rather longer than the thirty bytes of ID3v1",
];

/// What a program writes in front of and behind the audio.
struct Written {
    front: Vec<u8>,
    back: Vec<u8>,
}

/// How a program writes a title and an artist, if it can.
type Write = fn(&str) -> Option<Written>;

/// Frames of silence, which are good MP3 at 128 kbit/s.
fn audio() -> Vec<u8> {
    [&[0xFF, 0xFB, 0x90, 0x64][..], &[0; 413]].concat().repeat(30)
}

fn synchsafe(n: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (n >> shift & 127) as u8)
}

fn frame(version: u8, id: &str, content: &[u8]) -> Vec<u8> {
    let n = content.len();
    let plain = u32::try_from(n).expect("a short one").to_be_bytes();
    match version {
        2 => [id.as_bytes(), &plain[1..], content].concat(),
        3 => [id.as_bytes(), &plain, &[0, 0], content].concat(),
        _ => [id.as_bytes(), &synchsafe(n), &[0, 0], content].concat(),
    }
}

fn tag(version: u8, flags: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let body = frames.concat();
    [&b"ID3"[..], &[version, 0, flags], &synchsafe(body.len()), &body].concat()
}

/// The frames of a title and of the artist "Band", each of `text` encoded by `encode`.
fn both(version: u8, title: &str, encode: impl Fn(&str) -> Vec<u8>) -> Vec<Vec<u8>> {
    let ids = if version == 2 { ["TT2", "TP1"] } else { ["TIT2", "TPE1"] };
    vec![frame(version, ids[0], &encode(title)), frame(version, ids[1], &encode("Band"))]
}

fn utf8(text: &str) -> Vec<u8> {
    [b"\x03", text.as_bytes()].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16()).chain([0]);
    std::iter::once(1).chain(units.flat_map(u16::to_le_bytes)).collect()
}

fn utf16_be(text: &str) -> Vec<u8> {
    std::iter::once(2).chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}

/// Declared as Latin-1, whatever it is.
fn declared_latin1(charset: &'static encoding_rs::Encoding, title: &str) -> Option<Vec<Vec<u8>>> {
    let can = |text: &str| !charset.encode(text).2;
    let encode = |text: &str| [b"\0", &*charset.encode(text).0].concat();
    can(title).then(|| both(3, title, encode))
}

fn v1(title: &[u8], artist: &[u8]) -> Vec<u8> {
    let field =
        |text: &[u8], bytes: usize| text.iter().copied().chain(std::iter::repeat(0)).take(bytes).collect::<Vec<u8>>();
    [&b"TAG"[..], &field(title, 30), &field(artist, 30), &[0; 30], b"2001", &[0; 30], &[12]].concat()
}

fn in_front(front: Vec<u8>) -> Option<Written> {
    Some(Written { front, back: Vec::new() })
}

const PROGRAMS: [(&str, Write); 16] = [
    ("Mp3tag", |title| {
        let frames =
            [both(3, title, utf16), vec![frame(3, "TXXX", &utf16("ALBUM ARTIST\0Band")), vec![0; 1000]]].concat();
        in_front(tag(3, 0, &frames))
    }),
    ("Picard, with two artists", |title| {
        let artists = frame(4, "TPE1", b"\x03Band\0Guest\0Choir");
        in_front(tag(4, 0, &[frame(4, "TIT2", &utf8(title)), artists, frame(4, "TSOP", &utf8("Band"))]))
    }),
    ("iTunes, ID3v2.2", |title| in_front(tag(2, 0, &both(2, title, utf16)))),
    ("iTunes, sizes of ID3v2.4 as in 2.3", |title| {
        let comment = [&b"\0eng\0"[..], &[b'x'; 500]].concat();
        let size = u32::try_from(comment.len()).expect("a short one").to_be_bytes();
        let wrong = [&b"COMM"[..], &size, &[0, 0], &comment].concat();
        in_front(tag(4, 0, &[vec![wrong], both(4, title, utf8)].concat()))
    }),
    ("foobar2000", |title| {
        in_front(tag(
            4,
            0,
            &[both(4, title, utf8), vec![frame(4, "TXXX", b"\x03replaygain_track_gain\0-3.2 dB")]].concat(),
        ))
    }),
    ("Winamp", |title| in_front(tag(3, 0, &declared_latin1(encoding_rs::WINDOWS_1252, title)?))),
    ("a Russian program", |title| {
        let has_cyrillic = title.chars().any(|c| ('А'..='я').contains(&c));
        in_front(tag(3, 0, &has_cyrillic.then(|| declared_latin1(encoding_rs::WINDOWS_1251, title)).flatten()?))
    }),
    ("a program of Unix that declares UTF-8 as Latin-1", |title| {
        in_front(tag(3, 0, &both(3, title, |text| [b"\0", text.as_bytes()].concat())))
    }),
    ("id3lib, UTF-16 big-endian without a mark", |title| in_front(tag(4, 0, &both(4, title, utf16_be)))),
    ("LAME, with ID3v1 too", |title| {
        let cut = encoding_rs::WINDOWS_1252.encode(title).0.into_owned();
        let back = v1(&cut, b"Band");
        Some(Written { front: tag(3, 0, &both(3, title, utf16)), back })
    }),
    ("a program that knows ID3v1 only, in UTF-8", |title| {
        let fits = title.len() <= 30;
        fits.then(|| Written { front: Vec::new(), back: v1(title.as_bytes(), b"Band") })
    }),
    ("FFmpeg over an old ID3v1", |title| {
        let fits = title.len() <= 30;
        let front = tag(4, 0, &[frame(4, "TSSE", &utf8("Lavf61.7.100"))]);
        fits.then(|| Written { front, back: v1(title.as_bytes(), b"Band") })
    }),
    ("two programs, one tag each", |title| {
        let second = tag(3, 0, &[frame(3, "TXXX", b"\x00replaygain_track_gain\0-3 dB")]);
        in_front([tag(4, 0, &both(4, title, utf8)), second].concat())
    }),
    ("a program that writes blank fields first", |title| {
        let blank = tag(3, 0, &both(3, "  ", |_| b"\0  ".to_vec()));
        in_front([blank, tag(4, 0, &both(4, title, utf8))].concat())
    }),
    ("mutagen, unsynchronised", |title| {
        let body: Vec<u8> = both(3, title, utf16)
            .concat()
            .iter()
            .flat_map(|&byte| if byte == 0xFF { vec![byte, 0] } else { vec![byte] })
            .collect();
        in_front(tag(3, 0x80, &[body]))
    }),
    ("a program with an extended header and a footer", |title| {
        let extended = [&synchsafe(6)[..], &[1, 0]].concat();
        let frames = [vec![extended], both(4, title, utf8)].concat();
        let tag = tag(4, 0x50, &frames);
        let footer = [b"3DI", &tag[3..10]].concat();
        in_front([tag, footer].concat())
    }),
];

fn info_of(path: &Path, bytes: &[u8]) -> TrackInfo {
    std::fs::write(path, bytes).expect("a temporary file");
    Decoder::open(path).unwrap_or_else(|error| panic!("{error}")).info().clone()
}

/// A WAV of silence with these chunks behind it.
fn wav(chunks: &[Vec<u8>]) -> Vec<u8> {
    let format = chunk(b"fmt ", &[1, 0, 2, 0, 0x80, 0xBB, 0, 0, 0, 0xEE, 2, 0, 4, 0, 16, 0]);
    let body = [vec![b"WAVE".to_vec(), format, chunk(b"data", &[0; 4800])], chunks.to_vec()].concat().concat();
    chunk(b"RIFF", &body)
}

fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).expect("a short one").to_le_bytes();
    [&id[..], &size, content, &[0][..content.len() % 2]].concat()
}

#[test]
fn every_program_writes_tags_in_its_own_way_and_each_is_shown_rightly() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("name of the file.mp3");
    let mut files = 0;
    for (program, write) in PROGRAMS {
        for title in TITLES {
            let Some(Written { front, back }) = write(title) else { continue };
            let info = info_of(&path, &[front, audio(), back].concat());
            assert_eq!((info.artist.as_deref(), info.title.as_deref()), (Some("Band"), Some(title)), "{program}");
            files += 1;
        }
    }
    assert!(files >= 150, "{files} files");
}

#[test]
fn a_title_that_says_nothing_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("name of the file.mp3");
    let blanks: [&[u8]; 8] =
        [b"\0", b"\x03", b"", b"\0  ", b"\x03\t\n", b"\x01\xFF\xFE", b"\x01\xFF\xFE \0", b"\0\0\0"];
    for blank in blanks {
        let front = tag(3, 0, &[frame(3, "TIT2", blank), frame(3, "TPE1", b"\0Band")]);
        let info = info_of(&path, &[front, audio(), v1(&[b' '; 30], &[b' '; 30])].concat());
        assert_eq!((info.title, info.artist.as_deref()), (None, Some("Band")), "{blank:?}");
    }
    // What a terminal would obey is no title either.
    let front = tag(4, 0, &[frame(4, "TIT2", b"\x03a\x1b[31mb\nc")]);
    assert_eq!(info_of(&path, &[front, audio()].concat()).title.as_deref(), Some("a [31mb c"));
}

#[test]
fn waves_have_their_tags_in_chunks() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.wav");
    let info_list = |title: &[u8]| {
        let fields =
            [b"INFO".to_vec(), chunk(b"ISFT", b"Audacity\0"), chunk(b"INAM", title), chunk(b"IART", b"Band\0")];
        chunk(b"LIST", &fields.concat())
    };
    for title in [&b"F\xfcr Elise\0"[..], "Für Elise\0".as_bytes()] {
        let info = info_of(&path, &wav(&[info_list(title)]));
        assert_eq!((info.artist.as_deref(), info.title.as_deref()), (Some("Band"), Some("Für Elise")));
    }
    let id3 = chunk(b"id3 ", &tag(3, 0, &both(3, "Longer than INFO has it", utf16)));
    assert_eq!(info_of(&path, &wav(&[info_list(b"Longer\0"), id3])).title.as_deref(), Some("Longer than INFO has it"));
}

/// Vorbis comments, with the beginning that a codec gives them.
fn comments(beginning: &[u8], comments: &[&[u8]]) -> Vec<u8> {
    let text = |text: &[u8]| [&u32::try_from(text.len()).expect("a short one").to_le_bytes(), text].concat();
    let count = u32::try_from(comments.len()).expect("a few").to_le_bytes();
    let each: Vec<u8> = comments.iter().flat_map(|comment| text(comment)).collect();
    [beginning, &text(b"a program"), &count, &each].concat()
}

/// The beginning of a FLAC file: what comes before its frames.
fn flac(comments: &[u8]) -> Vec<u8> {
    let block = |kind: u8, content: &[u8]| {
        [&[kind], &u32::try_from(content.len()).expect("a short one").to_be_bytes()[1..], content].concat()
    };
    let info = [0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0B, 0xB8, 0x02, 0xF0];
    let info = [&info[..], &[0; 20]].concat();
    [b"fLaC".to_vec(), block(0, &info), block(1, &[0; 100]), block(0x84, comments)].concat()
}

/// The headers of a stream in Ogg.
fn ogg(head: &[u8], comments: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    page::write(PageHeader { flags: FIRST, granule: 0, stream: 7, number: 0 }, &[head], &mut bytes);
    page::write(PageHeader { flags: 0, granule: 0, stream: 7, number: 1 }, &[comments], &mut bytes);
    bytes
}

#[test]
fn comments_beside_a_cover_are_shown_in_the_charset_that_they_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.opus");
    let cover = [&b"METADATA_BLOCK_PICTURE="[..], &vec![b'A'; 1_400_000]].concat();
    let texts: [&[u8]; 2] = [b"ARTIST=Bj\xf6rk", b"TITLE=J\xf3ga"];
    // As opusenc writes it, and as others do.
    for fields in [[&cover[..], texts[0], texts[1]], [texts[0], texts[1], &cover[..]]] {
        let packet = comments(b"OpusTags", &fields);
        // Pages as long as they can be, each a part of the one packet.
        let mut bytes = Vec::new();
        let head = b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0";
        page::write(PageHeader { flags: FIRST, granule: 0, stream: 7, number: 0 }, &[head], &mut bytes);
        for (number, part) in (1..).zip(packet.chunks(page::SEGMENTS_MAX * 255)) {
            let flags = if number == 1 { 0 } else { page::CONTINUED };
            page::write(PageHeader { flags, granule: 0, stream: 7, number }, &[part], &mut bytes);
        }
        std::fs::write(&path, bytes).expect("a temporary file");
        let info = decode::tags_of(std::fs::File::open(&path).expect("our own file"), &path);
        assert_eq!((info.artist.as_deref(), info.title.as_deref()), (Some("Björk"), Some("Jóga")));
    }
}

#[test]
fn comments_of_flac_and_ogg_are_shown_in_the_charset_that_they_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("name of the file.flac");
    let titles: [(&[u8], &str); 5] = [
        ("Für Elise".as_bytes(), "Für Elise"),
        (b"F\xfcr Elise", "Für Elise"),
        (b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
        ("FÃ¼r Elise".as_bytes(), "Für Elise"),
        ("日本の歌".as_bytes(), "日本の歌"),
    ];
    let tags = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("a temporary file");
        decode::tags_of(std::fs::File::open(&path).expect("our own file"), &path)
    };
    for (written, title) in titles {
        let fields: [&[u8]; 4] =
            [b"ALBUMARTIST=Band", &[b"Title=", written].concat(), b"DATE=2001-05-17", b"replaygain_track_gain=-3 dB"];
        let opus_head = b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0";
        let files = [flac(&comments(b"", &fields)), ogg(opus_head, &comments(b"OpusTags", &fields))];
        for bytes in files.into_iter().chain([ogg(b"\x01vorbis", &comments(b"\x03vorbis", &fields))]) {
            let info = tags(&bytes);
            assert_eq!((info.artist.as_deref(), info.title.as_deref()), (Some("Band"), Some(title)));
            assert_eq!((info.details.year, info.mastering.track_gain_mdb), (Some(2001), Some(-3000)));
            // Every length of it.
            (0..bytes.len()).for_each(|length| _ = tags(&bytes[..length]));
        }
    }
}

#[test]
fn a_picture_is_taken_if_it_is_one_and_not_too_large() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mp3");
    let cover = |frames: &[Vec<u8>]| info_of(&path, &[tag(3, 0, frames), audio()].concat()).details.cover;
    let picture =
        |kind: u8, data: &[u8]| frame(3, "APIC", &[b"\0image/jpeg\0", &[kind][..], b"words\0", data].concat());
    let (front, back) = ([&b"\xFF\xD8\xFF\xE0front"[..]].concat(), [&b"\x89PNG back"[..]].concat());
    let found = cover(&[picture(4, &back), picture(3, &front)]).expect("a picture");
    assert_eq!((found.media_type, &*found.bytes), ("image/jpeg", &front[..]));
    assert_eq!(cover(&[picture(4, &back)]).expect("a picture").media_type, "image/png");
    assert_eq!(cover(&[picture(3, b"http://elsewhere/a.jpg")]), None);
    assert_eq!(cover(&[picture(3, &[&front[..], &[0; 1 << 20]].concat())]), None);
    let described_in_utf16 = [&b"\x01image/png\0\x03\xFF\xFEw\0\0\0"[..], &back].concat();
    assert_eq!(&*cover(&[frame(3, "APIC", &described_in_utf16)]).expect("a picture").bytes, &back[..]);
}

#[test]
fn tags_of_any_bytes_are_bounded_and_never_a_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mp3");
    let good = tag(4, 0, &[both(4, "Song", utf8), vec![frame(4, "APIC", b"\0image/png\0\x03\0\x89PNG")]].concat());
    // Every byte of a good tag with other values, and every length of it.
    for at in 0..good.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut hurt = good.clone();
            hurt[at] = value;
            std::fs::write(&path, [hurt, audio()].concat()).expect("a file");
            let _ = Decoder::open(&path);
        }
        std::fs::write(&path, &good[..at]).expect("a file");
        let _ = Decoder::open(&path);
    }
    // A size that promises more than there is.
    let lie = [&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &frame(4, "TIT2", &utf8("Song"))].concat();
    std::fs::write(&path, lie).expect("a file");
    let _ = Decoder::open(&path);
    let endless = [tag(3, 0, &[frame(3, "TIT2", &[0; 0])]).repeat(5000), audio()].concat();
    std::fs::write(&path, endless).expect("a file");
    let _ = Decoder::open(&path);
}
