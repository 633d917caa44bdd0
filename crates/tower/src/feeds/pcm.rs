//! PCM over TCP or a Unix socket of its own, as it comes to the station's: no header, no password (SPEC IN-1 to IN-5, IN-7).

use crate::ingest::RunningInput;
use crate::ingest::{PcmSocket, producer};
use crate::source::spec;
use crate::state::Tower;
use anyhow::Context;
use radio_base::journal::event::Event;
use radio_config::{Input, InputKind, Pacing};
use radio_signal::ingest::{BufferWriter, DriftResampler};
use radio_signal::router::SourceId;
use serde_json::{Value, json};
use socket2::Socket;
use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Connections that come faster than they can be accepted are told to wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often a producer that has to leave is looked at, and how many times.
const LEAVING_PAUSE: Duration = Duration::from_millis(10);
const LEAVING_LOOKS: u32 = 50;

/// What listens for producers.
pub enum Listening {
    /// At an address.
    Tcp(TcpListener),
    /// At a path, whose file goes with it.
    Unix(PcmSocket),
}

/// An open door; closed, with all who came through it, when dropped.
pub struct PcmDoor {
    address: Option<String>,
    connected: Connected,
    accepting: JoinHandle<()>,
    /// The file of a Unix socket.
    _file: Option<PcmSocket>,
}

/// Who is connected.
type Connected = Arc<Mutex<Vec<Peer>>>;

struct Peer {
    id: SourceId,
    /// None at a Unix socket, where nobody has one.
    address: Option<String>,
    /// To end it.
    socket: Socket,
    /// Whether it has sent any PCM.
    has_spoken: Arc<AtomicBool>,
}

/// A socket of which is noted that something came.
struct Heard<R>(R, Arc<AtomicBool>);

impl<R: Read> Read for Heard<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(bytes)?;
        if count > 0 {
            self.1.store(true, Relaxed);
        }
        Ok(count)
    }
}

/// Listens where `input` says.
///
/// # Errors
/// The address or path is taken, or cannot be had.
pub fn listen(input: &Input) -> anyhow::Result<Listening> {
    if input.kind == InputKind::PcmUnix {
        let socket = PcmSocket::bind(&input.socket, PcmSocket::PCM_MODE);
        return socket.map(Listening::Unix).with_context(|| format!("the input \"{}\" has no socket", input.name));
    }
    let listener = TcpListener::bind(input.address).with_context(|| {
        format!("cannot listen on {} for the input \"{}\": choose another `address`", input.address, input.name)
    })?;
    listener.set_nonblocking(true)?;
    Ok(Listening::Tcp(listener))
}

impl PcmDoor {
    /// Lets producers of the input of this name in.
    pub fn open(tower: &Arc<Tower>, name: &str, listening: Listening) -> Self {
        let (tower, name, connected) = (Arc::clone(tower), name.to_owned(), Connected::default());
        let who = Arc::clone(&connected);
        match listening {
            Listening::Tcp(listener) => {
                let address = listener.local_addr().ok().map(|address| address.to_string());
                let accepting = tokio::spawn(async move {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                    loop {
                        let accepted = listener.accept().await;
                        let accepted = accepted.and_then(|(stream, peer)| Ok((stream.into_std()?.into(), peer)));
                        let accepted = accepted.map(|(socket, peer)| (socket, Some(peer.to_string())));
                        take(&tower, &name, accepted, &who).await;
                    }
                });
                Self { address, connected, accepting, _file: None }
            }
            Listening::Unix(file) => {
                let (address, listener) = (file.path().map(|path| path.display().to_string()), file.acceptor());
                let accepting = tokio::spawn(async move {
                    let Ok(mut listener) = listener else { return };
                    loop {
                        let accepted = listener.accept(|event| tower.note(event)).await;
                        let accepted = accepted.and_then(|stream| Ok((stream.into_std()?.into(), None)));
                        take(&tower, &name, accepted, &who).await;
                    }
                });
                Self { address, connected, accepting, _file: Some(file) }
            }
        }
    }
}

impl RunningInput for PcmDoor {
    fn status(&self) -> Value {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = |peer: &Peer| json!({ "id": peer.id.producer, "address": peer.address });
        json!({ "address": self.address, "connected": connected.iter().map(peer).collect::<Vec<_>>() })
    }
}

