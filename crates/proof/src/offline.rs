//! What an encoder makes of PCM when nobody is in a hurry: the reference for every stream.

use crate::mp3::filter;
use std::path::Path;

/// MP3 frames of `pcm` by ffmpeg's libmp3lame: constant bitrate, no bit reservoir, no tags. Frame `i` is tick `i`'s.
#[track_caller]
#[must_use]
pub fn ffmpeg_encode(pcm: &[u8], bitrate_kbps: u32) -> Vec<u8> {
    ffmpeg_encode_with(pcm, bitrate_kbps, "-reservoir 0")
}

/// The same with other `options` for the encoder.
#[track_caller]
#[must_use]
pub fn ffmpeg_encode_with(pcm: &[u8], bitrate_kbps: u32, options: &str) -> Vec<u8> {
    let line = ffmpeg_arguments(bitrate_kbps, options);
    filter("ffmpeg", &line.split_whitespace().collect::<Vec<_>>(), pcm).0
}

/// The command line of that, which also encodes a live stream as it comes.
#[must_use]
pub fn ffmpeg_arguments(bitrate_kbps: u32, options: &str) -> String {
    format!(
        "-v error -nostdin -f s16le -ar 48000 -ac 2 -probesize 32 -i pipe:0 -c:a libmp3lame -b:a {bitrate_kbps}k \
         {options} -write_xing 0 -id3v2_version 0 -flush_packets 1 -f mp3 pipe:1"
    )
}

/// MP3 frames of `pcm` by the tower's own `tower encode`.
#[track_caller]
#[must_use]
pub fn tower_encode(tower: &Path, pcm: &[u8], bitrate_kbps: u32) -> Vec<u8> {
    let program = tower.to_str().expect("a path of the build");
    filter(program, &["encode", "--bitrate", &bitrate_kbps.to_string()], pcm).0
}
