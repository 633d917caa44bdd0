//! The front door: reads the head of each connection and decides whose it is. A stream's socket leaves for the fan-out
//! engine; everything else is given to the API, head and all.

use super::admission;
use super::api::Reader;
use super::playlists;
use super::routes::{self, Class, Found};
use super::stream::{self, Asker};
use crate::auth::credentials;
use crate::auth::foreign;
use crate::auth::who::Who;
use crate::http::answer::Peer;
use crate::http::passage::Passage;
use crate::request::framing;
use crate::request::head::{self, FOREIGN, FULL, HEAD_TIME_MAX, Head, METHOD_NOT_ALLOWED, NOT_FOUND, UNAUTHORIZED};
use crate::request::origin::MISDIRECTED;
use crate::request::origin::{self, Origin};
use crate::request::refusal::Refusal;
use crate::request::rewind::Rewind;
use crate::request::waiting::{Ticket, WaitingRoom};
use crate::setup::OutputState;
use crate::source::doors::{Door, Knock};
use crate::source::handshake::{self, Admission, BUSY, is_source_method};
use crate::state::Tower;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Requests on one connection: a source that begins with a question or two, and those that come without a body.
const REQUESTS_MAX: usize = 8;
/// All requests of one connection but the last must be answered within this time.
const QUESTIONS_TIME_MAX: Duration = Duration::from_secs(20);
/// An API request must be answered, and the answer taken, within this time.
const API_TIME_MAX: Duration = Duration::from_secs(30);
/// A reload may take longer: an output that is replaced is heard once its encoder has filled the burst.
const RELOAD_TIME_MAX: Duration = Duration::from_secs(180);
/// What the kernel may hold for a subscriber of events.
const EVENTS_SNDBUF_BYTES: usize = 32 * 1024;
/// What a refused client may still send.
const LINGER_BYTES_MAX: u64 = 256 * 1024;
/// How long a refusal may take to leave.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(2);

/// As [`origin::welcome`], by the configuration in force. A connection does not keep that configuration, which would
/// keep the outputs of before a reload for as long as the connection lasts.
pub(super) async fn client_of(
    socket: &mut TcpStream,
    peer: SocketAddr,
    tower: &Tower,
    ticket: &Ticket,
    until: Instant,
) -> Option<SocketAddr> {
    let setup = tower.setup();
    let owed = (&setup.config.server, &tower.refused_proxy_headers);
    origin::welcome(socket, peer, owed, ticket, until).await
}

