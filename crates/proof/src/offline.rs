//! What an encoder makes of PCM when nobody is in a hurry: the reference for every stream.

use crate::mp3::filter;
use std::path::Path;

/// MP3 frames of `pcm` by ffmpeg's libmp3lame: constant bitrate, no bit reservoir, no tags. Frame `i` is tick `i`'s.
#[track_caller]
#[must_use]
pub fn ffmpeg_encode(pcm: &[u8], bitrate_kbps: u32) -> Vec<u8> {
    let bitrate = format!("{bitrate_kbps}k");
    let input = "-v error -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 -c:a libmp3lame -reservoir 0";
    let output = "-write_xing 0 -id3v2_version 0 -f mp3 -b:a";
    let arguments: Vec<&str> = input.split(' ').chain(output.split(' ')).chain([bitrate.as_str(), "pipe:1"]).collect();
    filter("ffmpeg", &arguments, pcm).0
}

/// MP3 frames of `pcm` by the tower's own `tower encode`.
#[track_caller]
#[must_use]
pub fn tower_encode(tower: &Path, pcm: &[u8], bitrate_kbps: u32) -> Vec<u8> {
    let program = tower.to_str().expect("a path of the build");
    filter(program, &["encode", "--bitrate", &bitrate_kbps.to_string()], pcm).0
}
