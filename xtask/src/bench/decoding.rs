//! What decoding costs: how soon a source is on air, and what its decoder processes take; and a large folder.

use super::cost::Cost;
use super::{Figure, Lab};
use radio_proof::alarm::wait_for;
use radio_proof::tower::{Setup, Tower};
use radio_proof::{material, process};
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SPAN: Duration = Duration::from_secs(15);
/// By then what was sent at once is played, and nothing grows any more.
const SETTLE: Duration = Duration::from_secs(8);
const PATIENCE: Duration = Duration::from_secs(30);
const TICK_MS: u64 = 24;
/// From the connection to the first tick on air.
const TO_AIR_MS_MAX: f64 = 1000.0;
/// What a decoder process may take in memory (PSS), and in percent of a core.
const PSS_MB_MAX: f64 = 8.0;
const CPU_PERCENT_MAX: f64 = 1.0;

/// Formats of sources: a name, how FFmpeg makes it, its content type, and whether the tower decodes it without FFmpeg.
const SOURCES: [(&str, &str, &str, bool); 6] = [
    ("MP3", "-c:a libmp3lame -b:a 128k -f mp3", "audio/mpeg", true),
    ("AAC", "-c:a aac -b:a 128k -f adts", "audio/aac", true),
    ("Vorbis", "-c:a libvorbis -q:a 4 -page_duration 100000 -f ogg", "audio/ogg", true),
    ("Opus", "-c:a libopus -b:a 96k -page_duration 100000 -f ogg", "audio/ogg", true),
    ("FLAC", "-c:a flac -f flac", "audio/flac", true),
    ("AAC at 22.05 kHz, by FFmpeg", "-ar 22050 -c:a aac -b:a 48k -f adts", "audio/aac", false),
];
/// Formats of files, likewise.
const FILES: [(&str, &str, &str); 3] =
    [("MP3", "mp3", "-b:a 192k"), ("FLAC", "flac", "-c:a flac"), ("AAC in M4A", "m4a", "-c:a aac -b:a 128k")];

/// Files of a large folder; each is one song by another name.
const FOLDER_FILES: usize = 50_000;
const FILES_PER_FOLDER: usize = 1000;
/// From the start of the tower to the folder's first sound on air, on a disk that answers at once.
const FIRST_SOUND_MS_MAX: f64 = 2000.0;

/// One source after the other, and one player after the other.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let music = music(folder.path());
    let mut figures = Vec::new();
    for (name, coding, content_type, is_own) in SOURCES {
        let tower = Setup::new(&lab.tower)
            .line("input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]")
            .start();
        let program = Program::send(&tower, &music, coding, content_type);
        figures.push(to_air(&tower, name));
        figures.extend(taken(lab, &tower, &format!("source in {name}"), is_own));
        drop(program);
    }
    for (name, ending, coding) in FILES {
        let songs = folder.path().join(ending);
        std::fs::create_dir(&songs).expect("a temporary folder");
        ffmpeg(&music, coding).arg(songs.join("song").with_extension(ending)).status().expect("ffmpeg is there");
        let tower = Setup::new(&lab.tower).line(&format!("play.paths = [{songs:?}]")).start();
        tower.wait_source("play", PATIENCE);
        figures.extend(taken(lab, &tower, &format!("player of {name}"), true));
    }
    figures
}

/// Twenty seconds of it.
fn music(folder: &Path) -> PathBuf {
    let music = folder.join("music.wav");
    std::fs::write(&music, material::wav(&material::music(0, 20, 30))).expect("a temporary file");
    music
}

