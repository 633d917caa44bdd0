//! MP3 bytes to PCM, by other people's decoders.

use crate::{CODEC_DELAY_SAMPLES, TICK_SAMPLES};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a filter program over `input`; gives its standard output and error.
#[track_caller]
pub fn filter(program: &str, arguments: &[&str], input: &[u8]) -> (Vec<u8>, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {program} ({error}): apt-get install {program}"));
    let mut stdin = child.stdin.take().expect("it was piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            let _reader_may_leave_early = stdin.write_all(input);
        });
        child.wait_with_output().expect("our own child")
    });
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?} failed: {errors}");
    (output.stdout, errors)
}

/// Left channel of decoded MP3: 1152 samples for each frame, nothing trimmed, nothing joined.
#[track_caller]
#[must_use]
pub fn decode_left(mp3: &[u8]) -> Vec<f64> {
    let arguments = [
        "-v",
        "error",
        "-f",
        "mp3",
        "-i",
        "pipe:0",
        "-f",
        "f32le",
        "-ar",
        "48000",
        "-ac",
        "2",
        "-flags",
        "+bitexact",
        "pipe:1",
    ];
    let (pcm, errors) = filter("ffmpeg", &arguments, mp3);
    assert!(errors.is_empty(), "ffmpeg complains about the stream: {errors}");
    pcm.chunks_exact(8).map(|frame| f64::from(f32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]))).collect()
}

/// Index in decoded audio whose first frame is `first_frame` at which sample 0 of tick `serial` is heard (SPEC SIG-4).
#[track_caller]
#[must_use]
pub fn place_of_tick(first_frame: u64, serial: u64) -> usize {
    let ticks = serial.checked_sub(first_frame).expect("the tick must not lie before the first frame") as usize;
    ticks * TICK_SAMPLES + CODEC_DELAY_SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure, offline};

    #[test]
    fn decoded_frames_lie_where_the_map_says() {
        let noise = crate::material::noise(7, 60);
        let mp3 = offline::ffmpeg_encode(&noise, 128);
        let frames = crate::frames::strict(&mp3);
        let from = 20;
        let decoded = decode_left(&frames[from..].concat());
        assert_eq!(decoded.len(), (frames.len() - from) * TICK_SAMPLES, "1152 samples for each frame");

        let pcm = measure::left_s16(&noise);
        let tick = 24;
        let place = place_of_tick(from as u64, tick as u64);
        let original = &pcm[tick * TICK_SAMPLES..(tick + 10) * TICK_SAMPLES];
        assert_eq!(measure::lag_samples(original, &decoded[place..], 3), 0);
    }
}
