//! MPEG, ADTS, Ogg, FLAC and WAVE with true headers and silence.

use super::Seed;
use radio_signal::mpeg::{AdtsHeader, FrameHeader};
use radio_signal::ogg::page::{FIRST, PageHeader, write};

/// 128 kbit/s, 48 kHz, joint stereo.
const MPEG1_48K: [u8; 4] = [0xFF, 0xFB, 0x94, 0x64];
/// 128 kbit/s, 44.1 kHz, stereo.
const MPEG1_44K: [u8; 4] = [0xFF, 0xFB, 0x90, 0x00];
/// 64 kbit/s, 24 kHz, mono, with CRC.
const MPEG2_MONO: [u8; 4] = [0xFF, 0xF2, 0x84, 0xC0];
/// 16 kbit/s, 11.025 kHz, mono.
const MPEG25_MONO: [u8; 4] = [0xFF, 0xE3, 0x20, 0xC0];
/// A silent block of AAC-LC in stereo: one element without bands.
const AAC_SILENCE: [u8; 6] = [0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C];

/// Headers of MPEG frames.
pub(crate) fn headers() -> Vec<Seed> {
    let names = ["mpeg1-48k", "mpeg1-44k", "mpeg2-mono-crc", "mpeg2.5-mono"];
    names.into_iter().zip([MPEG1_48K, MPEG1_44K, MPEG2_MONO, MPEG25_MONO].map(Vec::from)).collect()
}

/// A frame without side information or data: silence.
fn mpeg_frame(header: [u8; 4]) -> Vec<u8> {
    let mut frame = header.to_vec();
    frame.resize(FrameHeader::parse(header).expect("a valid header").frame_bytes(), 0);
    frame
}

fn mpeg_frames(header: [u8; 4], count: usize) -> Vec<u8> {
    mpeg_frame(header).repeat(count)
}

/// A frame whose data is a table of contents.
fn xing() -> Vec<u8> {
    let mut frame = mpeg_frame(MPEG1_48K);
    frame[36..40].copy_from_slice(b"Xing");
    frame
}

fn id3v2(body: &[u8]) -> Vec<u8> {
    [b"ID3\x04\0\0\0\0\0", &[body.len() as u8][..], body].concat()
}

fn id3v1() -> Vec<u8> {
    let mut tag = b"TAG".to_vec();
    tag.resize(128, b' ');
    tag
}

fn ape() -> Vec<u8> {
    let block = |flags: u32| {
        [b"APETAGEX", &2000u32.to_le_bytes()[..], &32u32.to_le_bytes(), &[0; 4], &flags.to_le_bytes(), &[0; 8]].concat()
    };
    [block(0xA000_0000), block(0x8000_0000)].concat()
}

/// Chunk sizes and a stream each.
pub(crate) fn packetizer() -> Vec<Seed> {
    let of = |stream: &[&[u8]]| [&[1, 7, 200, 3, 255, 0, 64, 100], stream.concat().as_slice()].concat();
    vec![
        ("constant-bit-rate", of(&[&mpeg_frames(MPEG1_48K, 4)])),
        ("two-paddings", of(&[&mpeg_frames([0xFF, 0xFB, 0x92, 0x00], 2), &mpeg_frames(MPEG1_44K, 2)])),
        ("mpeg2-mono-crc", of(&[&mpeg_frames(MPEG2_MONO, 5)])),
        ("mpeg2.5-mono", of(&[&mpeg_frames(MPEG25_MONO, 5)])),
        ("tags-all-around", of(&[&id3v2(&[0; 30]), &mpeg_frames(MPEG25_MONO, 3), &ape(), &id3v1()])),
        ("table-of-contents", of(&[&xing(), &mpeg_frames(MPEG1_48K, 3)])),
        ("garbage-between", of(&[&mpeg_frames(MPEG25_MONO, 3), &[0xFF; 20], b"noise", &mpeg_frames(MPEG25_MONO, 3)])),
        ("another-format-follows", of(&[&mpeg_frames(MPEG25_MONO, 3), &mpeg_frames(MPEG2_MONO, 3)])),
        ("cut-in-a-frame", of(&[&mpeg_frames(MPEG1_48K, 3)[..1000]])),
    ]
}

fn adts(rate_hz: u32, frames: usize) -> Vec<u8> {
    let header = AdtsHeader::write(rate_hz, 2, AAC_SILENCE.len()).expect("a valid header");
    [&header[..], &AAC_SILENCE].concat().repeat(frames)
}

/// One page with one packet for each of `packets`.
fn ogg(stream: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        let (flags, number) = (if number == 0 { FIRST } else { 0 }, number as u32);
        write(PageHeader { flags, granule: 960 * u64::from(number), stream, number }, &[packet], &mut bytes);
    }
    bytes
}

