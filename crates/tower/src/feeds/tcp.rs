//! PCM over TCP, as it comes to the station's socket: no header, no password (SPEC IN-2 to IN-5, IN-7).

use crate::config::{Input, InputKind, Pacing};
use crate::ingest::producer;
use crate::source::doors;
use crate::state::Tower;
use anyhow::Context;
use radio_signal::ingest::{BufferWriter, DriftResampler};
use radio_signal::router::SourceId;
use serde_json::{Value, json};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Connections that come faster than they can be accepted are told to wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// An open door; closed, with all who came through it, when dropped.
pub struct PcmDoor {
    address: Option<SocketAddr>,
    connected: Connected,
    accepting: JoinHandle<()>,
}

/// Who is connected, to be ended.
type Connected = Arc<Mutex<Vec<(SourceId, TcpStream)>>>;

/// Listens where `input` says.
///
/// # Errors
/// The address is taken, or is none of this machine's.
pub fn listen(input: &Input) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(input.address).with_context(|| {
        format!("cannot listen on {} for the input \"{}\": choose another `address`", input.address, input.name)
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl PcmDoor {
    /// Lets producers of the input of this name in.
    pub fn open(tower: &Arc<Tower>, name: &str, listener: TcpListener) -> Self {
        let (address, connected) = (listener.local_addr().ok(), Connected::default());
        let accepting = tokio::spawn(accept(Arc::clone(tower), name.to_owned(), listener, Arc::clone(&connected)));
        Self { address, connected, accepting }
    }

    /// For `/status`.
    pub fn status(&self) -> Value {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = |(id, stream): &(SourceId, TcpStream)| json!({ "id": id.producer, "address": stream.peer_addr().ok().map(|address| address.to_string()) });
        json!({
            "address": self.address.map(|address| address.to_string()),
            "connected": connected.iter().map(peer).collect::<Vec<_>>(),
        })
    }
}

impl Drop for PcmDoor {
    fn drop(&mut self) {
        self.accepting.abort();
        for (_, stream) in self.connected.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _already_closed = stream.shutdown(Shutdown::Both);
        }
    }
}

async fn accept(tower: Arc<Tower>, name: String, listener: TcpListener, connected: Connected) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if let Err(why) = enter(&tower, &name, stream, address, &connected) {
                    tell(&tower, format!("{name}: a producer at {address} is refused: {why:#}"));
                }
            }
            Err(error) => {
                tracing::warn!(%error, input = name, "a PCM producer could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn enter(
    tower: &Arc<Tower>,
    name: &str,
    stream: tokio::net::TcpStream,
    address: SocketAddr,
    connected: &Connected,
) -> anyhow::Result<()> {
    let setup = tower.setup();
    let is_this = |input: &&Input| input.name == name && input.kind == InputKind::PcmTcp;
    let input = setup.config.input.iter().find(is_this).context("its input is gone")?.clone();
    let number = setup.input_names.id(name).context("its input is gone")?;
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(input.timeout_ms)))?;
    let to_end = stream.try_clone()?;
    let (id, writer) = tower
        .inputs
        .admit(doors::spec(number, &input), input.capacity_ticks, input.producers_max)
        .context("as many as its `producers_max` allows are connected")?;
    connected.lock().unwrap_or_else(PoisonError::into_inner).push((id, to_end));
    let producer = Producer { tower: Arc::clone(tower), id, address, input, connected: Arc::clone(connected) };
    let spawned = std::thread::Builder::new().name("producer".into()).spawn(move || producer.run(stream, writer));
    // What could not be spawned is dropped, and has left.
    spawned.map(drop).context("there is no thread for it; raise the limit of processes")
}

/// One that is connected; it has left when this is dropped.
struct Producer {
    tower: Arc<Tower>,
    id: SourceId,
    address: SocketAddr,
    input: Input,
    connected: Connected,
}

impl Producer {
    fn run(self, stream: TcpStream, writer: BufferWriter) {
        let (name, id, address) = (&self.input.name, self.id.producer, self.address);
        tell(&self.tower, format!("{name}: producer {id} at {address} connected"));
        let follows = self.input.pacing == Pacing::Resample;
        let resampler = follows.then(|| DriftResampler::new(self.input.preroll_ticks.max(2)));
        let dropped = producer::receive(stream, writer, self.input.when_full, resampler);
        tell(&self.tower, format!("{name}: producer {id} at {address} left; {dropped} frames were dropped"));
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _)| *id != self.id);
        self.tower.inputs.left(self.id);
    }
}

fn tell(tower: &Tower, text: String) {
    tower.journal.note(tower.figures.tick().unwrap_or(0), "source", text);
}
