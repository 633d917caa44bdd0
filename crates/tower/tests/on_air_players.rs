//! Real players on a live stream: ffmpeg, mpg123, curl, and the `<audio>` of a browser.

mod common;

use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{frames, material, measure, mp3};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A tower with music on air, and its station.
fn on_air() -> (Tower, Station) {
    let tower = common::setup().start();
    let manner = Manner { looped: true, ..Manner::default() };
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
    let arguments = ["-v", "warning", "-i", &url, "-t", "5", "-f", "s16le", "-ar", "48000", "-ac", "2", "pipe:1"];
    let (pcm, complaints) = mp3::filter("ffmpeg", &arguments, &[]);
    assert!(complaints.is_empty(), "{complaints}");
    assert_eq!(pcm.len(), 5 * 192_000);
    assert!(measure::rms_dbfs(&measure::left_s16(&pcm[96_000..])) > -40.0, "music is heard");
}

#[test]
fn mpg123_plays_the_stream_without_a_complaint() {
    let (tower, _station) = on_air();
    let url = url(&tower);
    let arguments = ["-q", "--no-gapless", "-n", "200", "-s", "-e", "s16", &url];
    let (pcm, complaints) = mp3::filter("mpg123", &arguments, &[]);
    assert!(!complaints.to_lowercase().contains("error") && !complaints.contains("warning"), "{complaints}");
    assert_eq!(pcm.len(), 200 * 4608);
    assert!(measure::rms_dbfs(&measure::left_s16(&pcm[192_000..])) > -40.0, "music is heard");
}

#[test]
fn curl_receives_whole_frames_from_the_first_byte_on() {
    let (tower, _station) = on_air();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "4", &url(&tower)])
        .output()
        .unwrap_or_else(|error| panic!("cannot run curl ({error}): apt-get install curl"));
    // 28: the time was over, which is how an endless stream ends for curl.
    assert_eq!(output.status.code(), Some(28), "{}", String::from_utf8_lossy(&output.stderr));
    let received = frames::strict(&output.stdout).len();
    assert!((200..=330).contains(&received), "{received} frames in 4 s with a burst of 2 s");
}

/// A page that plays the stream and reports how far it got.
const PAGE: &str = "<!doctype html><audio autoplay></audio><script>
const audio = document.querySelector('audio');
const report = (text) => fetch('REPORT/' + text, { mode: 'no-cors' }).catch(() => {});
audio.onerror = () => report('error' + audio.error.code);
audio.src = 'STREAM';
setInterval(() => report(audio.currentTime.toFixed(2)), 500);
</script>";

/// The next report of the page; empty if none came in a while.
fn next_report(reports: &TcpListener) -> String {
    let Ok((mut socket, _)) = reports.accept() else {
        std::thread::sleep(Duration::from_millis(20));
        return String::new();
    };
    let mut request = [0u8; 2048];
    let count = socket.set_nonblocking(false).and_then(|()| socket.read(&mut request)).unwrap_or(0);
    let _page_may_be_gone = socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    request.split(['/', ' ']).nth(2).unwrap_or_default().to_owned()
}

#[test]
fn the_audio_element_of_a_browser_plays_the_stream() {
    let (tower, _station) = on_air();
    let reports = TcpListener::bind("127.0.0.1:0").expect("a free port");
    reports.set_nonblocking(true).expect("our own socket");
    let report_to = format!("http://{}", reports.local_addr().expect("bound"));
    let page = tower.path("page.html");
    std::fs::write(&page, PAGE.replace("STREAM", &url(&tower)).replace("REPORT", &report_to))
        .expect("a temporary file");
    let mut browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"])
        .arg("--autoplay-policy=no-user-gesture-required")
        .arg(format!("--user-data-dir={}", tower.path("profile").display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run chromium ({error}): apt-get install chromium"));
    let deadline = Instant::now() + Duration::from_secs(45);
    let mut last = String::new();
    while Instant::now() < deadline && !last.starts_with("error") && last.parse::<f64>().unwrap_or(0.0) < 4.0 {
        let report = next_report(&reports);
        last = if report.is_empty() { last } else { report };
    }
    let _already_gone = browser.kill();
    let _status = browser.wait();
    assert!(last.parse::<f64>().is_ok_and(|seconds| seconds >= 4.0), "the page last reported {last:?}");
}
