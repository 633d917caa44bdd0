//! Real players on a live stream: ffmpeg, mpg123, mpv, VLC, curl, and the `<audio>` of a browser. Seconds each, and ten minutes
//! each where tests run at full length.

mod common;

use radio_proof::alarm::{self, wait_for, wait_until};
use radio_proof::icy::Icy;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{frames, material, measure, mp3, process};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
    let mut last = String::new();
    while Instant::now() < deadline && !last.starts_with("error") && last.parse::<f64>().unwrap_or(0.0) < seconds {
        let report = next_report(&reports);
        last = if report.is_empty() { last } else { report };
    }
    let _already_gone = browser.kill();
    let _status = browser.wait();
    assert!(last.parse::<f64>().is_ok_and(|played| played >= seconds), "the page last reported {last:?}");
}

/// A player that writes what it plays to a file: 16 bit, two channels, 48 kHz.
struct Player {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Player {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Player {
    /// `arguments` names what is played, and where to; the folder is the player's own.
    fn start(program: &str, arguments: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // VLC refuses to run as root.
        let mut command = Command::new(if rustix::process::geteuid().is_root() { "setpriv" } else { program });
        if rustix::process::geteuid().is_root() {
            let chown = Command::new("chown").arg("nobody").arg(folder.path()).status();
            assert!(chown.is_ok_and(|status| status.success()), "the folder is for the user nobody");
            command.args(["--reuid=nobody", "--clear-groups", program]);
        }
        let said = std::fs::File::create(folder.path().join("said")).expect("a temporary file");
        command.args(arguments(folder.path())).env("HOME", folder.path()).stdin(Stdio::null());
        command.stdout(said.try_clone().expect("our own file")).stderr(said);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("cannot run {program} ({error}): apt-get install it"));
        Self { child, folder }
    }

    fn ffmpeg(url: &str) -> Self {
        Self::start("ffmpeg", |folder| {
            let how = "-nostdin -v verbose -i URL -f s16le -ar 48000 -ac 2 -flush_packets 1";
            let how = how.split(' ').map(|word| if word == "URL" { url.to_owned() } else { word.to_owned() });
            how.chain([sound(folder).display().to_string()]).collect()
        })
    }

    fn mpg123(url: &str) -> Self {
        Self::start("mpg123", |folder| {
            let how = "--no-control --no-gapless -v -e s16 -r 48000 --stereo -O";
            how.split(' ').map(str::to_owned).chain([sound(folder).display().to_string(), url.to_owned()]).collect()
        })
    }

    fn mpv(url: &str) -> Self {
        Self::start("mpv", |folder| {
            let file = format!("--ao-pcm-file={}", sound(folder).display());
            let how =
                "--no-config --no-video --ao=pcm --ao-pcm-waveheader=no --audio-format=s16 --audio-samplerate=48000";
            let how = how.split(' ').map(str::to_owned);
            // What it says without a terminal may stay with it; what it logs does not.
            let log = format!("--log-file={}", folder.join("logged").display());
            how.chain([file, log, "--audio-channels=stereo".into(), url.to_owned()]).collect()
        })
    }

    fn vlc(url: &str) -> Self {
        Self::start("cvlc", |folder| {
            let file = format!("--audiofile-file={}", sound(folder).display());
            let how = "-vv --no-video --aout=afile --audiofile-format=s16 --no-audiofile-wav";
            how.split(' ').map(str::to_owned).chain([file, url.to_owned()]).collect()
        })
    }

    /// What it has said, and logged.
    fn said(&self) -> String {
        let read = |name| std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        ["said", "logged"].map(|name| String::from_utf8_lossy(&read(name)).into_owned()).concat()
    }

    /// The left channel of the first `seconds` of what it plays, as soon as it has played that much.
    fn heard(&self, seconds: usize) -> Vec<f64> {
        let bytes = wait_for("sound from the player", Duration::from_secs(40 + seconds as u64), || {
            let bytes = std::fs::read(sound(self.folder.path())).ok()?;
            (bytes.len() >= seconds * 192_000).then_some(bytes)
        });
        measure::left_s16(&bytes[..seconds * 192_000])
    }
}

fn sound(folder: &Path) -> PathBuf {
    folder.join("sound")
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
fn players_are_told_the_title_and_go_on_where_they_were_after_a_pause() {
    let tower = with_tone();
    let url = url(&tower);
    // While VLC stands still its clock goes on, and so it may leave out some of what it had.
    let players = [
        ("ffmpeg", Player::ffmpeg(&url), 0),
        ("mpg123", Player::mpg123(&url), 0),
        ("mpv", Player::mpv(&url), 0),
        ("VLC", Player::vlc(&url), 10),
    ];
    players.iter().for_each(|(_, player, _)| assert_tone_throughout(&player.heard(3), 0));

    tower.send_as_admin("PUT", "/api/now-playing", "{\"artist\": \"Somebody\", \"title\": \"Through and through\"}");
    let told = Instant::now();
    for (name, player, _) in &players {
        let limit = Instant::now() + Duration::from_secs(20);
        while !player.said().contains("Somebody - Through and through") {
            assert!(Instant::now() < limit, "{name} shows no title: {}", player.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        println!("{name} shows the title at most {} ms after the tower was told", told.elapsed().as_millis());
    }

    let all = |which| players.iter().for_each(|(_, player, _)| assert!(process::signal(player.child.id(), which)));
    all(Signal::STOP);
    let before = Instant::now();
    // Longer than two send periods: the tower sees that nothing is taken, or that all is in the kernel.
    let at_pause = released(&tower);
    wait_until("six seconds of stream", Duration::from_secs(30), || released(&tower) > at_pause + 250);
    assert!(before.elapsed() > Duration::from_secs(4));
    all(Signal::CONT);
    let seconds = seconds(14);
    for (name, player, excused) in &players {
        println!("{name} after the pause");
        assert_tone_throughout(&player.heard(seconds), *excused);
    }
    let listeners = tower.get_as_admin("/admin/listeners").json();
    assert_eq!(listeners["listeners"].as_array().map(Vec::len), Some(players.len()), "as before: {listeners}");
}
