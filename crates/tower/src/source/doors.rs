//! The mounts for sources: who may connect, who is connected, and who has to leave.

use super::child::ChildSettings;
use super::claim::{Claim, TitleTarget};
use super::handshake::{self, Admission, Mount, Verdict};
use super::holder::{Holder, Tenure};
use super::host::SourceHost;
use super::session::{self, SessionFigures, Terms};
use super::spec;
use crate::auth::credentials::{Credentials, Given, claimed_name};
use crate::auth::guesses::{Guesses, UNNAMED};
use crate::ingest::Inputs;
use crate::ingest::names::InputNames;
use crate::request::head::Head;
use base64::Engine;
use radio_base::journal::event::{Event, SessionEnd};
use radio_base::text::cleaned;
use radio_config::{Config, Input, InputKind, SecondSource, WhenFull};
use radio_decode::board::Board;
use radio_signal::router::{InputId, SourceId, SourceSpec};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Sources of one mount at the same time: the one that is heard, and those that have been told to leave.
const SOURCES_PER_MOUNT_MAX: usize = 4;

/// Given as password by libshout, each time before the real one, to see what kind of server answers.
const POKE: &str = "!POKE";

/// All mounts for sources.
pub struct SourceDoors {
    pub(super) doors: Vec<Arc<Door>>,
    /// Who has given wrong passwords.
    pub guesses: Arc<Guesses>,
}

/// A mount for sources.
pub struct Door {
    pub(super) input: Input,
    spec: SourceSpec,
    pub(super) credentials: Credentials,
    children: ChildSettings,
    /// Stays with the input when its configuration changes.
    tenure: Arc<Mutex<Tenure>>,
    inputs: Arc<Inputs>,
}

