//! Programs that people send with, each held to its row: refused in words it understands, on air within a second, with its name
//! and its title, heard, dropped and back without a click (SPEC IN-7, ROUTER-1, ROUTER-6, API-1).
//!
//! Those with a window are in `programs/dj_desktop.rs`.

use crate::program::{LIMIT, MP3, Row, Source, TONE_HZ, connected, ffmpeg, file, seconds, setup, shoutcast, tone};
use radio_proof::tower::Tower;
use std::path::Path;
use std::process::Command;

/// What a file tells of itself.
const TAGS: [&str; 4] = ["-metadata", "artist=Nina", "-metadata", "title=Sinnerman"];
const LABEL: &str = "Nina - Sinnerman";

#[test]
fn ffmpeg_icecast_mp3_does_all_that_a_source_must() {
    let start = |tower: &Tower, password: &str| {
        ffmpeg(tower, TONE_HZ, &[&["-ice_name", "Put Radio"], &MP3[..]].concat(), password)
    };
    // It has no way to tell a title beside MP3.
    Row { start: &start, agent: "lavf/", name: "Put Radio", title: "", refusal: &["401 unauthorized"] }
        .show(&setup().start());
}

#[test]
fn ffmpeg_legacy_icecast_mp3_does_all_that_a_source_must() {
    let start = |tower: &Tower, password: &str| {
        let legacy = ["-legacy_icecast", "1", "-ice_name", "Source Radio"];
        ffmpeg(tower, TONE_HZ, &[&legacy, &MP3[..]].concat(), password)
    };
    // In this way it sends at once and reads no answer: all that it is told is that the tower has hung up.
    let refusal = ["broken pipe", "connection reset"];
    Row { start: &start, agent: "lavf/", name: "Source Radio", title: "", refusal: &refusal }.show(&setup().start());
}

