//! A real tower in a directory of its own.

use crate::alarm::wait_for;
use crate::http::{self, Answer, basic_auth, get, send};
use crate::listener::Listener;
use crate::monitor::Monitor;
use crate::process;
use rustix::process::Signal;
use serde_json::Value;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Password of `admin` in every tower of a test.
pub const ADMIN_PASSWORD: &str = "proof";

/// Longest wait for the "On air" line, on a loaded machine.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How a tower is to be started.
pub struct Setup {
    executable: PathBuf,
    folder: TempDir,
    lines: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// A tower on a free port of 127.0.0.1, with its sockets in a fresh temporary directory.
    #[track_caller]
    #[must_use]
    pub fn new(executable: impl AsRef<Path>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let lines = vec![
            "server.port = 0".into(),
            format!("server.admin_socket = {:?}", path("admin.sock")),
            format!("station.socket = {:?}", path("pcm.sock")),
            format!("admin.password = {ADMIN_PASSWORD:?}"),
        ];
        Self { executable: executable.as_ref().to_owned(), folder, lines, environment: Vec::new() }
    }

    /// Adds one line of configuration, for instance `station.preroll_ticks = 1`; a line for the same key is replaced.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
        self.lines.retain(|earlier| key(earlier) != key(line));
        self.lines.push(line.to_owned());
        self
    }

    /// Starts `executable` in place of the tower itself, for instance a script that ends in `exec tower "$@"`.
    #[must_use]
    pub fn executable(mut self, executable: PathBuf) -> Self {
        self.executable = executable;
        self
    }

    /// Adds a variable to the tower's environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Path of a file in the tower's directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes an executable script into the tower's directory.
    #[track_caller]
    #[must_use]
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        fs::write(&path, text).expect("a temporary file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        path
    }

    /// Starts the process and waits for nothing.
    #[track_caller]
    #[must_use]
    pub fn spawn(self) -> Tower {
        let config = self.path("tower.toml");
        fs::write(&config, self.lines.join("\n") + "\n").expect("a temporary file");
        let started = Instant::now();
        let child = Command::new(&self.executable)
            .args(["serve", "--config"])
            .arg(&config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(std::process::Stdio::null())
            .stdout(File::create(self.path("stdout")).expect("a temporary file"))
            .stderr(File::create(self.path("stderr")).expect("a temporary file"))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.executable.display()));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Tower { child, folder: self.folder, started, address, exit: None }
    }

    /// Starts the tower and waits until it says where it is on air.
    #[track_caller]
    #[must_use]
    pub fn start(self) -> Tower {
        let mut tower = self.spawn();
        tower.wait_on_air();
        tower
    }

    /// Starts a tower that must not start: how it exited, after how long, and what it said.
    #[track_caller]
    #[must_use]
    pub fn refused(self) -> Refusal {
        let mut tower = self.spawn();
        let status = tower.wait_exit(START_LIMIT);
        let left_behind = fs::read_dir(tower.folder.path()).expect("the tower's directory").flatten();
        let sockets = left_behind.filter(|entry| entry.path().extension().is_some_and(|name| name == "sock"));
        Refusal { status, stderr: tower.stderr(), sockets: sockets.map(|entry| entry.path()).collect() }
    }
}

/// What a tower that does not start leaves.
#[derive(Debug)]
pub struct Refusal {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it said.
    pub stderr: String,
    /// Socket files in its directory.
    pub sockets: Vec<PathBuf>,
}

