//! M4A as iTunes writes it: no edit list, but a note of what its encoder has added (SPEC FALL-4).

use super::fixtures::{ffmpeg, write_wav};
use std::path::Path;
use std::process::Command;

const SAMPLES: usize = 100_000;
/// What FFmpeg's encoder puts in front.
const ADDED: usize = 1024;

/// The file with its edit list taken out, and `item` at the end of its list of tags.
fn without_edits(good: &[u8], item: &[u8]) -> Vec<u8> {
    let at = |name: &[u8]| good.windows(4).position(|four| four == name).expect("the box is there") - 4;
    let bytes_of = |at: usize| u32::from_be_bytes([good[at], good[at + 1], good[at + 2], good[at + 3]]);
    let end = at(b"ilst") + bytes_of(at(b"ilst")) as usize;
    let mut made = [&good[..end], item, &good[end..]].concat();
    // What lies around it is longer now; the sound lies before, where it was.
    assert!(at(b"mdat") < at(b"moov"));
    for name in [&b"moov"[..], b"udta", b"meta", b"ilst"] {
        let longer = bytes_of(at(name)) + item.len() as u32;
        made[at(name)..at(name) + 4].copy_from_slice(&longer.to_be_bytes());
    }
    made[at(b"edts") + 4..at(b"edts") + 8].copy_from_slice(b"free");
    made
}

fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    [&(8 + content.len() as u32).to_be_bytes()[..], name, content].concat()
}

fn samples_of(path: &Path) -> usize {
    let output = Command::new(env!("CARGO_BIN_EXE_tower")).arg("decode").arg(path).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.len() / 8
}

#[test]
fn what_the_encoder_has_added_is_cut_off_by_the_note_of_itunes_where_there_is_no_edit_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source.wav");
    write_wav(&source, 48_000, 2, &vec![1000; 2 * SAMPLES]);
    let path = ffmpeg(&source, "by-ffmpeg.m4a", &["-c:a", "aac", "-metadata", "title=A Song"]);
    let good = std::fs::read(&path).expect("our own file");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    };
    // 98 whole frames, and the one in front.
    let whole = SAMPLES.div_ceil(1024) * 1024 + ADDED;
    assert_eq!(samples_of(&write("bare.m4a", &without_edits(&good, b""))), whole, "nothing says what was added");
    let behind = whole - ADDED - SAMPLES;
    let note = format!(" 00000000 {ADDED:08X} {behind:08X} {SAMPLES:016X}{}", " 00000000".repeat(8));
    let text = [&[0, 0, 0, 1, 0, 0, 0, 0][..], note.as_bytes()].concat();
    let named = |name: &[u8], text: &[u8]| boxed(name, &[&[0; 4][..], text].concat());
    let item = [named(b"mean", b"com.apple.iTunes"), named(b"name", b"iTunSMPB"), boxed(b"data", &text)].concat();
    let noted = write("noted.m4a", &without_edits(&good, &boxed(b"----", &item)));
    assert_eq!(samples_of(&noted), SAMPLES);
}
