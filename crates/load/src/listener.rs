//! One listener: its socket, its head, what it was sent and when.

use crate::chain::{Chain, Tally};
use crate::icy::Icy;
use crate::plan::{Kind, Plan};
use crate::table::Table;
use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Receive buffer of a [`Kind::Window`] listener: half of it is the window.
const WINDOW_RCVBUF: usize = 2048;

/// Receive buffer of a listener that reads less than it is sent: small, so that what waits, waits at the server.
const BEHIND_RCVBUF: usize = 8192;

/// Segments as on a network: on the loopback's of 64 kB a slow reader would open its window once a minute.
const BEHIND_MSS: u32 = 1460;

/// What a listener is doing.
pub enum State {
    /// Waiting for its turn to join.
    Outside,
    /// The request is not sent yet.
    Connecting,
    /// The answer's head so far.
    Head(Vec<u8>),
    /// Audio.
    Hearing(Box<Ears>),
    /// Not to come back, and why.
    Ended(String),
}

/// What a hearing listener keeps.
pub struct Ears {
    /// Its place in the stream.
    pub chain: Chain,
    /// Titles, if it asked for them and the server has them.
    pub icy: Option<Icy>,
}

/// A listener.
pub struct Listener {
    /// How it behaves.
    pub kind: Kind,
    /// What it does.
    pub state: State,
    /// Its socket.
    pub socket: Option<Socket>,
    /// When it called `connect`.
    pub connecting_since: Instant,
    /// From `connect` to the first byte of the answer, for each time it joined.
    pub first_bytes_ms: Vec<f64>,
    /// When the last bytes came.
    pub last_bytes_at: Option<Instant>,
    /// Longest time between bytes since the window began.
    pub gap_ms_max: f64,
    /// Receives that gave bytes, since the window began.
    pub reads: u64,
    /// What was found in the bytes of its earlier connections.
    pub past: Tally,
    /// Titles of its earlier connections, and wrong ones among them.
    pub past_titles: [u64; 2],
}

/// What a receive came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes; if the buffer was filled there may be more.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// It is over.
    End,
}

