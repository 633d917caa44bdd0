//! Real players on a live stream: ffmpeg, mpg123, curl, and the `<audio>` of a browser.

mod common;

use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{frames, material, measure, mp3};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A tower with music on air, and its station.
fn on_air() -> (Tower, Station) {
    let tower = common::setup().start();
    let manner = Manner {
        looped: true,
        ..Manner::default()
    };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner);
    tower.wait_source("station", Duration::from_secs(10));
    std::thread::sleep(Duration::from_secs(3));
    (tower, station)
}

fn url(tower: &Tower) -> String {
    format!("http://{}/stream", tower.address)
}

#[test]
fn ffmpeg_plays_the_stream_without_a_complaint() {
    let (tower, _station) = on_air();
    let url = url(&tower);
    let arguments = [
        "-v", "warning", "-i", &url, "-t", "5", "-f", "s16le", "-ar", "48000", "-ac", "2", "pipe:1",
    ];
    let (pcm, complaints) = mp3::filter("ffmpeg", &arguments, &[]);
    assert!(complaints.is_empty(), "{complaints}");
    assert_eq!(pcm.len(), 5 * 192_000);
    assert!(
        measure::rms_dbfs(&measure::left_s16(&pcm[96_000..])) > -40.0,
        "music is heard"
    );
}

#[test]
fn mpg123_plays_the_stream_without_a_complaint() {
    let (tower, _station) = on_air();
    let url = url(&tower);
    let arguments = ["-q", "--no-gapless", "-n", "200", "-s", "-e", "s16", &url];
    let (pcm, complaints) = mp3::filter("mpg123", &arguments, &[]);
    assert!(
        !complaints.to_lowercase().contains("error") && !complaints.contains("warning"),
        "{complaints}"
    );
    assert_eq!(pcm.len(), 200 * 4608);
    assert!(
        measure::rms_dbfs(&measure::left_s16(&pcm[192_000..])) > -40.0,
        "music is heard"
    );
}

#[test]
fn curl_receives_whole_frames_from_the_first_byte_on() {
    let (tower, _station) = on_air();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "4", &url(&tower)])
        .output()
        .unwrap_or_else(|error| panic!("cannot run curl ({error}): apt-get install curl"));
    // 28: the time was over, which is how an endless stream ends for curl.
    assert_eq!(
        output.status.code(),
        Some(28),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let received = frames::strict(&output.stdout).len();
    assert!(
        (200..=330).contains(&received),
        "{received} frames in 4 s with a burst of 2 s"
    );
}

/// A page that plays the stream and tells in its title how far it got.
const PAGE: &str = "<!doctype html><title>-</title><audio autoplay></audio><script>
const audio = document.querySelector('audio');
audio.onerror = () => document.title = 'error ' + audio.error.code;
audio.src = 'URL';
setInterval(() => { document.title = 'played ' + audio.currentTime.toFixed(2); }, 100);
</script>";

#[test]
fn the_audio_element_of_a_browser_plays_the_stream() {
    let (tower, _station) = on_air();
    let page = tower.path("page.html");
    std::fs::write(&page, PAGE.replace("URL", &url(&tower))).expect("a temporary file");
    let profile = format!("--user-data-dir={}", tower.path("profile").display());
    let output = Command::new("timeout")
        .args([
            "--kill-after=5",
            "60",
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--autoplay-policy=no-user-gesture-required",
            "--timeout=9000",
            "--dump-dom",
            &profile,
        ])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap_or_else(|error| panic!("cannot run chromium ({error}): apt-get install chromium"));
    let dom = String::from_utf8_lossy(&output.stdout);
    let played = dom
        .split_once("played ")
        .and_then(|(_, rest)| rest.split('<').next()?.trim().parse::<f64>().ok());
    assert!(
        played > Some(2.0),
        "played: {played:?}\n{dom}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
