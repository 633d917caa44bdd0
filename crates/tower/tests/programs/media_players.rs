//! Real players on a live stream: ffmpeg, mpg123, mpv, VLC, curl, and the `<audio>` of a browser. Seconds each, and ten minutes
//! each where tests run at full length.

use crate::common;
use crate::player::Player;
use radio_proof::alarm::{self, wait_until};
use radio_proof::icy::Icy;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{frames, material, measure, mp3, process};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For how long a player is listened to, in seconds: `short`, or ten minutes.
fn seconds(short: u64) -> usize {
    alarm::seconds(short, 600).as_secs() as usize
}

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

/// Who listens: the number of each, which a reconnect would change.
fn listeners(tower: &Tower) -> BTreeSet<u64> {
    let page = tower.get_as_admin("/admin/listeners").json();
    page["listeners"].as_array().expect("a list").iter().map(|row| row["id"].as_u64().expect("a number")).collect()
}

#[test]
fn ffmpeg_plays_the_stream_without_a_complaint() {
    let (tower, _station) = on_air();
    let url = url(&tower);
    let (seconds, length) = (seconds(5), seconds(5).to_string());
    let arguments = ["-v", "warning", "-i", &url, "-t", &length, "-f", "s16le", "-ar", "48000", "-ac", "2", "pipe:1"];
    let (pcm, complaints) = mp3::filter("ffmpeg", &arguments, &[]);
    assert!(complaints.is_empty(), "{complaints}");
    assert_eq!(pcm.len(), seconds * 192_000);
    assert!(measure::rms_dbfs(&measure::left_s16(&pcm[96_000..])) > -40.0, "music is heard");
}

#[test]
fn mpg123_plays_the_stream_without_a_complaint() {
    let (tower, _station) = on_air();
    let url = url(&tower);
    let frames = seconds(5) * 1000 / 24;
    let count = frames.to_string();
    let arguments = ["-q", "--no-gapless", "-n", &count, "-s", "-e", "s16", &url];
    let (pcm, complaints) = mp3::filter("mpg123", &arguments, &[]);
    assert!(!complaints.to_lowercase().contains("error") && !complaints.contains("warning"), "{complaints}");
    assert_eq!(pcm.len(), frames * 4608);
    assert!(measure::rms_dbfs(&measure::left_s16(&pcm[192_000..])) > -40.0, "music is heard");
}

#[test]
fn curl_receives_whole_frames_from_the_first_byte_on() {
    let (tower, _station) = on_air();
    let seconds = seconds(4);
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", &seconds.to_string(), &url(&tower)])
        .output()
        .unwrap_or_else(|error| panic!("cannot run curl ({error}): apt-get install curl"));
    // 28: the time was over, which is how an endless stream ends for curl.
    assert_eq!(output.status.code(), Some(28), "{}", String::from_utf8_lossy(&output.stderr));
    let received = frames::strict(&output.stdout).len();
    let live = seconds * 1000 / 24;
    assert!((live + 34..=live + 164).contains(&received), "{received} frames in {seconds} s with a burst of 2 s");
}

#[test]
fn curl_is_told_titles_if_it_asks_for_them_and_the_head_alone_if_it_asks_for_that() {
    let (tower, _station) = on_air();
    let folder = tempfile::tempdir().expect("a folder");
    let received = folder.path().join("received");
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "60", "-H", "Icy-MetaData: 1", "--output"]).arg(&received).arg(url(&tower));
    let mut curl = command.spawn().unwrap_or_else(|error| panic!("cannot run curl ({error}): apt-get install curl"));
    wait_until("curl to be a listener", Duration::from_secs(20), || received.exists());
    tower.send_as_admin("PUT", "/api/now-playing", "{\"artist\": \"Somebody\", \"title\": \"Through and through\"}");
    let taken_apart = || Icy::parse(&std::fs::read(&received).unwrap_or_default(), 16_000);
    let wanted = "StreamTitle='Somebody - Through and through';";
    wait_until("the title", Duration::from_secs(30), || taken_apart().texts().iter().any(|text| text == wanted));
    let _already_gone = curl.kill();
    let _status = curl.wait();
    assert!(frames::strict(&taken_apart().audio).len() > 80);

    let head = Command::new("curl").args(["--silent", "--max-time", "20", "--head", &url(&tower)]).output();
    let head = head.expect("curl is there");
    let text = String::from_utf8_lossy(&head.stdout).to_lowercase();
    // It ends by itself.
    assert!(head.status.success() && text.contains("200 ok") && text.contains("audio/mpeg"), "{text}");
}

