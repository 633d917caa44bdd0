//! The mounts for sources: who may connect, who is connected, and who has to leave.

use super::handshake::{self, Admission, Mount, Verdict};
use super::session::{self, SessionFigures};
use crate::config::{Config, Input, SecondSource};
use crate::http::auth::{Credentials, Given};
use crate::http::guesses::Guesses;
use crate::http::head::Head;
use crate::http::query::Query;
use crate::ingest::Inputs;
use crate::ingest::names::configured_id;
use crate::state::Tower;
use radio_signal::router::{InputId, Jitter, SourceId, SourceSpec};
use radio_signal::units::ticks_in_ms;
use serde_json::{Value, json};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Sources of one mount at the same time: the one that is heard, and those that have been told to leave.
const SOURCES_PER_MOUNT_MAX: usize = 4;
/// The longest lump in which audio arrives: Ogg pages hold a second, and a network adds to that.
const LUMP_TICKS: usize = 60;

/// All mounts for sources.
pub struct SourceDoors {
    doors: Vec<Arc<Door>>,
    /// Who has given wrong passwords.
    pub guesses: Guesses,
}

struct Door {
    input: Input,
    spec: SourceSpec,
    credentials: Credentials,
    holder: Mutex<Option<Holder>>,
    inputs: Arc<Inputs>,
}

/// The source that is connected to a mount.
struct Holder {
    id: SourceId,
    /// To end its connection.
    socket: TcpStream,
    address: SocketAddr,
    since: Instant,
    admission: Arc<Admission>,
    figures: Arc<SessionFigures>,
}

/// What becomes of a request at the front door.
pub enum Knock {
    /// Its socket is wanted: see [`SourceDoors::enter`].
    Enter {
        /// Which door.
        door: usize,
        /// On what terms.
        admission: Box<Admission>,
    },
    /// It gets this answer.
    Answer {
        /// The whole answer.
        bytes: Vec<u8>,
        /// Whether it may ask again on the same connection.
        stays: bool,
    },
}

impl SourceDoors {
    /// The doors of the configuration.
    #[must_use]
    pub fn new(config: &Config, inputs: &Arc<Inputs>) -> Self {
        let door = |(index, input): (usize, &Input)| {
            Arc::new(Door {
                input: input.clone(),
                spec: spec(configured_id(index), input),
                credentials: Credentials::new(&input.user, &input.password),
                holder: Mutex::new(None),
                inputs: Arc::clone(inputs),
            })
        };
        Self { doors: config.input.iter().enumerate().map(door).collect(), guesses: Guesses::default() }
    }

    /// Whether there is a door at `mount`.
    #[must_use]
    pub fn has(&self, mount: &str) -> bool {
        self.doors.iter().any(|door| door.input.mount == mount)
    }

    /// Who may go on air at `mount`, and tell what is on air there.
    #[must_use]
    pub fn source_credentials(&self, mount: &str) -> Option<&Credentials> {
        self.doors.iter().find(|door| door.input.mount == mount).map(|door| &door.credentials)
    }

    /// Whether a request that names a `mount` (or none) carries the password of that mount (or of any): for what a
    /// source may do besides going on air.
    #[must_use]
    pub fn admits(&self, head: &Head, address: IpAddr) -> bool {
        let query = Query::parse(head.query.as_bytes());
        let mount = query.text("mount").filter(|mount| !mount.is_empty());
        let meant = self.doors.iter().filter(|door| mount.is_none_or(|mount| door.input.mount == mount));
        let mut given = meant.map(|door| door.credentials.given(head));
        given.any(|given| given == Given::Right) && !self.guesses.must_wait(address, Instant::now())
    }

    /// The source that is connected to `mount`.
    #[must_use]
    pub fn connected(&self, mount: &str) -> Option<SourceId> {
        let door = self.doors.iter().find(|door| door.input.mount == mount)?;
        door.lock().as_ref().map(|holder| holder.id)
    }

    /// The number of the input at `mount`.
    #[must_use]
    pub fn input_at(&self, mount: &str) -> Option<InputId> {
        self.doors.iter().find(|door| door.input.mount == mount).map(|door| door.spec.input)
    }

    /// Decides on the request of a source.
    #[must_use]
    pub fn knock(&self, head: &Head, address: IpAddr) -> Knock {
        let now = Instant::now();
        let found = self.doors.iter().position(|door| door.input.mount == head.path);
        let mount = found.map(|index| &self.doors[index]).map(|door| Mount {
            credentials: &door.credentials,
            is_busy: door.input.second_source == SecondSource::Refuse && door.lock().is_some(),
            must_wait: self.guesses.must_wait(address, now),
        });
        match (handshake::decide(head, mount), found) {
            (Verdict::Admit(admission), Some(door)) => {
                self.guesses.note_right(address);
                Knock::Enter { door, admission }
            }
            (Verdict::Admit(_), None) => Knock::Answer { bytes: handshake::BUSY.to_source(false), stays: false },
            (Verdict::WrongPassword { bytes, stays }, _) => {
                self.guesses.note_wrong(address, now);
                tracing::warn!(%address, mount = %head.path, "a source gave a wrong password");
                Knock::Answer { bytes, stays }
            }
            (Verdict::Answer { bytes, stays }, _) => Knock::Answer { bytes, stays },
        }
    }