/// Accepts connections until the task is dropped.
pub async fn serve(listener: TcpListener, tower: Arc<Tower>, api: axum::Router) {
    let room = WaitingRoom::new(tower.open_files.room_at_the_door(tower.fanout.listeners_max() as u64));
    let mut is_failing = false;
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                is_failing = false;
                let (tower, api) = (Arc::clone(&tower), api.clone());
                // Where all places are taken by requests that are being answered, the rest waits in
                // the kernel's backlog.
                let ticket = Arc::new(room.enter(address.ip()).await);
                tokio::spawn(async move {
                    let (mut socket, until) = (socket, Instant::now() + HEAD_TIME_MAX);
                    let is_local = is_loopback(address);
                    if let Some(address) = client_of(&mut socket, address, &tower, &ticket, until).await {
                        let reached = socket.local_addr().ok();
                        let visitor = Visitor { address, is_local, reached, passage: None, ticket, until };
                        receive(socket, visitor, &tower, api).await;
                    }
                });
            }
            Err(error) => {
                // Without files the rest waits in the kernel's backlog. Said once, until it is better.
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(%error, "connections cannot be accepted; if there are too many open files, raise LimitNOFILE");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Who has come, and how.
#[derive(Clone)]
pub struct Visitor {
    /// From where, as far as a PROXY header says.
    pub address: SocketAddr,
    /// Whether the connection itself comes from this machine.
    pub is_local: bool,
    /// The tower's own address at which the connection arrived.
    pub reached: Option<SocketAddr>,
    /// Through the door of TLS.
    pub passage: Option<Arc<Passage>>,
    /// Its place while its request is not complete.
    pub ticket: Arc<Ticket>,
    /// Its first request must be complete by then.
    pub until: Instant,
}

impl Visitor {
    /// Whether there is a place for one more that stays. Of the plain ones, the fan-out keeps count.
    fn may_stay(&self) -> bool {
        self.passage.as_ref().is_none_or(|passage| passage.sit_down())
    }
}

/// Whether a connection from there comes from this machine.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Answers whoever is at the other end of `socket`, or leads him where he wants to go.
pub async fn receive(mut socket: TcpStream, visitor: Visitor, tower: &Arc<Tower>, api: axum::Router) {
    let (mut beyond, mut until, ticket) = (Vec::new(), visitor.until, Arc::clone(&visitor.ticket));
    let last = Instant::now() + QUESTIONS_TIME_MAX;
    for _ in 0..REQUESTS_MAX {
        let head = tokio::select! {
            head = head::read_after(beyond, &mut socket, until) => head,
            () = ticket.asked_to_go() => return,
        };
        ticket.is_served();
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(refusal) => {
                ticket.waits_for_client(visitor.address.ip());
                return until_asked(&ticket, refuse(socket, refusal)).await;
            }
        };
        let mut origin = Origin::of(&head, visitor.address, &tower.setup().config.server);
        origin.is_https |= visitor.passage.is_some();
        origin.reached = visitor.reached;
        let destination = Destination::of(&head, &origin, visitor.is_local, tower);
        admission::tell_of_guesses(tower, origin.address.ip());
        match destination {
            Destination::AskAgain(bytes) => {
                if !matches!(tokio::time::timeout(REFUSAL_TIME_MAX, socket.write_all(&bytes)).await, Ok(Ok(()))) {
                    return;
                }
                beyond = head.beyond().to_vec();
                until = last.min(Instant::now() + HEAD_TIME_MAX);
                ticket.waits_again(origin.address.ip());
            }
            destination => {
                let answer = serve_one(socket, (visitor, origin), head, destination, tower, api);
                return until_asked(&ticket, answer).await;
            }
        }
    }
}

/// Serves until another connection needs the place; only one whose answer waits for the client is
/// asked for it.
async fn until_asked(ticket: &Ticket, served: impl Future<Output = ()>) {
    tokio::select! {
        () = served => {}
        () = ticket.asked_to_go() => {}
    }
}

async fn serve_one(
    socket: TcpStream,
    (visitor, origin): (Visitor, Origin),
    head: Head,
    destination: Destination,
    tower: &Arc<Tower>,
    api: axum::Router,
) {
    let address = origin.address;
    // The connection may outlive its place: as a listener's, or that of a subscriber.
    let (place, client) = (Arc::downgrade(&visitor.ticket), address.ip());
    let waits = move || {
        if let Some(ticket) = place.upgrade() {
            ticket.waits_for_client(client);
        }
    };
    match destination {
        Destination::AskAgain(bytes) | Destination::Answer(bytes) => {
            waits();
            answer(socket, &bytes).await;
        }
        Destination::Api(who) => {
            let is_endless = head.path == routes::EVENTS;
            if is_endless || head.path == routes::STATION_EVENTS {
                // A small send buffer: bytes that wait in the kernel hide that the client takes nothing.
                let _ = SockRef::from(&socket).set_send_buffer_size(EVENTS_SNDBUF_BYTES);
            }
            let reader = if is_endless { Reader::Stays } else { Reader::Takes };
            let stream = Rewind::new(head.bytes, socket, waits);
            let connection = super::api::serve_connection(stream, api, who, Some(Peer(origin)), reader);
            if is_endless {
                connection.await;
            } else {
                let time_max = if head.path == routes::RELOAD { RELOAD_TIME_MAX } else { API_TIME_MAX };
                let _ = tokio::time::timeout(time_max, connection).await;
            }
        }
        Destination::Refuse(refusal) => {
            waits();
            refuse(socket, refusal).await;
        }
        _ if !visitor.may_stay() => {
            waits();
            refuse(socket, FULL).await;
        }
        Destination::Output(output) => {
            let Ok(socket) = socket.into_std() else { return };
            let joined = stream::join_output(tower, &output, Asker { socket, address, head });
            waits();
            refuse_std(joined).await;
        }
        Destination::Monitor => {
            let Ok(socket) = socket.into_std() else { return };
            let joined = stream::join_monitor(tower, Asker { socket, address, head });
            waits();
            refuse_std(joined).await;
        }
        Destination::Source { door, admission } => {
            let Ok(socket) = socket.into_std() else { return };
            let beyond = head.beyond().to_vec();
            let entered = door.enter(Arc::<Tower>::clone(tower), socket, address, admission, beyond);
            if let Err(Ok(socket)) = entered.map_err(TcpStream::from_std) {
                waits();
                answer(socket, &BUSY.to_source(false)).await;
            }
        }
    }
}