/// A vendor and these comments, as Vorbis and Opus have them.
fn comments(comments: &[&str]) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let count = (comments.len() as u32).to_le_bytes();
    [text("seeds"), count.to_vec(), comments.iter().flat_map(|comment| text(comment)).collect()].concat()
}

/// Comments behind what an Opus stream begins them with.
pub(crate) fn opus_tags(of: &[&str]) -> Vec<u8> {
    [b"OpusTags", comments(of).as_slice()].concat()
}

/// A stream of Opus: its headers and a silent packet.
pub(crate) fn opus(number: u32, tags: &[&str]) -> Vec<u8> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0";
    ogg(number, &[head, &opus_tags(tags), &[0xFC, 0xFF, 0xFE]])
}

/// A stream of Vorbis: its first two headers, and a third that is cut off.
pub(crate) fn vorbis(number: u32, tags: &[&str]) -> Vec<u8> {
    let head = b"\x01vorbis\0\0\0\0\x02\x44\xAC\0\0\0\0\0\0\0\xEE\x02\0\0\0\0\0\xB8\x01";
    ogg(number, &[head, &[b"\x03vorbis", &comments(tags)[..], &[1]].concat(), b"\x05vorbis\x2b"])
}

/// Minimum and maximum block of 192 samples, 48 kHz, two channels of 16 bits, unknown length, no checksum.
fn stream_info() -> Vec<u8> {
    [&[0, 192, 0, 192, 0, 0, 0, 0, 0, 0, 0x0B, 0xB8, 0x02, 0xF0][..], &[0; 20]].concat()
}

/// A FLAC frame of 192 samples: two constant subframes.
fn flac_frame(number: u8) -> Vec<u8> {
    let mut frame = vec![0xFF, 0xF8, 0x1A, 0x18, number];
    frame.push(
        frame.iter().fold(0, |sum: u8, &byte| {
            (0..8).fold(sum ^ byte, |sum, _| sum << 1 ^ if sum >> 7 == 1 { 0x07 } else { 0 })
        }),
    );
    frame.extend([0, 0, 0, 0, 0, 0]);
    let sum = frame.iter().fold(0, |sum: u16, &byte| {
        (0..8).fold(sum ^ u16::from(byte) << 8, |sum, _| sum << 1 ^ if sum >> 15 == 1 { 0x8005 } else { 0 })
    });
    frame.extend(sum.to_be_bytes());
    frame
}

fn flac() -> Vec<u8> {
    let frames: Vec<u8> = (0..8).flat_map(flac_frame).collect();
    [b"fLaC\x80\0\0\x22", stream_info().as_slice(), &frames].concat()
}

fn ogg_flac() -> Vec<u8> {
    let head = [b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22", stream_info().as_slice()].concat();
    let tags = comments(&["ARTIST=A", "TITLE=B"]);
    let tags = [&[0x84, 0, 0, tags.len() as u8], tags.as_slice()].concat();
    ogg(3, &[&head, &tags, &flac_frame(0), &flac_frame(1)])
}

fn wav() -> Vec<u8> {
    let data = [0; 400];
    let format = b"fmt \x10\0\0\0\x01\0\x02\0\x80\xBB\0\0\0\xEE\x02\0\x04\0\x10\0";
    let length = |bytes: usize| (bytes as u32).to_le_bytes();
    let body = [b"WAVE", &format[..], b"data", &length(data.len()), &data].concat();
    [b"RIFF", &length(body.len())[..], &body].concat()
}

/// The byte that chooses the format, and a stream of it. 0x80 asks for true checksums of Ogg pages.
pub(crate) fn formats() -> Vec<Seed> {
    let of = |which: u8, stream: &[u8]| [&[which], stream].concat();
    vec![
        ("mp3", of(0, &mpeg_frames(MPEG1_48K, 5))),
        ("mp3-mono-with-tags", of(0, &[id3v2(&[0; 30]), mpeg_frames(MPEG2_MONO, 5), id3v1()].concat())),
        ("mp3-with-table-of-contents", of(0, &[xing(), mpeg_frames(MPEG1_48K, 3)].concat())),
        ("adts-48k", of(1, &adts(48_000, 12))),
        ("adts-24k-for-ffmpeg", of(1, &adts(24_000, 12))),
        ("latm-loas", of(1, &[0x56, 0xE1, 0x20, 0, 0, 0])),
        ("ogg-vorbis-headers", of(0x82, &vorbis(5, &["ARTIST=A", "TITLE=B"]))),
        ("ogg-opus-chain", of(0x83, &[opus(6, &["TITLE=One"]), opus(7, &["TITLE=Two"])].concat())),
        ("ogg-flac", of(0x82, &ogg_flac())),
        ("flac", of(4, &flac())),
        ("wav", of(5, &wav())),
    ]
}