    /// Lets a source in: whoever is connected is ended, and a thread reads from `socket`.
    ///
    /// # Errors
    /// The socket, when there is no place for it.
    pub fn enter(
        &self,
        tower: &Arc<Tower>,
        door: usize,
        socket: TcpStream,
        address: SocketAddr,
        admission: Box<Admission>,
        beyond: Vec<u8>,
    ) -> Result<(), TcpStream> {
        let Some(door) = self.doors.get(door) else { return Err(socket) };
        door.enter(tower, socket, address, admission.into(), beyond)
    }

    /// Ends whoever is connected to `mount`; false if nobody is.
    pub fn end_source(&self, mount: &str) -> bool {
        let door = self.doors.iter().find(|door| door.input.mount == mount);
        door.is_some_and(|door| door.lock().as_ref().map(Holder::end).is_some())
    }

    /// For `/status`: who is connected to the door of this input; null for another kind of input.
    #[must_use]
    pub fn status(&self, id: InputId) -> Value {
        let door = self.doors.iter().find(|door| door.spec.input == id);
        door.map_or(Value::Null, |door| {
            json!({
                "mount": door.input.mount,
                "priority": door.input.priority,
                "connected": door.lock().as_ref().map(Holder::status),
            })
        })
    }
}

fn spec(input: InputId, config: &Input) -> SourceSpec {
    let when_full = crate::serve::when_full(config.when_full);
    SourceSpec {
        input,
        priority: config.priority,
        preroll_ticks: config.preroll_ticks,
        when_full,
        grace_ticks: config.grace_ms.map(ticks_in_ms),
        jitter: Jitter {
            settle_ticks: config.preroll_ticks as u64,
            lump_ticks: LUMP_TICKS.min(config.capacity_ticks / 2),
        },
    }
}

impl Door {
    fn lock(&self) -> MutexGuard<'_, Option<Holder>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(
        self: &Arc<Self>,
        tower: &Arc<Tower>,
        socket: TcpStream,
        address: SocketAddr,
        admission: Arc<Admission>,
        beyond: Vec<u8>,
    ) -> Result<(), TcpStream> {
        let mut holder = self.lock();
        if holder.is_some() && self.input.second_source == SecondSource::Refuse {
            return Err(socket);
        }
        let Ok(to_end) = socket.try_clone() else { return Err(socket) };
        let Some((id, writer)) = self.inputs.admit(self.spec, self.input.capacity_ticks, SOURCES_PER_MOUNT_MAX) else {
            return Err(socket);
        };
        let figures = Arc::new(SessionFigures::default());
        let (door, session) = (
            Arc::clone(self),
            Session {
                tower: Arc::clone(tower),
                id,
                address,
                admission: Arc::clone(&admission),
                figures: Arc::clone(&figures),
            },
        );
        let spawned = std::thread::Builder::new().name("source".into()).spawn(move || {
            session.tell(&door, &format!("connected{}", session.who()));
            let end = session::run(socket, beyond, &session.admission, &door.input, writer, &session.figures);
            door.left(id);
            session.tell(&door, &format!("left: {end}"));
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for a source; raise the limit of processes");
            self.inputs.left(id);
            return Ok(());
        }
        let newcomer = Holder { id, socket: to_end, address, since: Instant::now(), admission, figures };
        if let Some(before) = holder.replace(newcomer) {
            before.end();
        }
        Ok(())
    }

    fn left(&self, id: SourceId) {
        let mut holder = self.lock();
        if holder.as_ref().is_some_and(|holder| holder.id == id) {
            *holder = None;
        }
        self.inputs.left(id);
    }
}

/// What the thread of a source knows of it.
struct Session {
    tower: Arc<Tower>,
    id: SourceId,
    address: SocketAddr,
    admission: Arc<Admission>,
    figures: Arc<SessionFigures>,
}

impl Session {
    fn tell(&self, door: &Door, what: &str) {
        let text = format!("{}: source {} at {} {what}", door.input.name, self.id.producer, self.address);
        self.tower.journal.note(self.tower.figures.tick().unwrap_or(0), "source", text);
    }

    fn who(&self) -> String {
        let words = &self.admission.words;
        let agent = if words.agent.is_empty() { "unnamed program" } else { words.agent.as_str() };
        format!(" with {agent}, {}", words.content_type)
    }
}

impl Holder {
    fn end(&self) {
        self.figures.stop.store(true, Relaxed);
        let _already_closed = self.socket.shutdown(Shutdown::Both);
    }

    fn status(&self) -> Value {
        let (words, decoder) = (&self.admission.words, &self.figures.decoder);
        let sound = decoder.sound.get();
        json!({
            "id": self.id.producer,
            "address": self.address.to_string(),
            "user_agent": words.agent,
            "content_type": words.content_type,
            "name": words.name,
            "genre": words.genre,
            "description": words.description,
            "url": words.url,
            "codec": sound.map(|(codec, _)| codec),
            "rate_hz": sound.map(|(_, rate_hz)| rate_hz),
            "seconds": self.since.elapsed().as_secs_f64(),
            "bytes": self.figures.bytes.load(Relaxed),
            "bad_packets": decoder.bad_packets.load(Relaxed),
            "resyncs": decoder.resyncs.load(Relaxed),
        })
    }
}
