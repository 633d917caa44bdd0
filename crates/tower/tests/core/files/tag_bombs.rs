//! Songs with tags that no memory holds: they are heard all the same, and at once (SPEC FALL-7).

use super::fixtures::{ffmpeg, write_wav};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Bytes of a picture, of which the disk holds next to nothing.
const PICTURE_BYTES: u32 = 200_000_000;
/// A decoder that is at it for so long reads the picture.
const PATIENCE: Duration = Duration::from_secs(20);
const SECONDS: usize = 2;

/// A song in the format of `name`.
fn song(folder: &Path, name: &str, options: &[&str]) -> Vec<u8> {
    let source = folder.join("source.wav");
    write_wav(&source, 48_000, 2, &vec![1000; 2 * SECONDS * 48_000]);
    let path = ffmpeg(&source, name, options);
    std::fs::read(path).expect("our own file")
}

/// A file of these pieces: bytes, and holes of so many.
fn write(path: PathBuf, pieces: &[Piece<'_>]) -> PathBuf {
    let mut file = File::create(&path).expect("a temporary file");
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => file.write_all(bytes).expect("a temporary file"),
            Piece::Hole(bytes) => _ = file.seek(SeekFrom::Current((*bytes).into())).expect("a temporary file"),
        }
    }
    path
}

enum Piece<'a> {
    Bytes(&'a [u8]),
    Hole(u32),
}

#[track_caller]
fn assert_heard(path: &Path) {
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_tower")).arg("decode").arg(path).output().expect("it runs");
    let (said, took) = (String::from_utf8_lossy(&output.stderr), begun.elapsed());
    let samples = output.stdout.len() / 8;
    let is_whole = samples.abs_diff(SECONDS * 48_000) < 4800;
    assert!(output.status.success() && is_whole, "{}: {samples} samples; {said}", path.display());
    assert!(took < PATIENCE, "{}: {took:?}", path.display());
}

#[test]
fn a_flac_of_thirteen_pictures_of_16_mb_is_heard() {
    const BLOCK_BYTES: u32 = (1 << 24) - 1;
    let folder = tempfile::tempdir().expect("a folder");
    let good = song(folder.path(), "good.flac", &[]);
    // `fLaC`, and the block of the stream's properties.
    let (head, rest) = good.split_at(4 + 4 + 34);
    let picture = [&[6][..], &BLOCK_BYTES.to_be_bytes()[1..]].concat();
    let front =
        [&3_u32.to_be_bytes()[..], &9_u32.to_be_bytes(), b"image/png", &[0; 20], &(BLOCK_BYTES - 41).to_be_bytes()];
    let front = front.concat();
    let mut pieces = vec![Piece::Bytes(head)];
    for _ in 0..PICTURE_BYTES / BLOCK_BYTES + 2 {
        pieces.extend([Piece::Bytes(&picture), Piece::Bytes(&front), Piece::Hole(BLOCK_BYTES - front.len() as u32)]);
    }
    pieces.push(Piece::Bytes(rest));
    assert_heard(&write(folder.path().join("bomb.flac"), &pieces));
}

#[test]
fn an_m4a_with_a_cover_of_200_mb_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let tagged = ["-c:a", "aac", "-metadata", "title=A Song"];
    let good = song(folder.path(), "good.m4a", &tagged);
    let at = |name: &[u8]| good.windows(4).position(|four| four == name).expect("the box is there") - 4;
    let bytes_of = |at: usize| u32::from_be_bytes([good[at], good[at + 1], good[at + 2], good[at + 3]]);
    let list_end = at(b"ilst") + bytes_of(at(b"ilst")) as usize;
    let mut head = good[..list_end].to_vec();
    let cover_bytes = 8 + 16 + PICTURE_BYTES;
    // What lies around it is longer now; the sound lies before, where it was.
    assert!(at(b"mdat") < at(b"moov"));
    for name in [&b"moov"[..], b"udta", b"meta", b"ilst"] {
        let longer = bytes_of(at(name)) + cover_bytes;
        head[at(name)..at(name) + 4].copy_from_slice(&longer.to_be_bytes());
    }
    head.extend(cover_bytes.to_be_bytes());
    head.extend(b"covr");
    head.extend((16 + PICTURE_BYTES).to_be_bytes());
    head.extend(b"data\0\0\0\x0e\0\0\0\0");
    let path = folder.path().join("bomb.m4a");
    assert_heard(&write(
        path,
        &[
            Piece::Bytes(&head),
            Piece::Hole(PICTURE_BYTES),
            Piece::Bytes(&good[list_end..]),
            Piece::Bytes(b"\0\0\0\x08free"),
        ],
    ));
}