/// Start, memory and reload with a folder as large as a collection of twenty years.
pub(super) fn large_folder(lab: &Lab) -> Vec<Figure> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (song, large) = (folder.path().join("song.mp3"), folder.path().join("large"));
    ffmpeg(&music(folder.path()), "-b:a 192k").arg(&song).status().expect("ffmpeg is there");
    let small = start_with(lab, &song);
    let pss_mb = |tower: &Tower| process::pss_bytes(tower.pid()) as f64 / 1e6;
    let small_mb = pss_mb(&small.0);
    drop(small);
    for n in 0..FOLDER_FILES {
        let folder = large.join(format!("{:03}", n / FILES_PER_FOLDER));
        if n % FILES_PER_FOLDER == 0 {
            std::fs::create_dir_all(&folder).expect("a temporary folder");
        }
        std::fs::hard_link(&song, folder.join(format!("{n:05}.mp3"))).expect("a temporary file");
    }
    let (tower, first_sound) = start_with(lab, &large);
    let large_mb = pss_mb(&tower);
    let before = tower.events("on_air").len();
    let config = tower.path("tower.toml");
    let text = std::fs::read_to_string(&config).expect("its configuration");
    std::fs::write(&config, text + "\nplay.shuffle = true\n").expect("a temporary file");
    let from = Instant::now();
    process::signal(tower.pid(), Signal::HUP);
    wait_for("the configuration to be read again", PATIENCE, || {
        tower.status().to_string().contains("the configuration was read again").then_some(())
    });
    let reload = from.elapsed();
    let changes = tower.events("on_air").len() - before;
    let name = format!("folder of {FOLDER_FILES} files");
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    vec![
        Figure::new(format!("{name}: start of the tower to its first sound"), ms(first_sound), "ms")
            .aim(FIRST_SOUND_MS_MAX),
        Figure::new(format!("{name}: PSS beside that of one file"), large_mb - small_mb, "MB"),
        Figure::new(format!("{name}: reload"), ms(reload), "ms").note(format!("{changes} changes of what is on air")),
    ]
}

/// A tower that plays what is at `path`, and how soon.
fn start_with(lab: &Lab, path: &Path) -> (Tower, Duration) {
    let begun = Instant::now();
    let tower = Setup::new(&lab.tower).line(&format!("play.paths = [{path:?}]")).start();
    tower.wait_source("play", PATIENCE);
    (tower, begun.elapsed())
}

fn ffmpeg(music: &Path, coding: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y", "-re", "-stream_loop", "-1"]).arg("-i").arg(music);
    if !coding.contains("-f ") {
        // A file, as fast as it can be made.
        command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]).arg("-i").arg(music);
    }
    command.args(coding.split(' '));
    command
}

/// FFmpeg, as a DJ's program; ended when it is dropped.
struct Program(Child);

impl Program {
    fn send(tower: &Tower, music: &Path, coding: &str, content_type: &str) -> Self {
        let address = format!("icecast://source:hackme@{}/live", tower.address);
        let mut command = ffmpeg(music, coding);
        command.args(["-content_type", content_type]).arg(address).stdout(Stdio::null());
        Self(command.spawn().expect("ffmpeg is there"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// From the event of the connection to that of the source on air.
fn to_air(tower: &Tower, name: &str) -> Figure {
    // By their texts: events of a tower of before, with which this one is compared, have no fields.
    let tick_of = |kind: &str, text: &str| {
        wait_for(text, PATIENCE, || {
            let events = tower.status()["events"].as_array().cloned().unwrap_or_default();
            let is_it =
                |event: &Value| event["kind"] == kind && event["text"].as_str().is_some_and(|told| told.contains(text));
            events.into_iter().find(is_it)?["tick"].as_u64()
        })
    };
    let connected = tick_of("source", " connected with ");
    let on_air = tick_of("on_air", "dj is on air");
    let ms = on_air.saturating_sub(connected) * TICK_MS;
    Figure::new(format!("source in {name}: connected to on air"), ms as f64, "ms").bound(TO_AIR_MS_MAX)
}

/// What its decoder processes take.
fn taken(lab: &Lab, tower: &Tower, name: &str, is_own: bool) -> [Figure; 2] {
    std::thread::sleep(lab.options.span(SETTLE));
    let cost = Cost::over(tower, lab.options.span(SPAN));
    let note = format!("threads of the tower for it besides: {:.2} %", cost.inputs_percent());
    let cpu = Figure::new(format!("{name}: CPU of its decoder"), cost.helpers_percent(), "% of a core").note(note);
    let pss = Figure::new(format!("{name}: PSS of its decoder"), cost.helpers_pss_mb(), "MB");
    if is_own { [cpu.aim(CPU_PERCENT_MAX), pss.bound(PSS_MB_MAX)] } else { [cpu, pss] }
}