/// Ogg in pages of a tenth of a second: by itself FFmpeg fills them with a second, and so begins a second later.
fn ogg(codec: &'static str) -> Vec<&'static str> {
    let ogg = [
        "-c:a",
        codec,
        "-page_duration",
        "100000",
        "-ice_name",
        "Ogg Radio",
        "-content_type",
        "audio/ogg",
        "-f",
        "ogg",
    ];
    [&TAGS[..], &ogg].concat()
}

#[test]
fn ffmpeg_icecast_vorbis_does_all_that_a_source_must() {
    let start = |tower: &Tower, password: &str| ffmpeg(tower, TONE_HZ, &ogg("libvorbis"), password);
    Row { start: &start, agent: "lavf/", name: "Ogg Radio", title: LABEL, refusal: &["401 unauthorized"] }
        .show(&setup().start());
}

#[test]
fn ffmpeg_icecast_opus_does_all_that_a_source_must() {
    let start = |tower: &Tower, password: &str| ffmpeg(tower, TONE_HZ, &ogg("libopus"), password);
    Row { start: &start, agent: "lavf/", name: "Ogg Radio", title: LABEL, refusal: &["401 unauthorized"] }
        .show(&setup().start());
}

/// curl sends what comes from a pipe, and tells the title by a request of its own.
#[test]
fn curl_does_all_that_a_source_must() {
    let start = |tower: &Tower, password: &str| {
        let mut feed = Command::new("ffmpeg");
        feed.args([
            "-v",
            "error",
            "-re",
            "-f",
            "lavfi",
            "-i",
            &tone(TONE_HZ),
            "-ac",
            "2",
            "-b:a",
            "128k",
            "-f",
            "mp3",
            "-",
        ]);
        let user = format!("source:{password}");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-u", &user, "-H", "Content-Type: audio/mpeg", "-H", "Ice-Name: Curl Radio", "-T", "-"]);
        curl.args(["-w", "%{http_code}"]).arg(format!("http://{}/live", tower.address));
        let source = Source::fed(&mut feed, &mut curl, &tower.path(&format!("curl-{password}.said")));
        if password == "hackme" {
            radio_proof::alarm::wait_until("curl to be connected", LIMIT, || !connected(tower).is_null());
            let url = format!("http://{}/admin/metadata?mount=/live&mode=updinfo&song=Nina+-+Sinnerman", tower.address);
            let told = Command::new("curl").args(["-fsS", "-o", "/dev/null", "-u", &user, &url]).status();
            assert!(told.is_ok_and(|status| status.success()), "the title is taken");
        }
        source
    };
    Row { start: &start, agent: "curl/", name: "Curl Radio", title: LABEL, refusal: &["401"] }.show(&setup().start());
}

fn ezstream(tower: &Tower, protocol: &str, song: &Path, password: &str) -> Source {
    let config = tower.path("ezstream.xml");
    std::fs::write(
        &config,
        format!(
            "<ezstream><servers><server><name>default</name><protocol>{protocol}</protocol><hostname>127.0.0.1</hostname>\
             <port>{}</port><password>{password}</password><reconnect_attempts>1</reconnect_attempts></server>\
             </servers><streams><stream><name>default</name><mountpoint>/live</mountpoint><format>MP3</format><stream_name>Old Radio</stream_name>\
             </stream></streams><intakes><intake><name>default</name><type>file</type><filename>{}</filename>\
             </intake></intakes></ezstream>",
            tower.address.port(),
            song.display()
        ),
    )
    .expect("a temporary file");
    Source::start(Command::new("ezstream").args(["-v", "-c"]).arg(&config), &tower.path("ezstream.log"))
}

#[track_caller]
fn show_ezstream(tower: &Tower, protocol: &str, agent: &str) {
    let song = file(tower, TONE_HZ, "song.mp3", &["-b:a", "128k"]);
    let start = |tower: &Tower, password: &str| ezstream(tower, protocol, &song, password);
    Row { start: &start, agent, name: "Old Radio", title: "song", refusal: &["login failed"] }.show(tower);
}

#[test]
fn ezstream_http_does_all_that_a_source_must() {
    show_ezstream(&setup().start(), "HTTP", "libshout/");
}

#[test]
fn ezstream_shoutcast_does_all_that_a_source_must() {
    // In Shoutcast's way there is no user agent to tell.
    show_ezstream(&shoutcast(), "ICY", "");
}

fn ices2(tower: &Tower, song: &Path, password: &str) -> Source {
    let (config, playlist) = (tower.path("ices2.xml"), tower.path("ices2.playlist"));
    std::fs::write(&playlist, format!("{}\n", song.display())).expect("a temporary file");
    let text = format!(
        "<ices><background>0</background><logpath>{0}</logpath><logfile>ices2.log</logfile><consolelog>1</consolelog>\
         <stream><metadata><name>Ices Radio</name></metadata><input><module>playlist</module>\
         <param name=\"type\">basic</param><param name=\"file\">{1}</param></input><instance>\
         <hostname>127.0.0.1</hostname><port>{2}</port><password>{password}</password><mount>/live</mount>\
         <reconnectdelay>1</reconnectdelay><reconnectattempts>2</reconnectattempts></instance></stream></ices>",
        tower.path("").display(),
        playlist.display(),
        tower.address.port()
    );
    std::fs::write(&config, text).expect("a temporary file");
    Source::start(Command::new("ices2").arg(&config), &tower.path("ices2.said"))
}

#[test]
fn ices2_does_all_that_a_source_must() {
    let tower = setup().start();
    // It sends the pages of its files as they are.
    let coding = [&TAGS[..], &["-c:a", "libvorbis", "-page_duration", "100000"]].concat();
    let song = file(&tower, TONE_HZ, "song.ogg", &coding);
    let start = |tower: &Tower, password: &str| ices2(tower, &song, password);
    Row { start: &start, agent: "ices", name: "Ices Radio", title: LABEL, refusal: &["login failed"] }.show(&tower);
}

/// Liquidsoap begins its sine with a fade: begun at once, the click would be its own.
fn liquidsoap(tower: &Tower, password: &str) -> Source {
    let script = tower.path("radio.liq");
    let text = format!(
        "settings.init.allow_root.set(true)\nlog.stdout.set(true)\nlog.file.set(false)\n\
         s = amplify(0.37, fade.in(duration=0.2, sine({TONE_HZ}.)))\n\
         s = insert_metadata(s)\nthread.run(delay=2., fun () -> s.insert_metadata([(\"artist\", \"Nina\"), (\"title\", \"Sinnerman\")]))\n\
         output.icecast(%mp3(bitrate=128), host=\"127.0.0.1\", port={}, password=\"{password}\", mount=\"live\", name=\"Liquid Radio\", s)\n",
        tower.address.port()
    );
    std::fs::write(&script, text).expect("a temporary file");
    Source::start(Command::new("liquidsoap").arg(&script), &tower.path("liquidsoap.said"))
}

#[test]
fn liquidsoap_does_all_that_a_source_must() {
    Row { start: &liquidsoap, agent: "liquidsoap", name: "Liquid Radio", title: LABEL, refusal: &["401"] }
        .show(&setup().start());
}

/// DarkIce records from a sound card; here from one whose sound and clock are FFmpeg's, at the other end of a pipe.
fn darkice(tower: &Tower, password: &str) -> Source {
    let (config, card) = (tower.path("darkice.cfg"), tower.path("card"));
    if !card.exists() {
        let made = Command::new("mkfifo").arg(&card).status();
        assert!(made.is_ok_and(|status| status.success()), "a pipe");
    }
    let plugin = format!("pcm.card {{ type file slave.pcm null file /dev/null infile {card:?} format raw }}\n");
    std::fs::write(tower.path(".asoundrc"), plugin).expect("a temporary file");
    let text = format!(
        "[general]\nduration = {}\nbufferSecs = 1\nreconnect = no\nrealtime = no\n[input]\ndevice = card\n\
         sampleRate = 48000\nbitsPerSample = 16\nchannel = 2\n[icecast2-0]\nbitrateMode = cbr\nformat = mp3\n\
         bitrate = 128\nserver = 127.0.0.1\nport = {}\npassword = {password}\nmountPoint = live\nname = Dark Radio\n",
        seconds() + 60,
        tower.address.port()
    );
    std::fs::write(&config, text).expect("a temporary file");
    let mut feed = Command::new("ffmpeg");
    feed.args(["-v", "error", "-y", "-re", "-f", "lavfi", "-i", &tone(TONE_HZ), "-ac", "2", "-f", "s16le"]).arg(&card);
    let mut command = Command::new("darkice");
    command.arg("-v").arg("10").arg("-c").arg(&config).env("HOME", tower.path(""));
    Source::beside(&mut feed, &mut command, &tower.path("darkice.said"))
}

#[test]
fn darkice_does_all_that_a_source_must() {
    // It has no way to tell a title.
    Row { start: &darkice, agent: "darkice", name: "Dark Radio", title: "", refusal: &["http/1.1 401"] }
        .show(&setup().start());
}