#[test]
fn an_ape_tag_with_a_cover_of_200_mb_is_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = song(folder.path(), "good.mp3", &["-b:a", "128k"]);
    let items = [&PICTURE_BYTES.to_le_bytes()[..], &[2, 0, 0, 0], b"Cover Art (Front)\0"].concat();
    let bytes = 32 + items.len() as u32 + PICTURE_BYTES;
    let footer =
        [&b"APETAGEX"[..], &2000_u32.to_le_bytes(), &bytes.to_le_bytes(), &1_u32.to_le_bytes(), &[0; 12]].concat();
    let path = folder.path().join("bomb.mp3");
    let pieces = [Piece::Bytes(&good), Piece::Bytes(&items), Piece::Hole(PICTURE_BYTES), Piece::Bytes(&footer)];
    assert_heard(&write(path, &pieces));
}

#[test]
fn an_ogg_with_a_comment_of_60_mb_is_heard() {
    const COMMENT_BYTES: usize = 60_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let good = song(folder.path(), "good.ogg", &["-c:a", "libvorbis"]);
    let mut pages = Vec::new();
    let mut rest = &good[..];
    while rest.len() > 27 {
        let segments = usize::from(rest[26]);
        let bytes = 27 + segments + rest[27..27 + segments].iter().map(|&lace| usize::from(lace)).sum::<usize>();
        pages.push(&rest[..bytes]);
        rest = &rest[bytes..];
    }
    // The second page holds the comment, and the third packet, of codebooks, ends a page too.
    let headers = pages[1..].iter().take_while(|page| page[6..14] == [0; 8]).count();
    let body = |page: &[u8]| page[27 + usize::from(page[26])..].to_vec();
    let headed: Vec<u8> = pages[1..=headers].iter().flat_map(|page| body(page)).collect();
    let codebooks = headed.windows(7).position(|seven| seven == b"\x05vorbis").expect("codebooks");
    let name = b"METADATA_BLOCK_PICTURE=";
    let mut comment =
        [&b"\x03vorbis\0\0\0\0\x01\0\0\0"[..], &((name.len() + COMMENT_BYTES) as u32).to_le_bytes(), name].concat();
    comment.resize(comment.len() + COMMENT_BYTES, b'A');
    comment.push(1);
    let serial = &good[14..18];
    let mut bomb = pages[0].to_vec();
    let mut number = 1_u32;
    for packet in [&comment, &headed[codebooks..].to_vec()] {
        let mut lacing = vec![255; packet.len() / 255];
        lacing.push((packet.len() % 255) as u8);
        let mut from = 0;
        for (index, laces) in lacing.chunks(255).enumerate() {
            let bytes = laces.iter().map(|&lace| usize::from(lace)).sum::<usize>();
            let flags = u8::from(index > 0);
            let head = [
                &b"OggS\0"[..],
                &[flags],
                &[0; 8],
                serial,
                &number.to_le_bytes(),
                &[0; 4],
                &[laces.len() as u8],
                laces,
            ];
            bomb.extend(with_checksum([&head.concat()[..], &packet[from..from + bytes]].concat()));
            (from, number) = (from + bytes, number + 1);
        }
    }
    for page in &pages[1 + headers..] {
        let mut page = page.to_vec();
        page[18..22].copy_from_slice(&number.to_le_bytes());
        page[22..26].fill(0);
        bomb.extend(with_checksum(page));
        number += 1;
    }
    assert_heard(&write(folder.path().join("bomb.ogg"), &[Piece::Bytes(&bomb)]));
}

/// A page with its checksum (RFC 3533, section 6).
fn with_checksum(mut page: Vec<u8>) -> Vec<u8> {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| (0..8).fold(byte << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 }))
        .collect();
    let sum = page.iter().fold(0_u32, |sum, &byte| sum << 8 ^ table[((sum >> 24) as u8 ^ byte) as usize]);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}
