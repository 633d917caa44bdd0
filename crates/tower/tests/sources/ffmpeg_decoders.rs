//! Sources that FFmpeg decodes: it is killed, and stands still (SPEC FALL-8, IN-7).

use crate::external_decoders::{PATIENCE, decoder_pid, ffmpeg_pids, ffmpegs, is_alive, kill, loud, setup};
use radio_proof::{alarm, machine};
use std::time::Instant;

/// AAC that may be HE-AAC, so that FFmpeg decodes it.
const BY_FFMPEG: [&str; 10] =
    ["-ar", "22050", "-c:a", "aac", "-b:a", "48k", "-f", "adts", "-content_type", "audio/aac"];

#[test]
fn an_ffmpeg_that_decodes_a_source_and_is_killed_or_stands_still_is_replaced_within_two_seconds() {
    let tower = setup().start();
    let (_source, mut pid, _monitor) = loud(&tower, &BY_FFMPEG);
    let offered = || tower.get("/tower/buffer?input=dj").json()["count"].as_u64().unwrap_or_default();
    for signal in ["-KILL", "-STOP"] {
        let ffmpeg = ffmpeg_pids(&tower).pop().expect("FFmpeg decodes it");
        kill(signal, ffmpeg);
        let struck = Instant::now();
        // Its decoder is lost with it.
        pid = decoder_pid(&tower, Some(pid));
        alarm::wait_until("PCM to come again", PATIENCE, || ffmpegs(&tower) == 1 && offered() > 5);
        let (away, most) = (struck.elapsed().as_secs_f64(), 2.0 * machine::stretch());
        println!("{signal}: PCM again after {away:.2} s");
        assert!(away < most, "{signal}: {away:.2} s of {most:.2}");
        alarm::wait_until("the one before to be gone", PATIENCE, || !is_alive(ffmpeg));
        tower.wait_source("dj", PATIENCE);
    }
}