impl Drop for PcmDoor {
    fn drop(&mut self) {
        self.accepting.abort();
        for peer in self.connected.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _already_closed = peer.socket.shutdown(Shutdown::Both);
        }
    }
}

async fn take(
    tower: &Arc<Tower>,
    name: &str,
    accepted: std::io::Result<(Socket, Option<String>)>,
    connected: &Connected,
) {
    match accepted {
        Ok((socket, address)) => {
            make_room(tower, name, connected).await;
            if let Err(why) = enter(tower, name, socket, address.clone(), connected) {
                let (input, why) = (name.to_owned(), format!("{why:#}"));
                note(tower, Event::ProducerRefused { input, address, why });
            }
        }
        Err(error) => {
            tracing::warn!(%error, input = name, "a PCM producer could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Where all places are taken, the producer that has been silent for longest since it connected
/// gives its place up.
async fn make_room(tower: &Tower, name: &str, connected: &Connected) {
    let setup = tower.setup();
    let Some(input) = setup.config.input.iter().find(|input| input.name == name) else { return };
    let is_full = || {
        let connected = connected.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = connected.iter().find(|peer| !peer.has_spoken.load(Relaxed));
        let is_full = connected.len() >= input.producers_max;
        if let Some(silent) = silent.filter(|_| is_full) {
            let _already_closed = silent.socket.shutdown(Shutdown::Both);
        }
        is_full && silent.is_some()
    };
    // Its thread sees the end at once, and leaves.
    for _ in 0..LEAVING_LOOKS {
        if !is_full() {
            return;
        }
        tokio::time::sleep(LEAVING_PAUSE).await;
    }
}

fn enter(
    tower: &Arc<Tower>,
    name: &str,
    socket: Socket,
    address: Option<String>,
    connected: &Connected,
) -> anyhow::Result<()> {
    let setup = tower.setup();
    let is_this = |input: &&Input| input.name == name && input.kind.is_pcm();
    let input = setup.config.input.iter().find(is_this).context("its input is gone")?.clone();
    let number = setup.input_names.id(name).context("its input is gone")?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(Duration::from_millis(input.timeout_ms)))?;
    let to_end = socket.try_clone()?;
    let (id, writer) = tower
        .inputs
        .admit(spec::of(number, &input), input.capacity_ticks, input.producers_max)
        .context("as many as its `producers_max` allows are connected")?;
    let has_spoken = Arc::<AtomicBool>::default();
    let peer = Peer { id, address: address.clone(), socket: to_end, has_spoken: Arc::clone(&has_spoken) };
    connected.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
    let producer = Producer { tower: Arc::clone(tower), id, address, input, connected: Arc::clone(connected) };
    let run = move || producer.run(Heard(socket, has_spoken), writer);
    let spawned = std::thread::Builder::new().name("producer".into()).spawn(run);
    // What could not be spawned is dropped, and has left.
    spawned.map(drop).context("there is no thread for it; raise the limit of processes")
}

/// One that is connected; it has left when this is dropped.
struct Producer {
    tower: Arc<Tower>,
    id: SourceId,
    /// None on this machine.
    address: Option<String>,
    input: Input,
    connected: Connected,
}

impl Producer {
    fn run(self, socket: Heard<Socket>, writer: BufferWriter) {
        let (input, source, address) = (self.input.name.clone(), self.id.producer, self.address.clone());
        let connected = Event::ProducerConnected { input: input.clone(), source, address: address.clone() };
        note(&self.tower, connected);
        let follows = self.input.pacing() == Pacing::Resample;
        // Held at the fill that it has: a pre-roll shorter than its lumps would drain what it needs
        // between them.
        let resampler = follows.then(DriftResampler::measuring);
        let dropped_frames = producer::receive(&self.input.name, socket, writer, self.input.when_full, resampler);
        note(&self.tower, Event::ProducerLeft { input, source, address, dropped_frames });
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).retain(|peer| peer.id != self.id);
        self.tower.inputs.left(self.id);
    }
}

fn note(tower: &Tower, event: Event) {
    tower.note(event);
}
