//! Programs that send a playlist as people have one: songs and jingles of other rates, channels and
//! formats, each a sine of its own. Every piece is heard for its length, every title comes with its
//! piece, and nobody is thrown out (SPEC IN-7, IN-8). A program that sends a little faster than time,
//! as with the first page of each file, is played up to a hundredth faster.

use crate::program::{LIMIT, Source, monitor};
use crate::stream_material::{Kind, Run, piece, runs_in};
use radio_proof::alarm;
use radio_proof::tower::{Setup, Tower};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Seconds of sound that a change of files may cost or add: at most a fade, and the silence that an
/// encoder puts around each file.
const LENGTH_TOLERANCE_S: f64 = 0.25;
/// Ticks between a title that travels in the stream and its sound: 0.2 s, and by a request of its own
/// as much as a program sends ahead.
const TITLE_TICKS_MAX: u64 = 8;
const TITLE_BESIDE_TICKS_MAX: u64 = 80;
const JINGLE_S: f64 = 2.0;

/// Seconds of a song: three of them and two jingles are five minutes at full length.
fn song_s() -> f64 {
    alarm::seconds(3, 99).as_secs_f64()
}

/// How a program's titles travel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Titles {
    None,
    InTheStream,
    Beside,
}

/// A piece of a playlist.
struct Piece {
    path: PathBuf,
    hz: f64,
    seconds: f64,
}

/// Songs and jingles in turn, of these kinds.
fn pieces(tower: &Tower, kinds: &[(Kind, &str)]) -> Vec<Piece> {
    let made = kinds.iter().enumerate().map(|(n, (kind, ending))| {
        let (hz, seconds) = (600.0 + 300.0 * n as f64, if n % 2 == 0 { song_s() } else { JINGLE_S });
        let path = tower.path(&format!("{n}.{ending}"));
        std::fs::write(&path, piece(*kind, hz, seconds)).expect("a temporary file");
        Piece { path, hz, seconds }
    });
    made.collect()
}

/// The same as a list with a path a line.
fn list(tower: &Tower, pieces: &[Piece], line: impl Fn(&Path) -> String) -> PathBuf {
    let text: String = pieces.iter().map(|piece| line(&piece.path) + "\n").collect();
    let path = tower.path("list.m3u");
    std::fs::write(&path, text).expect("a temporary file");
    path
}

fn setup(more: &str) -> Setup {
    let input = format!("input = [{{ name = \"dj\", mount = \"/live\", password = \"hackme\"{more} }}]");
    crate::common::setup().line("router.grace_ms = 240").line(&input)
}

const MPEG: [(Kind, &str); 5] = [
    (Kind::MP3_44100, "mp3"),
    (Kind::MP3_48000, "mp3"),
    (Kind::MP3_22050_MONO, "mp3"),
    (Kind::MP3_44100_MONO, "mp3"),
    (Kind::MP3_48000, "mp3"),
];

