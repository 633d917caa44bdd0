//! `tower encode`: PCM on stdin, frames on stdout, at once (SPEC ENC-4, CFG-4).

use super::rig::{reference, tick};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

fn encode(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
    command.arg("encode").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn each_frame_leaves_as_soon_as_its_last_sample_is_in() {
    let mut child = encode(&[]);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let reference = reference(50);
    stdin.write_all(&tick(0).to_le_bytes()).unwrap();
    for n in 0..48 {
        // Frame n needs 224 samples of tick n + 1: not one more is given, and in two odd pieces.
        let next = tick(n + 1).to_le_bytes();
        stdin.write_all(&next[..333]).unwrap();
        stdin.write_all(&next[333..224 * 4]).unwrap();
        let mut frame = [0; 384];
        stdout.read_exact(&mut frame).unwrap();
        assert!(frame[..] == reference[n as usize], "frame {n}");
        stdin.write_all(&next[224 * 4..]).unwrap();
    }
    drop(stdin);
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    assert!(!rest.is_empty() && rest.len() % 384 == 0, "the end is flushed");
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    let mut child = encode(&[]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // It may be gone before the last of these.
    for n in 0..10 {
        let _ = stdin.write_all(&tick(n).to_le_bytes());
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_bitrate_that_does_not_exist_is_refused_with_those_that_do() {
    let output = encode(&["--bitrate", "129"]).wait_with_output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("choose one of [32, 40, 48"), "{error}");
}