/// A page that plays the stream, pauses once for three seconds, and reports how far it got.
const PAGE: &str = "<!doctype html><audio autoplay></audio><script>
const audio = document.querySelector('audio');
const report = (text) => fetch('REPORT/' + text, { mode: 'no-cors' }).catch(() => {});
audio.onerror = () => report('error' + audio.error.code);
audio.src = 'STREAM';
audio.ontimeupdate = () => {
  if (audio.currentTime < 2) return;
  audio.ontimeupdate = null;
  audio.pause();
  setTimeout(() => audio.play(), 3000);
};
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
fn the_audio_element_of_a_browser_plays_the_stream_and_goes_on_after_a_pause() {
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
    let seconds = seconds(6) as f64;
    let deadline = Instant::now() + Duration::from_secs(60 + seconds as u64);
    let (mut last, mut connections) = (String::new(), BTreeSet::new());
    while Instant::now() < deadline && !last.starts_with("error") && last.parse::<f64>().unwrap_or(0.0) < seconds {
        let report = next_report(&reports);
        if !report.is_empty() {
            last = report;
            connections.extend(listeners(&tower));
        }
    }
    let _already_gone = browser.kill();
    let _status = browser.wait();
    assert!(last.parse::<f64>().is_ok_and(|played| played >= seconds), "the page last reported {last:?}");
    assert_eq!(connections.len(), 1, "it has stayed on one connection: {connections:?}");
}

/// The tower's tone, without a hole: each tenth of a second but the first, in which a player may begin gently, and but
/// `excused` of them.
#[track_caller]
fn assert_tone_throughout(left: &[f64], excused: usize) {
    let level = |tenth: &[f64]| measure::tone_dbfs(tenth, 440.0);
    let levels: Vec<f64> = left.chunks_exact(4800).map(level).collect();
    let holes: Vec<_> = levels.iter().enumerate().skip(1).filter(|(_, level)| (*level + 20.0).abs() >= 1.5).collect();
    assert!(holes.len() <= excused, "tenths of a second at another level in dBFS: {holes:.1?}");
}

/// A tower whose newcomers hear nothing but its tone.
fn with_tone() -> Tower {
    let tower = common::setup().start();
    tower.wait_source("tone", Duration::from_secs(10));
    let at_tone = released(&tower);
    wait_until("the tone to fill a burst", Duration::from_secs(20), || released(&tower) > at_tone + 200);
    tower
}

/// Frames of its stream so far.
fn released(tower: &Tower) -> u64 {
    tower.status()["outputs"][0]["frame"].as_u64().unwrap_or(0)
}

#[test]
fn players_go_on_where_they_were_after_a_pause_on_the_connection_that_they_had() {
    let tower = with_tone();
    let url = url(&tower);
    // While VLC stands still its clock goes on, and so it may leave out some of what it had.
    let stopped =
        [("ffmpeg", Player::ffmpeg(&url), 0), ("mpg123", Player::mpg123(&url), 0), ("VLC", Player::vlc(&url), 10)];
    // This one has a pause of its own.
    let mpv = ("mpv", Player::mpv(&url), 0);
    let players = || stopped.iter().chain([&mpv]);
    players().for_each(|(_, player, _)| assert_tone_throughout(&player.heard(3), 0));
    let connections = listeners(&tower);
    assert_eq!(connections.len(), 4);

    let all = |which| stopped.iter().for_each(|(_, player, _)| assert!(process::signal(player.child.id(), which)));
    all(Signal::STOP);
    mpv.1.tell_mpv("[\"set_property\", \"pause\", true]");
    let before = Instant::now();
    let played_s = mpv.1.played_s();
    // Longer than two send periods: the tower sees that nothing is taken, or that all is in the kernel.
    let at_pause = released(&tower);
    wait_until("six seconds of stream", Duration::from_secs(30), || released(&tower) > at_pause + 250);
    assert!(before.elapsed() > Duration::from_secs(4));
    assert!(mpv.1.played_s() < played_s + 2.0, "it has played on from {played_s} s to {}", mpv.1.played_s());
    all(Signal::CONT);
    mpv.1.tell_mpv("[\"set_property\", \"pause\", false]");
    let seconds = seconds(14);
    for (name, player, excused) in players() {
        println!("{name} after the pause");
        assert_tone_throughout(&player.heard(seconds), *excused);
    }
    assert_eq!(listeners(&tower), connections, "all are who they were");
}