/// Whose connection it is.
enum Destination {
    /// And who asks, if he has been let in.
    Api(Option<Who>),
    Output(Arc<OutputState>),
    Monitor,
    Source {
        door: Arc<Door>,
        admission: Box<Admission>,
    },
    Answer(Vec<u8>),
    /// An answer after which the same connection may ask again, as programs of sources do.
    AskAgain(Vec<u8>),
    Refuse(Refusal),
}

impl Destination {
    fn of(head: &Head, origin: &Origin, is_local: bool, tower: &Tower) -> Self {
        let address = origin.address;
        let setup = tower.setup();
        let output = setup.output_at(&head.path);
        let found = routes::find(&head.path, &head.method);
        let is_nothing = output.is_none() && found == Found::Nothing;
        // Before any password is looked at: a wrong one must not be laid at the operator's door either.
        if is_of_another_site(head, origin, &found) {
            return Self::Answer(FOREIGN.to_json());
        }
        let may_be_a_source = setup.source_doors.has(&head.path) || is_nothing || output.is_some();
        if is_source_method(&head.method) && may_be_a_source {
            return match setup.source_doors.knock(head, address.ip()) {
                Knock::Enter { door, admission } => Self::Source { door, admission },
                Knock::Answer { bytes, stays: true } => Self::AskAgain(bytes),
                Knock::Answer { bytes, stays: false } => Self::Answer(bytes),
            };
        }
        if head.method == "OPTIONS" && is_nothing && (head.path == "*" || setup.source_doors.has(&head.path)) {
            let stays = framing::allows_another(head);
            let answer = handshake::options_answer(stays);
            return if stays { Self::AskAgain(answer) } else { Self::Answer(answer) };
        }
        if let Some(output) = output {
            if matches!(head.method.as_str(), "GET" | "HEAD")
                && let Some(refusal) = admission::listener_refused(&setup, output, head, address.ip())
            {
                return Self::Refuse(refusal);
            }
            return match head.method.as_str() {
                "GET" => Self::Output(Arc::clone(output)),
                "HEAD" => {
                    let frame = output.mount.frames().end;
                    Self::Answer(stream::output_head(tower, output, head, frame))
                }
                "OPTIONS" => Self::Answer(stream::options_answer(&["GET", "HEAD"])),
                _ => Self::Refuse(METHOD_NOT_ALLOWED),
            };
        }
        if is_nothing && let Some(playlist) = playlists::answer(tower, head, origin) {
            return Self::Answer(playlist);
        }
        match found {
            Found::Nothing => Self::Refuse(NOT_FOUND),
            Found::OtherMethods(methods) if head.method == "OPTIONS" => Self::Answer(stream::options_answer(&methods)),
            Found::OtherMethods(methods) => Self::Answer(head::method_not_allowed(&methods)),
            Found::Route(_)
                if [routes::METADATA, routes::CGI].contains(&head.path.as_str())
                    && setup.source_doors.admits(head, address.ip()) =>
            {
                Self::Api(None)
            }
            Found::Route(route)
                if route.class == Class::Station && admission::is_station_open(&setup, head, is_local) =>
            {
                if origin.is_own_host { Self::Api(None) } else { Self::not_admitted(head, MISDIRECTED) }
            }
            Found::Route(route) if route.class != Class::Public => {
                match admission::admit(tower, route, head, origin) {
                    Ok(_) if head.path == routes::MONITOR && head.method == "GET" => Self::Monitor,
                    Ok(who) => Self::Api(Some(who)),
                    // The password may be in the form, which is read there, and refused there if it is not.
                    Err(UNAUTHORIZED) if head.path == routes::CGI && head.method == "POST" => Self::Api(None),
                    Err(UNAUTHORIZED) if route.class == Class::Station && !setup.users.has_station_password() => {
                        Self::not_admitted(head, admission::STATION_IS_LOCAL)
                    }
                    Err(refusal) => Self::not_admitted(head, refusal),
                }
            }
            // A login gives a cookie, which counts under a name of the tower's only; and no page is
            // to guess under another.
            Found::Route(route) if routes::changes_something(route, &head.method) && !origin.is_own_host => {
                Self::not_admitted(head, MISDIRECTED)
            }
            Found::Route(route) if route.path == routes::STATUS => admission::who_asks(tower, route, head, origin)
                .map_or_else(|refusal| Self::not_admitted(head, refusal), Self::Api),
            Found::Route(_) => Self::Api(None),
        }
    }