/// What becomes of a request at the front door.
pub enum Knock {
    /// Its socket is wanted: see [`Door::enter`].
    Enter {
        /// Which door.
        door: Arc<Door>,
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

/// What a source that gave nothing but a password would have said to the door which that password opens.
pub struct Pass {
    /// Where.
    pub mount: String,
    /// The header with its credentials.
    pub authorization: String,
}

impl SourceDoors {
    /// The mounts of the configuration, whose inputs are called `names`. A source that is connected to a mount `before`
    /// stays connected, if there is still an input of that name.
    #[must_use]
    pub fn new(
        config: &Config,
        names: &InputNames,
        (inputs, board): (&Arc<Inputs>, &Arc<Board>),
        before: Option<&Self>,
    ) -> Self {
        let door = |input: &Input| {
            let same = |before: &&Arc<Door>| before.input.name == input.name;
            let before = before.and_then(|before| before.doors.iter().find(same));
            Some(Arc::new(Door {
                input: input.clone(),
                spec: spec::of(names.id(&input.name)?, input),
                credentials: Credentials::new(&input.user, &input.password),
                children: ChildSettings::from_config(&config.encoder, board),
                tenure: before.map(|before| Arc::clone(&before.tenure)).unwrap_or_default(),
                inputs: Arc::clone(inputs),
            }))
        };
        let guesses = before.map(|before| Arc::clone(&before.guesses)).unwrap_or_default();
        let mounts = config.input.iter().filter(|input| input.kind == InputKind::Icecast);
        Self { doors: mounts.filter_map(door).collect(), guesses }
    }

    /// Ends the sources whose input is not among those of `now`.
    pub fn end_those_not_in(&self, now: &Self) {
        let is_gone = |door: &&Arc<Door>| !now.doors.iter().any(|other| other.input.name == door.input.name);
        for door in self.doors.iter().filter(is_gone) {
            door.lock().holder.iter().for_each(Holder::end);
        }
    }

    /// Whether there is a door at `mount`.
    #[must_use]
    pub fn has(&self, mount: &str) -> bool {
        self.doors.iter().any(|door| door.input.mount == mount)
    }

    /// The way in for a source that names no mount, as those of Shoutcast: the first door with this password. `None` if
    /// there is none, or `address` has to wait.
    pub fn by_password(&self, password: &str, address: IpAddr) -> Option<Pass> {
        let now = Instant::now();
        // A probe is no guess, so it must cost nothing: no hash is computed for it.
        if password == POKE || self.guesses.must_wait(address, UNNAMED, now) {
            return None;
        }
        let door = match self.opened_by(password) {
            Ok(door) => door,
            Err(why) => {
                if why != Given::Busy {
                    self.guesses.note_wrong(address, UNNAMED, now);
                    tracing::warn!(%address, "a Shoutcast source gave a wrong password");
                }
                return None;
            }
        };
        Some(Pass { mount: door.input.mount.clone(), authorization: authorization(&door.input.user, password) })
    }

    /// The first door with this password, or why there is none.
    fn opened_by(&self, password: &str) -> Result<&Arc<Door>, Given> {
        let mut why = Given::Wrong;
        for door in &self.doors {
            match door.credentials.given_password(password) {
                Given::Right => return Ok(door),
                Given::Busy => why = Given::Busy,
                Given::Wrong | Given::Nothing => {}
            }
        }
        Err(why)
    }

    /// The source that is connected to `mount`.
    #[must_use]
    pub fn connected(&self, mount: &str) -> Option<SourceId> {
        self.doors.iter().find(|door| door.input.mount == mount)?.connected()
    }

    /// The number of the input at `mount`.
    #[must_use]
    pub fn input_at(&self, mount: &str) -> Option<InputId> {
        self.doors.iter().find(|door| door.input.mount == mount).map(|door| door.spec.input)
    }

    /// Decides on the request of a source.
    #[must_use]
    pub fn knock(&self, head: &Head, address: IpAddr) -> Knock {
        let (now, user) = (Instant::now(), claimed_name(&head.authorization));
        let found = self.doors.iter().find(|door| door.input.mount == head.path);
        let mount = found.map(|door| Mount {
            credentials: &door.credentials,
            is_busy: door.is_busy(now),
            must_wait: self.guesses.must_wait(address, &user, now),
        });
        let verdict = match mount {
            None if !self.doors.is_empty() => self.decide_without_mount(head, address, &user),
            mount => handshake::decide(head, mount),
        };
        // A right password forgives no wrong ones: all sources have the same user name, so the password of one mount
        // would make guesses at those of the others free.
        match (verdict, found) {
            (Verdict::Admit(admission), Some(door)) => Knock::Enter { door: Arc::clone(door), admission },
            (Verdict::Admit(_), None) => Knock::Answer { bytes: handshake::BUSY.to_source(false), stays: false },
            (Verdict::WrongPassword { bytes, stays }, _) => {
                self.guesses.note_wrong(address, &user, now);
                tracing::warn!(%address, mount = %cleaned(&head.path), "a source gave a wrong password");
                Knock::Answer { bytes, stays }
            }
            (Verdict::Answer { bytes, stays }, _) => Knock::Answer { bytes, stays },
        }
    }

    /// Decides on a source that names a mount at which none can connect: told of the right one if
    /// its password is that of one, and else no more than at any mount.
    fn decide_without_mount(&self, head: &Head, address: IpAddr, user: &str) -> Verdict {
        if self.guesses.must_wait(address, user, Instant::now()) {
            return handshake::must_wait();
        }
        match self.source_of(Claim::Header(&head.authorization), Some(&head.path)) {
            Ok(TitleTarget::NoSuchMount(mounts)) => {
                tracing::warn!(%address, mount = %cleaned(&head.path), right = %mounts.join(", "), "a source names a wrong mount");
                handshake::wrong_mount_answer(head, &mounts)
            }
            Err(Given::Busy) => handshake::must_wait(),
            Ok(_) | Err(_) => handshake::unauthorized(head),
        }
    }

    /// Ends whoever is connected to `mount`; false if nobody is.
    pub fn end_source(&self, mount: &str) -> bool {
        let door = self.doors.iter().find(|door| door.input.mount == mount);
        door.is_some_and(|door| door.lock().holder.as_ref().map(Holder::end).is_some())
    }

    /// For `/status`: who is connected to the door of this input; null for another kind of input.
    #[must_use]
    pub fn status(&self, id: InputId) -> Value {
        let door = self.doors.iter().find(|door| door.spec.input == id);
        door.map_or(Value::Null, |door| {
            json!({
                "mount": door.input.mount,
                "priority": door.input.priority(),
                "connected": door.lock().holder.as_ref().map(Holder::status),
            })
        })
    }
}

/// A header line, whatever the password holds.
fn authorization(user: &str, password: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {encoded}")
}

impl Door {
    fn lock(&self) -> MutexGuard<'_, Tenure> {
        self.tenure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The source that is connected.
    pub(super) fn connected(&self) -> Option<SourceId> {
        self.lock().holder.as_ref().map(|holder| holder.id)
    }

    /// Whether a source that comes `now` is told that the mount is in use.
    fn is_busy(&self, now: Instant) -> bool {
        self.refuses_another(&mut self.lock(), now)
    }

    /// Whether the source that is connected would come back if another took its place. One that is
    /// slowed down sends files: the end of its connection is behind what waits to be read.
    fn is_rival(&self, holder: &Holder) -> bool {
        self.input.when_full == WhenFull::Drop && holder.is_connected()
    }

    fn refuses_another(&self, tenure: &mut Tenure, now: Instant) -> bool {
        let Some(holder) = &tenure.holder else { return false };
        match self.input.second_source {
            SecondSource::Refuse => true,
            SecondSource::Takeover => self.is_rival(holder) && tenure.takeovers.refuses(now),
        }
    }

    /// Lets a source in: whoever is connected is ended, and a thread reads from `socket`.
    ///
    /// # Errors
    /// The socket, when there is no place for it.
    pub fn enter(
        self: &Arc<Self>,
        host: Arc<dyn SourceHost>,
        socket: TcpStream,
        address: SocketAddr,
        admission: Box<Admission>,
        beyond: Vec<u8>,
    ) -> Result<(), TcpStream> {
        let admission: Arc<Admission> = admission.into();
        let mut tenure = self.lock();
        if self.refuses_another(&mut tenure, Instant::now()) {
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
                host: Arc::clone(&host),
                id,
                address,
                admission: Arc::clone(&admission),
                figures: Arc::clone(&figures),
            },
        );
        let spawned = std::thread::Builder::new().name("source".into()).spawn(move || {
            session.connected(&door);
            let terms = Terms { admission: &session.admission, input: &door.input, children: &door.children };
            let heard_by = Arc::clone(&session.host);
            let heard = move |title| heard_by.title_arrives(id, title);
            let leaving = Leaving { door: &door, id };
            let end = session::run(socket, beyond, terms, writer, &session.figures, heard);
            drop(leaving);
            session.left(&door, end);
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for a source; raise the limit of processes");
            self.inputs.left(id);
            return Ok(());
        }
        let newcomer = Holder { id, socket: to_end, address, since: Instant::now(), admission, figures };
        let program = newcomer.program();
        if let Some(before) = tenure.holder.replace(newcomer) {
            let is_rival = self.is_rival(&before);
            before.end();
            let count = if is_rival { tenure.takeovers.note(Instant::now()) } else { 0 };
            if count > 1 {
                let (input, before) = (self.input.name.clone(), before.program());
                let event = Event::SourceTakeovers { input, program, before, count };
                tracing::warn!("{event}");
                host.note(event);
            }
        }
        Ok(())
    }

    fn left(&self, id: SourceId) {
        let holder = &mut self.lock().holder;
        if holder.as_ref().is_some_and(|holder| holder.id == id) {
            *holder = None;
        }
        self.inputs.left(id);
    }
}

/// When this goes, the source has left: also by a panic, which must not leave its mount taken.
struct Leaving<'a> {
    door: &'a Door,
    id: SourceId,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.door.left(self.id);
    }
}

/// What the thread of a source knows of it.
struct Session {
    host: Arc<dyn SourceHost>,
    id: SourceId,
    address: SocketAddr,
    admission: Arc<Admission>,
    figures: Arc<SessionFigures>,
}

impl Session {
    fn connected(&self, door: &Door) {
        let words = &self.admission.words;
        let (program, content_type) = (words.agent.clone(), words.content_type.clone());
        let (source, address) = (self.id.producer, self.address.to_string());
        self.note(Event::SourceConnected { input: door.input.name.clone(), source, address, program, content_type });
    }

    fn left(&self, door: &Door, end: SessionEnd) {
        let (source, address) = (self.id.producer, self.address.to_string());
        self.note(Event::SourceLeft { input: door.input.name.clone(), source, address, end });
    }

    fn note(&self, event: Event) {
        self.host.note(event);
    }
}