/// `start` sends the pieces; they are heard.
#[track_caller]
fn show(tower: &Tower, pieces: &[Piece], titles: Titles, start: impl FnOnce() -> Source) {
    let (monitor, from) = monitor(tower);
    let source = start();
    tower.wait_source("dj", LIMIT);
    let length = Duration::from_secs_f64(pieces.iter().map(|piece| piece.seconds).sum());
    let last = [pieces.last().expect("a piece").hz];
    let is_heard = || {
        std::thread::sleep(Duration::from_millis(300));
        let (sound, ticks) = (monitor.so_far(), 40);
        let first = sound.first_serial + sound.ticks().saturating_sub(ticks) as u64;
        !runs_in(&sound.left_from(first, ticks.min(sound.ticks())), &last).is_empty()
    };
    alarm::wait_until("the last piece", length + LIMIT, is_heard);
    // Some programs stay at the end of their list.
    alarm::wait_until("the last piece to be over", length + LIMIT, || !is_heard());
    let sound = monitor.stop();
    let said = source.said();
    drop(source);

    let frequencies: Vec<f64> = pieces.iter().map(|piece| piece.hz).collect();
    let found = runs_in(&sound.left_from(from, sound.ticks() - (from - sound.first_serial) as usize), &frequencies);
    // Clicks of a few windows are of what an encoder puts at the edges of a file.
    let found: Vec<&Run> = found.iter().filter(|run| run.seconds > 0.1).collect();
    let heard: Vec<f64> = found.iter().map(|run| run.hz).collect();
    assert_eq!(heard, frequencies, "{found:?}\n{said}");
    for (run, piece) in found.iter().zip(pieces) {
        let off = run.seconds - piece.seconds;
        assert!(
            off.abs() < LENGTH_TOLERANCE_S,
            "{} Hz is not heard for {} s: {found:.3?}\n{said}",
            run.hz,
            piece.seconds
        );
    }
    let came = tower.events("source").iter().filter(|(_, event)| event["what"] == "source_connected").count();
    assert_eq!(came, 1, "nobody is thrown out: {:?}", tower.events("source"));
    let away = tower.events("on_air").iter().filter(|(_, event)| event["before"] == "dj").map(|(tick, _)| *tick).min();
    let last = found.last().expect("a piece");
    let end = from + (last.first_sample / 1152) as u64 + (last.seconds / 0.024) as u64;
    assert!(away.is_none_or(|tick| tick + 20 > end), "on air to the end: {:?}", tower.events("on_air"));

    if titles == Titles::None {
        return;
    }
    let told = tower.events("title");
    for run in found {
        let name = format!("{} Hz", run.hz);
        let Some((tick, _)) = told.iter().find(|(_, event)| event["label"].to_string().contains(&name)) else {
            panic!("{name} is not told: {told:?}\n{said}");
        };
        let begins = from + (run.first_sample / 1152) as u64;
        let most = if titles == Titles::InTheStream { TITLE_TICKS_MAX } else { TITLE_BESIDE_TICKS_MAX };
        assert!(tick.abs_diff(begins) <= most, "{name} begins at tick {begins} and is told at {tick}");
    }
}

#[test]
fn ezstream_sends_mp3_of_other_rates_and_channels_as_it_is() {
    let tower = setup("").start();
    let pieces = pieces(&tower, &MPEG);
    let (list, config) = (list(&tower, &pieces, |path| path.display().to_string()), tower.path("ezstream.xml"));
    let text = format!(
        "<ezstream><servers><server><name>default</name><protocol>HTTP</protocol><hostname>127.0.0.1</hostname>\
         <port>{}</port><password>hackme</password></server></servers><streams><stream><name>default</name>\
         <mountpoint>/live</mountpoint><format>MP3</format></stream></streams><intakes><intake><name>default</name>\
         <type>playlist</type><filename>{}</filename><stream_once>yes</stream_once></intake></intakes></ezstream>",
        tower.address.port(),
        list.display()
    );
    std::fs::write(&config, text).expect("a temporary file");
    show(&tower, &pieces, Titles::Beside, || {
        Source::start(Command::new("ezstream").args(["-v", "-c"]).arg(&config), &tower.path("ezstream.log"))
    });
}

#[test]
fn ices2_sends_vorbis_of_other_rates_and_channels_as_it_is() {
    let tower = setup("").start();
    let vorbis = [Kind::VORBIS, Kind::VORBIS_MONO, Kind::VORBIS.at(48_000), Kind::VORBIS_MONO, Kind::VORBIS];
    let pieces = pieces(&tower, &vorbis.map(|kind| (kind, "ogg")));
    let (list, config) = (list(&tower, &pieces, |path| path.display().to_string()), tower.path("ices2.xml"));
    let text = format!(
        "<ices><background>0</background><logpath>{0}</logpath><logfile>ices2.log</logfile><consolelog>1</consolelog>\
         <stream><input><module>playlist</module><param name=\"type\">basic</param><param name=\"file\">{1}</param>\
         <param name=\"once\">1</param></input><instance><hostname>127.0.0.1</hostname><port>{2}</port>\
         <password>hackme</password><mount>/live</mount></instance></stream></ices>",
        tower.path("").display(),
        list.display(),
        tower.address.port()
    );
    std::fs::write(&config, text).expect("a temporary file");
    show(&tower, &pieces, Titles::InTheStream, || {
        Source::start(Command::new("ices2").arg(&config), &tower.path("ices2.said"))
    });
}

