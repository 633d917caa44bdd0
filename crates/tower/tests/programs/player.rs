//! Players that write what they play to a file, instead of a sound card.

use radio_proof::alarm::wait_for;
use radio_proof::measure;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A player that writes what it plays to a file: 16 bit, two channels, 48 kHz.
pub(crate) struct Player {
    pub child: Child,
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
        let said = File::create(folder.path().join("said")).expect("a temporary file");
        command.args(arguments(folder.path())).env("HOME", folder.path()).stdin(Stdio::null());
        command.stdout(said.try_clone().expect("our own file")).stderr(said);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("cannot run {program} ({error}): apt-get install it"));
        Self { child, folder }
    }

    pub(crate) fn ffmpeg(url: &str) -> Self {
        Self::start("ffmpeg", |folder| {
            let how = "-nostdin -v verbose -i URL -f s16le -ar 48000 -ac 2 -flush_packets 1";
            let how = how.split(' ').map(|word| if word == "URL" { url.to_owned() } else { word.to_owned() });
            how.chain([sound(folder).display().to_string()]).collect()
        })
    }

    pub(crate) fn mpg123(url: &str) -> Self {
        Self::start("mpg123", |folder| {
            let how = "--no-control --no-gapless -v -e s16 -r 48000 --stereo -O";
            how.split(' ').map(str::to_owned).chain([sound(folder).display().to_string(), url.to_owned()]).collect()
        })
    }

    pub(crate) fn mpv(url: &str) -> Self {
        Self::start("mpv", |folder| {
            let file = format!("--ao-pcm-file={}", sound(folder).display());
            let how =
                "--no-config --no-video --ao=pcm --ao-pcm-waveheader=no --audio-format=s16 --audio-samplerate=48000";
            let how = how.split(' ').map(str::to_owned);
            // What it says without a terminal may stay with it; what it logs does not.
            let log = format!("--log-file={}", folder.join("logged").display());
            let ipc = format!("--input-ipc-server={}", folder.join("ipc").display());
            how.chain([file, log, ipc, "--audio-channels=stereo".into(), url.to_owned()]).collect()
        })
    }

    pub(crate) fn vlc(url: &str) -> Self {
        Self::start("cvlc", |folder| {
            let file = format!("--audiofile-file={}", sound(folder).display());
            let how = "-vv --no-video --aout=afile --audiofile-format=s16 --no-audiofile-wav";
            how.split(' ').map(str::to_owned).chain([file, url.to_owned()]).collect()
        })
    }

    /// What it has said, and logged, beyond the bytes that have been `read` of both.
    pub(crate) fn said_since(&self, read: &mut [u64; 2]) -> String {
        let mut more = Vec::new();
        for (name, read) in ["said", "logged"].iter().zip(read) {
            let Ok(mut file) = File::open(self.folder.path().join(name)) else { continue };
            file.seek(SeekFrom::Start(*read)).expect("our own file");
            *read += file.read_to_end(&mut more).expect("our own file") as u64;
        }
        String::from_utf8_lossy(&more).into_owned()
    }

    /// Says to mpv, which listens at a socket, what it is to do: a JSON array of a command and its arguments.
    pub(crate) fn tell_mpv(&self, command: &str) {
        let mut socket = UnixStream::connect(self.folder.path().join("ipc")).expect("mpv's socket");
        writeln!(socket, "{{\"command\": {command}}}").expect("mpv reads");
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer).expect("mpv answers");
        assert!(answer.contains("success"), "{answer}");
    }

    /// How many seconds it has played.
    pub(crate) fn played_s(&self) -> f64 {
        sound(self.folder.path()).metadata().map_or(0.0, |file| file.len() as f64 / 192_000.0)
    }

    /// The left channel of all that it has played.
    pub(crate) fn all_heard(&self) -> Vec<f64> {
        measure::left_s16(&std::fs::read(sound(self.folder.path())).expect("it has played something"))
    }

    /// The left channel of the first `seconds` of what it plays, as soon as it has played that much.
    pub(crate) fn heard(&self, seconds: usize) -> Vec<f64> {
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