/// A running tower; killed when dropped, and its log shown if the test is failing.
pub struct Tower {
    child: Child,
    folder: TempDir,
    exit: Option<ExitStatus>,
    /// When the process was started.
    pub started: Instant,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Tower {
    /// Waits for the "On air" line and takes the address from it.
    #[track_caller]
    pub fn wait_on_air(&mut self) {
        self.address = wait_for("the tower to be on air", START_LIMIT, || {
            assert!(self.child.try_wait().expect("our own child").is_none(), "the tower exited: {}", self.stderr());
            let text = fs::read_to_string(self.path("stdout")).unwrap_or_default();
            let (_, after) = text.split_once("http://")?;
            let (authority, _) = after.split_once('/')?;
            authority.rsplit('@').next()?.parse().ok()
        });
    }

    /// Path of a file in the tower's directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The socket that takes PCM.
    #[must_use]
    pub fn pcm_socket(&self) -> PathBuf {
        self.path("pcm.sock")
    }

    /// Process id of the tower.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    #[must_use]
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    /// One GET.
    #[track_caller]
    #[must_use]
    pub fn get(&self, target: &str) -> Answer {
        get(self.address, target, "").unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    /// One GET as admin.
    #[track_caller]
    #[must_use]
    pub fn get_as_admin(&self, target: &str) -> Answer {
        let authorization = basic_auth("admin", ADMIN_PASSWORD);
        get(self.address, target, &authorization).unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    /// Any request with a body, as admin.
    #[track_caller]
    pub fn send_as_admin(&self, method: &str, target: &str, body: &str) -> Answer {
        let authorization = basic_auth("admin", ADMIN_PASSWORD);
        send(self.address, method, target, &authorization, body.as_bytes())
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// `/status` as the command line has it: all of it, whatever the password is.
    #[track_caller]
    #[must_use]
    pub fn status(&self) -> Value {
        let answer = http::get_over(&self.path("admin.sock"), "/status");
        answer.unwrap_or_else(|error| panic!("GET /status over the socket: {error}")).json()
    }

    /// State of the first output's encoder, in capitals.
    #[track_caller]
    #[must_use]
    pub fn encoder_state(&self) -> String {
        self.status()["outputs"][0]["encoder"]["state"].as_str().unwrap_or("none").to_uppercase()
    }

    /// Process id of the first output's encoder.
    #[track_caller]
    #[must_use]
    pub fn encoder_pid(&self) -> Option<u32> {
        self.status()["outputs"][0]["encoder"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// The process of the first output's encoder, if it has delivered new frames; and all frames delivered so far.
    #[track_caller]
    #[must_use]
    pub fn delivering(&self) -> Option<(u32, u64)> {
        let status = self.status();
        let encoder = &status["outputs"][0]["encoder"];
        let pid = encoder["pid"].as_u64()?;
        let mut processes = encoder["processes"].as_array()?.iter();
        let has_delivered = processes.any(|one| one["pid"] == pid && one["new_frames"].as_u64() > Some(0));
        let pid = u32::try_from(pid).ok().filter(|_| has_delivered)?;
        Some((pid, encoder["frames"].as_u64()?))
    }

    /// Waits until the first output's encoder is in `state`.
    #[track_caller]
    pub fn wait_encoder(&self, state: &str, limit: Duration) {
        wait_for(&format!("the encoder to be {state}"), limit, || (self.encoder_state() == state).then_some(()));
    }

    /// Waits until `on_air.source` contains `name`.
    #[track_caller]
    pub fn wait_source(&self, name: &str, limit: Duration) {
        wait_for(&format!("{name} on air"), limit, || {
            let status = self.status();
            status["on_air"]["source"].as_str().is_some_and(|source| source.contains(name)).then_some(())
        });
    }

    /// Samples the number under `pointer` (for instance `/tick`) of `/status` for `span`, with the time of each answer.
    #[track_caller]
    #[must_use]
    pub fn sightings(&self, pointer: &str, span: Duration) -> Vec<crate::clock::Sighting> {
        let end = Instant::now() + span;
        let mut seen = Vec::new();
        while Instant::now() < end {
            let status = self.status();
            let number = status.pointer(pointer).and_then(Value::as_u64);
            seen.push((Instant::now(), number.unwrap_or_else(|| panic!("no {pointer} in {status}"))));
            // Not a divisor of the tick, so that all phases of it are seen.
            std::thread::sleep(Duration::from_millis(37));
        }
        seen
    }

    /// The events whose kind is `kind`: their ticks and their fields, of which `what` is the name.
    #[track_caller]
    #[must_use]
    pub fn events(&self, kind: &str) -> Vec<(u64, Value)> {
        let status = self.status();
        let events = status["events"].as_array().cloned().unwrap_or_default();
        let wanted = events.into_iter().filter(|event| event["kind"] == kind);
        wanted.map(|mut event| (event["tick"].as_u64().unwrap_or(0), event["data"].take())).collect()
    }

    /// A listener of `target`.
    #[track_caller]
    #[must_use]
    pub fn listen(&self, target: &str) -> Listener {
        let listener = Listener::open(self.address, target);
        assert_eq!(listener.head.status(), 200, "{:?}", listener.head);
        listener
    }

    /// The confidence monitor.
    #[track_caller]
    #[must_use]
    pub fn monitor(&self, from_serial: Option<u64>) -> Monitor {
        Monitor::open(self.address, ADMIN_PASSWORD, from_serial)
    }

    /// Sends SIGTERM and waits: how it exited, and how long that took.
    #[track_caller]
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        process::signal(self.child.id(), Signal::TERM);
        (self.wait_exit(Duration::from_secs(15)), asked.elapsed())
    }

    #[track_caller]
    fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let status = wait_for("the tower to exit", limit, || self.child.try_wait().expect("our own child"));
        self.exit = Some(status);
        status
    }
}

impl Drop for Tower {
    fn drop(&mut self) {
        if self.exit.is_none() {
            let encoders = process::children(self.child.id());
            let _already_gone = self.child.kill();
            let _status = self.child.wait();
            // An encoder ends when its pipes close; one that a test made to hang does not.
            for encoder in encoders {
                process::signal(encoder, Signal::KILL);
            }
        }
        if std::thread::panicking() {
            eprintln!("--- log of the tower ---\n{}\n--- end of the log ---", self.stderr());
        }
    }
}
