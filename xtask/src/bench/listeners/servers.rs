//! The three servers that are compared, each on the first core, fed with a stream in which no two frames are alike.

use anyhow::{Context, Result, bail};
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{material, process};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The server's core; the generator and whatever feeds are on the other one.
pub(super) const SERVER_CORE: usize = 0;
/// The generator's core.
pub(super) const LOAD_CORE: usize = 1;

/// How long trouble may go on after it should have stopped.
const TROUBLE_PATIENCE: Duration = Duration::from_millis(50);
/// Ticks of noise that the station repeats.
const NOISE_TICKS: usize = 2500;

/// A server under load; ended when dropped.
pub(super) struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    tower: Option<Arc<Tower>>,
    _trouble: Option<Trouble>,
    _station: Option<Station>,
    _children: Vec<Ended>,
    _folder: Option<TempDir>,
}

/// Titles, kills and switches, until dropped.
struct Trouble {
    stop: Arc<AtomicBool>,
    makers: Vec<JoinHandle<()>>,
}

impl Trouble {
    fn begin(tower: Arc<Tower>, mut station: Option<Station>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let every = |period_ms: u64, mut act: Box<dyn FnMut(u64) + Send>| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let begun = Instant::now();
                for n in 1.. {
                    let due = begun + Duration::from_millis(period_ms * n);
                    while Instant::now() < due {
                        if stop.load(Relaxed) {
                            return;
                        }
                        std::thread::sleep(due.saturating_duration_since(Instant::now()).min(TROUBLE_PATIENCE));
                    }
                    act(n);
                }
            })
        };
        let (titles, kills) = (Arc::clone(&tower), Arc::clone(&tower));
        let noise = Arc::new(material::noise(5, NOISE_TICKS));
        let makers = vec![
            every(
                100,
                Box::new(move |n| {
                    titles.send_as_admin("PUT", "/api/now-playing", &format!(r#"{{"title": "Song {n}"}}"#));
                }),
            ),
            every(
                2000,
                Box::new(move |_| {
                    if let Some(pid) = kills.encoder_pid() {
                        process::signal(pid, Signal::KILL);
                    }
                }),
            ),
            every(
                3000,
                Box::new(move |n| {
                    let manner = Manner { looped: true, ..Manner::default() };
                    drop(station.take());
                    station =
                        n.is_multiple_of(2).then(|| Station::start(&tower.pcm_socket(), Arc::clone(&noise), manner));
                }),
            ),
        ];
        Self { stop, makers }
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for maker in self.makers.drain(..) {
            let _its_own_panic_has_been_printed = maker.join();
        }
    }
}

/// A child that ends with its owner.
pub(super) struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _status = self.0.wait();
    }
}

impl Server {
    /// The tower with these lines of configuration, noise on air.
    pub(super) fn tower(executable: &Path, lines: &[&str]) -> Self {
        let setup = Setup::new(executable).line("server.listeners_max = 20000");
        let setup = lines.iter().fold(setup, |setup, line| setup.line(line));
        let text = format!("#!/bin/sh\nexec taskset -c {SERVER_CORE} {} \"$@\"\n", executable.display());
        let script = setup.script("tower-on-one-core", &text);
        let tower = setup.executable(script).start();
        tower.wait_encoder("RUNNING", Duration::from_secs(20));
        let noise = Arc::new(material::noise(4, NOISE_TICKS));
        let station = Station::start(&tower.pcm_socket(), noise, Manner { looped: true, ..Manner::default() });
        tower.wait_source("station", Duration::from_secs(10));
        // By then a burst holds no frame of the tone before, which repeats itself.
        std::thread::sleep(Duration::from_secs(4));
        Self {
            address: tower.address,
            pid: tower.pid(),
            tower: Some(Arc::new(tower)),
            _trouble: None,
            _station: Some(station),
            _children: Vec::new(),
            _folder: None,
        }
    }

    /// From now on a title each 100 ms, an encoder killed each 2 s, and the station gone each other 3 s.
    pub(super) fn with_trouble(mut self) -> Self {
        let station = self._station.take();
        self._trouble = self.tower.as_ref().map(|tower| Trouble::begin(Arc::clone(tower), station));
        self
    }

    /// The bare send loop.
    pub(super) fn bare(load: &Path, period_ms: u64) -> Result<Self> {
        let core = SERVER_CORE.to_string();
        let arguments = ["--core", &core, "bare", "--period-ms", &period_ms.to_string()];
        let mut child = Command::new(load).args(arguments).stdout(Stdio::piped()).spawn().context("the bare loop")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the bare loop says {line:?}"))?;
        Ok(Self {
            address,
            pid: child.id(),
            tower: None,
            _trouble: None,
            _station: None,
            _children: vec![Ended(child)],
            _folder: None,
        })
    }

    /// Debian's Icecast, with the synthetic stream from a source client.
    pub(super) fn icecast(load: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join("icecast.xml");
        std::fs::write(&config, icecast_config(folder.path(), address.port()))?;
        // It refuses to run as root; a user that may write its log, then.
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0"));
        let mut command = Command::new("taskset");
        command.args(["-c", &SERVER_CORE.to_string()]);
        if root {
            let status = Command::new("chown").args(["-R", "nobody"]).arg(folder.path()).status()?;
            anyhow::ensure!(status.success(), "cannot give the configuration to the user nobody");
            command.args(["setpriv", "--reuid=nobody", "--clear-groups"]);
        }
        command.arg("icecast2").arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let child = Ended(command.spawn().context("cannot run icecast2: apt-get install icecast2")?);
        let pid = child.0.id();
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                bail!("icecast2 does not listen on {address}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let (core, to) = (LOAD_CORE.to_string(), address.to_string());
        let source = Command::new(load).args(["--core", &core, "source", "--to", &to]).spawn()?;
        let children = vec![Ended(source), child];
        std::thread::sleep(Duration::from_secs(2));
        Ok(Self {
            address,
            pid,
            tower: None,
            _trouble: None,
            _station: None,
            _children: children,
            _folder: Some(folder),
        })
    }

    /// What the tower says of its listeners and its clock.
    pub(super) fn status(&self) -> Option<Value> {
        let status = self.tower.as_ref()?.status();
        let [listeners, lateness, realtime] = ["listeners", "lateness_ms", "realtime"].map(|name| &status[name]);
        Some(json!({ "listeners": listeners, "lateness_ms": lateness, "realtime": realtime }))
    }
}

/// Two seconds of burst, as the tower gives; room for all; otherwise as Debian delivers it.
pub(in crate::bench) fn icecast_config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "<icecast>\
         <location>test</location><admin>test@localhost</admin><hostname>localhost</hostname>\
         <limits><clients>25000</clients><sources>2</sources><queue-size>524288</queue-size>\
         <client-timeout>30</client-timeout><header-timeout>15</header-timeout><source-timeout>10</source-timeout>\
         <burst-on-connect>1</burst-on-connect><burst-size>32000</burst-size></limits>\
         <authentication><source-password>hackme</source-password><relay-password>hackme</relay-password>\
         <admin-user>admin</admin-user><admin-password>hackme</admin-password></authentication>\
         <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>\
         <fileserve>0</fileserve>\
         <paths><basedir>/usr/share/icecast2</basedir><logdir>{folder}</logdir>\
         <webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot></paths>\
         <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>\
         <security><chroot>0</chroot></security></icecast>"
    )
}
