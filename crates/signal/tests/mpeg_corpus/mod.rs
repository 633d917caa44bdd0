//! Streams made by hand: frames with true headers and noise for payload, tags, tables of contents, garbage.
#![allow(dead_code, reason = "each test program uses its part")]

use radio_signal::mpeg::{FrameHeader, Packetizer, packetizer::Counters};

/// 128 kbit/s, 48 kHz, joint stereo: 384 bytes.
pub(crate) const CBR_128K_48K: [u8; 4] = [0xFF, 0xFB, 0x94, 0x64];
/// 128 kbit/s, 44.1 kHz, stereo: 417 bytes.
pub(crate) const CBR_128K_44K: [u8; 4] = [0xFF, 0xFB, 0x90, 0x00];
/// 64 kbit/s, 24 kHz, mono, with CRC: 192 bytes.
pub(crate) const MPEG2_MONO: [u8; 4] = [0xFF, 0xF2, 0x84, 0xC0];
/// 16 kbit/s, 11.025 kHz, mono: 104 bytes.
pub(crate) const MPEG25_MONO: [u8; 4] = [0xFF, 0xE3, 0x20, 0xC0];

/// Noise that is the same in every run (SplitMix64).
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let byte = |i: u64| {
        let mut z = (seed << 32 | i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ (z >> 27)) as u8
    };
    (0..len as u64).map(byte).collect()
}

/// A whole frame under this header.
pub(crate) fn frame(header: [u8; 4], seed: u64) -> Vec<u8> {
    let len = FrameHeader::parse(header).expect("a valid header").frame_bytes();
    [&header[..], &noise(seed, len - 4)].concat()
}

/// `count` frames under one header.
pub(crate) fn frames(header: [u8; 4], count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|seed| frame(header, seed)).collect()
}

/// A frame with zero side information and this mark behind it.
pub(crate) fn table_of_contents(header: [u8; 4], magic: &[u8; 4], offset: usize) -> Vec<u8> {
    let mut bytes = frame(header, 77);
    bytes[4..offset].fill(0);
    bytes[offset..offset + 4].copy_from_slice(magic);
    bytes
}

pub(crate) fn id3v2(body: &[u8], footer: bool) -> Vec<u8> {
    let size = [21, 14, 7, 0].map(|shift| (body.len() >> shift & 0x7F) as u8);
    let head = |magic: &[u8; 3]| [&magic[..], &[4, 0, if footer { 0x10 } else { 0 }], &size].concat();
    let foot = if footer { head(b"3DI") } else { vec![] };
    [head(b"ID3"), body.to_vec(), foot].concat()
}

pub(crate) fn id3v1() -> Vec<u8> {
    [b"TAG".to_vec(), noise(3, 125)].concat()
}

pub(crate) fn ape(items: &[u8]) -> Vec<u8> {
    let size = (items.len() as u32 + 32).to_le_bytes();
    let block = |flags: u32| {
        [b"APETAGEX", &2000u32.to_le_bytes()[..], &size, &1u32.to_le_bytes(), &flags.to_le_bytes(), &[0; 8]].concat()
    };
    [block(0xA000_0000), items.to_vec(), block(0x8000_0000)].concat()
}

/// Cuts a whole stream, fed in chunks of these sizes (over and over), to its end.
pub(crate) fn cut(stream: &[u8], chunk_sizes: &[usize]) -> (Vec<Vec<u8>>, Counters) {
    let mut packetizer = Packetizer::new();
    let mut found = Vec::new();
    let mut rest = stream;
    for &size in chunk_sizes.iter().cycle() {
        let (chunk, later) = rest.split_at(size.min(rest.len()));
        packetizer.packetize(chunk, |frame| found.push(frame.bytes.to_vec()));
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    packetizer.finish();
    while let Some(frame) = packetizer.next_frame() {
        found.push(frame.bytes.to_vec());
    }
    assert_eq!(packetizer.held_bytes(), 0);
    (found, packetizer.counters())
}