#[test]
fn liquidsoap_plays_files_of_every_format_as_it_encodes_them() {
    let tower = setup("").start();
    let kinds = [
        (Kind::MP3_44100, "mp3"),
        (Kind::VORBIS_MONO, "ogg"),
        (Kind::FLAC, "flac"),
        (Kind::WAV, "wav"),
        (Kind::MP3_22050_MONO, "mp3"),
    ];
    let pieces = pieces(&tower, &kinds);
    let (list, script) = (list(&tower, &pieces, |path| path.display().to_string()), tower.path("radio.liq"));
    let text = format!(
        "settings.init.allow_root.set(true)\nlog.stdout.set(true)\nlog.file.set(false)\n\
         s = playlist(mode=\"normal\", reload_mode=\"never\", loop=false, {list:?})\n\
         output.icecast(%mp3(bitrate=128), fallible=true, host=\"127.0.0.1\", port={}, password=\"hackme\", \
         mount=\"live\", s)\n",
        tower.address.port()
    );
    std::fs::write(&script, text).expect("a temporary file");
    show(&tower, &pieces, Titles::Beside, || {
        Source::start(Command::new("liquidsoap").arg(&script), &tower.path("liquidsoap.said"))
    });
}

#[test]
fn ffmpeg_copies_mp3_of_other_rates_and_channels_as_it_is() {
    let tower = setup("").start();
    let pieces = pieces(&tower, &MPEG);
    let list = list(&tower, &pieces, |path| format!("file '{}'", path.display()));
    let url = format!("icecast://source:hackme@{}/live", tower.address);
    show(&tower, &pieces, Titles::None, || {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-re", "-f", "concat", "-safe", "0", "-i"]).arg(list);
        command.args(["-c", "copy", "-write_xing", "0", "-id3v2_version", "0"]);
        command.args(["-content_type", "audio/mpeg", "-f", "mp3", &url]);
        Source::start(&mut command, &tower.path("ffmpeg.said"))
    });
}

/// curl sends as fast as it can, and the tower takes it in its own time.
#[track_caller]
fn show_curl(kinds: &[(Kind, &str)], content_type: &str, titles: Titles) {
    let tower = setup(", when_full = \"wait\"").start();
    let pieces = pieces(&tower, kinds);
    let mut cat = Command::new("cat");
    cat.args(pieces.iter().map(|piece| &piece.path));
    show(&tower, &pieces, titles, || {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-u", "source:hackme", "-H", &format!("Content-Type: {content_type}"), "-T", "-"]);
        curl.arg(format!("http://{}/live", tower.address));
        Source::fed(&mut cat, &mut curl, &tower.path("curl.said"))
    });
}

#[test]
fn curl_sends_files_of_flac_one_after_the_other() {
    let rates = [44_100, 48_000, 96_000, 22_050, 44_100];
    show_curl(&rates.map(|rate_hz| (Kind::FLAC.at(rate_hz), "flac")), "audio/flac", Titles::None);
}

#[test]
fn curl_sends_a_chain_of_ogg_whose_links_differ_in_codec() {
    let kinds = [Kind::VORBIS, Kind::OPUS, Kind::OGG_FLAC, Kind::VORBIS_MONO, Kind::OPUS_MONO];
    show_curl(&kinds.map(|kind| (kind, "ogg")), "application/ogg", Titles::InTheStream);
}

/// AAC of 24 kHz or less may be HE-AAC, which FFmpeg decodes, and hands back what follows.
#[test]
fn curl_sends_aac_and_mp3_of_which_ffmpeg_decodes_some_pieces() {
    let aac = Kind::AAC_44100;
    let kinds = [aac, aac.at(22_050), Kind::MP3_44100, aac.at(24_000), aac.at(48_000)];
    show_curl(&kinds.map(|kind| (kind, "aac")), "audio/aac", Titles::None);
}