    fn not_admitted(head: &Head, refusal: Refusal) -> Self {
        // libshout asks without a password first, and again on the same connection.
        let is_libshout = head.path == routes::METADATA && head.method == "GET" && head.authorization.is_empty();
        if is_libshout && refusal == UNAUTHORIZED && framing::allows_another(head) {
            Self::AskAgain(UNAUTHORIZED.to_source(true))
        } else if admission::asks_itself(head) {
            Self::Answer(refusal.to_page())
        } else {
            Self::Answer(refusal.to_json())
        }
    }
}

/// Whether a page of another site may have made a browser ask for what such a page may not have, or guess a password.
fn is_of_another_site(head: &Head, origin: &Origin, found: &Found) -> bool {
    let (is_for_own_pages, is_change) = match found {
        Found::Route(route) => (
            routes::is_for_own_pages(route, &head.method) || credentials::query_secret(head).is_some(),
            routes::changes_something(route, &head.method),
        ),
        Found::OtherMethods(_) | Found::Nothing => (is_source_method(&head.method), false),
    };
    let is_mere_get = matches!(head.method.as_str(), "GET" | "HEAD");
    is_for_own_pages && foreign::is_foreign(head, origin)
        || is_change && is_mere_get && foreign::is_unsaid(head, origin)
}

async fn refuse(socket: TcpStream, refusal: Refusal) {
    answer(socket, &refusal.to_bytes()).await;
}

async fn refuse_std(joined: Result<(), stream::NotAdmitted>) {
    if let Err((bytes, socket)) = joined
        && let Ok(socket) = TcpStream::from_std(socket)
    {
        answer(socket, &bytes).await;
    }
}

/// Sends `bytes` and closes. What the client is still sending is read and thrown away for a moment: closing on unread
/// bytes resets the connection, and the answer with it.
async fn answer(mut socket: TcpStream, bytes: &[u8]) {
    let _ = tokio::time::timeout(REFUSAL_TIME_MAX, async {
        socket.write_all(bytes).await?;
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await
    })
    .await;
}