impl Listener {
    /// A listener that has not joined yet.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: State::Outside,
            socket: None,
            connecting_since: Instant::now(),
            first_bytes_ms: Vec::new(),
            last_bytes_at: None,
            gap_ms_max: 0.0,
            reads: 0,
            past: Tally::default(),
            past_titles: [0; 2],
        }
    }

    /// Begins to connect, from an address that only the listener `index` has.
    ///
    /// # Errors
    /// When there are no sockets left.
    pub fn connect(&mut self, index: usize, server: SocketAddr) -> Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)
            .context("no socket left: lower the number of listeners, or raise the limit of open files (ulimit -n)")?;
        socket.set_reuse_address(true)?;
        match self.kind {
            Kind::Window => socket.set_recv_buffer_size(WINDOW_RCVBUF)?,
            Kind::Slow | Kind::Stuck | Kind::Paused => {
                socket.set_recv_buffer_size(BEHIND_RCVBUF)?;
                socket.set_tcp_mss(BEHIND_MSS)?;
            }
            _ => {}
        }
        let [_, high, middle, low] = (index as u32 + 2).to_be_bytes();
        let own = SocketAddr::from((Ipv4Addr::new(127, high + 1, middle, low), 0));
        socket.bind(&SockAddr::from(own)).with_context(|| format!("cannot bind to {own}"))?;
        self.connecting_since = Instant::now();
        self.last_bytes_at = None;
        match socket.connect(&SockAddr::from(server)) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot connect to {server}")),
        }
        self.socket = Some(socket);
        self.state = State::Connecting;
        Ok(())
    }

    /// Sends the request once the connection stands.
    pub fn ask(&mut self, plan: &Plan) {
        let Some(socket) = &self.socket else { return };
        let icy = if self.kind == Kind::Icy { "Icy-MetaData: 1\r\n" } else { "" };
        let request = format!(
            "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: load/{:?}\r\n{icy}\r\n",
            plan.target, plan.address, self.kind
        );
        match send(socket, request.as_bytes(), SendFlags::NOSIGNAL) {
            Ok(_) => self.state = State::Head(Vec::new()),
            Err(Errno::AGAIN | Errno::NOTCONN) => {}
            Err(error) => self.end(format!("request: {error}")),
        }
    }

    /// Receives at most `most` bytes into `buffer` and looks at them.
    pub fn receive(&mut self, buffer: &mut [u8], table: &mut Option<Table>) -> Received {
        let Some(socket) = &self.socket else { return Received::End };
        let count = match recv(socket, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => {
                self.end("closed by the server".into());
                return Received::End;
            }
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Received::Nothing,
            Err(error) => {
                self.end(format!("receive: {error}"));
                return Received::End;
            }
        };
        let now = Instant::now();
        match self.last_bytes_at {
            None => self.first_bytes_ms.push(ms(now, self.connecting_since)),
            Some(last) => self.gap_ms_max = self.gap_ms_max.max(ms(now, last)),
        }
        self.last_bytes_at = Some(now);
        self.reads += 1;
        self.take(&buffer[..count], table);
        if matches!(self.state, State::Ended(_)) { Received::End } else { Received::Bytes(count) }
    }

    fn take(&mut self, bytes: &[u8], table: &mut Option<Table>) {
        match &mut self.state {
            State::Hearing(ears) => ears.hear(bytes, table),
            State::Head(so_far) => {
                so_far.extend_from_slice(bytes);
                if let Some(end) = so_far.windows(4).position(|four| four == b"\r\n\r\n") {
                    let rest = so_far.split_off(end + 4);
                    let head = String::from_utf8_lossy(so_far).into_owned();
                    self.head(&head);
                    if let State::Hearing(ears) = &mut self.state {
                        ears.hear(&rest, table);
                    }
                } else if so_far.len() > HEAD_BYTES_MAX {
                    self.end("no end of the answer's head".into());
                }
            }
            _ => {}
        }
    }

    fn head(&mut self, head: &str) {
        let status = head.split(' ').nth(1).unwrap_or("none");
        if status != "200" {
            let status = format!("refused: {status}");
            return self.end(status);
        }
        let number = |name: &str| {
            head.lines().filter_map(|line| line.split_once(':')).find_map(|(header, value)| {
                header.eq_ignore_ascii_case(name).then(|| value.trim().parse::<u64>().ok()).flatten()
            })
        };
        let interval = number("icy-metaint").filter(|_| self.kind == Kind::Icy);
        let icy = interval.map(|bytes| Icy::new(bytes as usize));
        self.state = State::Hearing(Box::new(Ears { chain: Chain::new(number("x-tower-frame")), icy }));
    }

    /// It is over, for this reason.
    pub fn end(&mut self, reason: String) {
        self.leave();
        self.state = State::Ended(reason);
    }

    /// Closes the connection; it may join again.
    pub fn leave(&mut self) {
        self.socket = None;
        if let State::Hearing(ears) = std::mem::replace(&mut self.state, State::Outside) {
            self.past.add(&ears.chain.tally);
            if let Some(icy) = ears.icy {
                self.past_titles[0] += icy.titles;
                self.past_titles[1] += icy.titles_wrong;
            }
        }
    }

    /// Whether it hears the stream.
    #[must_use]
    pub fn live(&self) -> bool {
        self.socket.is_some() && matches!(self.state, State::Hearing(_))
    }
}

impl Ears {
    fn hear(&mut self, bytes: &[u8], table: &mut Option<Table>) {
        let Self { chain, icy } = self;
        match icy {
            None => chain.feed(bytes, table),
            Some(icy) => icy.feed(bytes, |audio| chain.feed(audio, table)),
        }
    }
}

/// Milliseconds from `earlier` to `later`.
#[must_use]
pub fn ms(later: Instant, earlier: Instant) -> f64 {
    later.saturating_duration_since(earlier).as_secs_f64() * 1000.0
}
