//! Icecast with FFmpeg and with Liquidsoap as its sources, to compare with.

use crate::bench::listeners::icecast_config;
use anyhow::{Context, Result, bail, ensure};
use radio_proof::listener::Listener;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait until a stream is there.
const PATIENCE: Duration = Duration::from_secs(30);

const MOUNTS: [&str; 2] = ["/ffmpeg", "/liquidsoap"];

/// The programs; they end when it is dropped.
pub(super) struct Others {
    address: SocketAddr,
    children: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Others {
    /// Starts them, each with the same tone.
    ///
    /// # Errors
    /// One of them is not installed or does not start.
    pub(super) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join("icecast.xml");
        std::fs::write(&config, icecast_config(folder.path(), address.port()))?;
        let mut icecast = Command::new("icecast2");
        // It refuses to run as root.
        if rustix::process::geteuid().is_root() {
            let chown = Command::new("chown").args(["-R", "nobody"]).arg(folder.path()).status()?;
            ensure!(chown.success(), "cannot give the configuration to the user nobody");
            icecast = Command::new("setpriv");
            icecast.args(["--reuid=nobody", "--clear-groups", "icecast2"]);
        }
        icecast.arg("-c").arg(&config);
        let mut others = Self { address, children: Vec::new(), _folder: folder };
        others.spawn(&mut icecast)?;
        others.wait("icecast2", |address| TcpStream::connect(address).is_ok())?;
        let to = format!("icecast://source:hackme@{address}{}", MOUNTS[0]);
        let tone = "sine=frequency=440:sample_rate=48000";
        let coding = ["-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k", "-content_type", "audio/mpeg", "-f", "mp3"];
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", tone]).args(coding).arg(to);
        others.spawn(&mut ffmpeg)?;
        let script = format!(
            "settings.init.allow_root.set(true)\nlog.file.set(false)\noutput.icecast(%mp3(bitrate=128), host=\"127.0.0.1\", \
             port={}, password=\"hackme\", mount=\"liquidsoap\", amplify(0.2, sine(440.)))\n",
            address.port()
        );
        others.spawn(Command::new("liquidsoap").arg(script))?;
        for mount in MOUNTS {
            others.wait(mount, |address| {
                Listener::try_open(address, mount, "").is_ok_and(|it| it.head.status() == 200)
            })?;
        }
        Ok(others)
    }

    fn spawn(&mut self, command: &mut Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        self.children.push(command.spawn().with_context(|| format!("cannot run {name}: apt-get install {name}"))?);
        Ok(())
    }

    fn wait(&self, what: &str, is_there: impl Fn(SocketAddr) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_there(self.address) {
            if Instant::now() > deadline {
                bail!("{what} is not there after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// A listener of each.
    pub(super) fn listen(&self) -> Vec<(String, Listener)> {
        MOUNTS.map(|mount| (format!("Icecast{mount}"), Listener::open(self.address, mount))).into()
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _it_may_have_ended = child.kill();
            let _buried = child.wait();
        }
    }
}
