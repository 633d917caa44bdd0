//! The second port: the same routes and mounts, over TLS.
//!
//! - `renewal`: reads the certificate again when its files are others.
//! - [`relay`]: bytes of a connection, which comes inside by [`super::passage`].
//! - this file: the listening socket and its places.
//!
//! Each connection gets a pair of Unix sockets, as from a proxy in the same process. The front door, the fan-out or a
//! source's decoder serves their inner end as any other connection, with the same burst, lag policy and figures. All of TLS is done on a thread of its own, so that handshakes hold up neither the API nor a plain listener.

mod renewal;

use super::front_door::{self, Visitor};
use super::passage::{Passage, WRITE_TIME_MAX, pair, prepare};
use crate::request::waiting::{Ticket, WaitingRoom};
use crate::state::Tower;
use crate::tls::certificate::{Files, Stamps};
use crate::tls::relay;
use anyhow::Context;
use arc_swap::ArcSwap;
use axum::http::HeaderValue;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use axum::middleware::map_response;
use axum::response::Response;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Connections that are no listeners: handshakes, heads, requests of the API.
pub const AT_THE_DOOR_MAX: usize = 256;
/// Files of one connection: its socket, and the two ends of the pair.
pub const FILES_EACH: u64 = 3;
/// A handshake must be done within this time.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// and the first request be complete within this time, with whatever comes before it.
const FIRST_REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes that TLS itself puts aside when the kernel takes no more.
const ASIDE_BYTES_MAX: usize = 16 * 1024;
/// How often the end looks whether everybody has gone.
const FAREWELL_STEP: Duration = Duration::from_millis(10);

/// Files that TLS may need.
#[must_use]
pub fn files(config: &radio_config::Tls) -> u64 {
    if config.is_on() { (u64::from(config.listeners_max) + AT_THE_DOOR_MAX as u64) * FILES_EACH } else { 0 }
}

/// The door, opened and with a good certificate.
pub struct Door {
    listener: TcpListener,
    files: Files,
    stamps: Stamps,
    good: Arc<ServerConfig>,
}

impl Door {
    /// Reads the certificate, and takes the socket that `listen` opens.
    ///
    /// # Errors
    /// One of them is not good.
    pub fn open(
        config: &radio_config::Tls,
        listen: impl FnOnce(u16) -> anyhow::Result<TcpListener>,
    ) -> anyhow::Result<Option<Self>> {
        if !config.is_on() {
            return Ok(None);
        }
        let files = Files { certificate: config.certificate.clone(), key: config.key.clone() };
        let stamps = files.stamps();
        let good = files.load().context("there is no TLS with this certificate (tls.certificate, tls.key)")?;
        let listener = listen(config.port)?;
        listener.set_nonblocking(true)?;
        Ok(Some(Self { listener, files, stamps, good }))
    }

    /// The address that the system gave us.
    ///
    /// # Errors
    /// As [`TcpListener::local_addr`].
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets people in from now on; what they ask is answered on the runtime that this is called on.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(&self, tower: &Arc<Tower>, api: axum::Router) -> anyhow::Result<Serving> {
        let listener = self.listener.try_clone()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tls")
            .enable_all()
            .build()
            .context("the thread of TLS could not be started")?;
        let good = Arc::new(ArcSwap::new(Arc::clone(&self.good)));
        runtime.spawn(renewal::follow(self.files.clone(), self.stamps, Arc::clone(&good), Arc::clone(tower)));
        let listeners = Arc::new(Semaphore::new(tower.setup().config.tls.listeners_max as usize));
        let hall = Hall {
            tower: Arc::clone(tower),
            api: strict(api, tower.setup().config.tls.hsts_s),
            listeners,
            control: Handle::current(),
        };
        let accepting = runtime.spawn(accept(listener, good, hall));
        Ok(Serving { runtime: Some(runtime), accepting, tower: Arc::clone(tower) })
    }
}

/// The API, which tells browsers to come over TLS only.
fn strict(api: axum::Router, hsts_s: u64) -> axum::Router {
    let Some(strict) = (hsts_s > 0).then(|| HeaderValue::try_from(format!("max-age={hsts_s}")).ok()).flatten() else {
        return api;
    };
    api.layer(map_response(move |mut response: Response| {
        let strict = strict.clone();
        async move {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, strict);
            response
        }
    }))
}

/// A door that lets people in.
pub struct Serving {
    runtime: Option<Runtime>,
    accepting: tokio::task::JoinHandle<()>,
    tower: Arc<Tower>,
}

impl Serving {
    /// Lets nobody in any more.
    pub fn close(&self) {
        self.accepting.abort();
    }

    /// Waits until everybody has been sent what the tower had for him, `farewell` at most.
    pub async fn finish(&self, farewell: Duration) {
        let until = Instant::now() + farewell;
        while self.tower.tls.connections.load(Relaxed) > 0 && Instant::now() < until {
            sleep(FAREWELL_STEP).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where connections are led to.
#[derive(Clone)]
struct Hall {
    tower: Arc<Tower>,
    api: axum::Router,
    listeners: Arc<Semaphore>,
    control: Handle,
}

async fn accept(listener: TcpListener, good: Arc<ArcSwap<ServerConfig>>, hall: Hall) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let room = WaitingRoom::new(AT_THE_DOOR_MAX);
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                let acceptor = TlsAcceptor::from(good.load_full());
                // Where all places are taken by requests that are being answered, the rest waits in
                // the kernel's backlog.
                let ticket = room.enter(address.ip()).await;
                tokio::spawn(lead_in(socket, address, acceptor, Arc::new(ticket), hall.clone()));
            }
            // No files: the front door has said so.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn lead_in(socket: TcpStream, address: SocketAddr, acceptor: TlsAcceptor, ticket: Arc<Ticket>, hall: Hall) {
    let until = tokio::time::Instant::now() + FIRST_REQUEST_TIME_MAX;
    prepare(&socket);
    let is_local = front_door::is_loopback(address);
    let reached = socket.local_addr().ok();
    let mut socket = socket;
    let figures = &hall.tower.tls;
    let Some(address) = front_door::client_of(&mut socket, address, &hall.tower, &ticket, until).await else {
        figures.failed_handshakes.fetch_add(1, Relaxed);
        return;
    };
    let mut stream = TimeoutStream::new(socket);
    stream.set_write_timeout(Some(WRITE_TIME_MAX));
    let handshake = acceptor.accept_with(Box::pin(stream), |tls| tls.set_buffer_limit(Some(ASIDE_BYTES_MAX)));
    let handshake = tokio::select! {
        handshake = timeout(HANDSHAKE_TIME_MAX, handshake) => handshake.ok().and_then(Result::ok),
        () = ticket.asked_to_go() => None,
    };
    let Some(client) = handshake else {
        figures.failed_handshakes.fetch_add(1, Relaxed);
        return;
    };
    figures.handshakes.fetch_add(1, Relaxed);
    let Ok((inner, outer)) = pair() else { return };
    let passage = Arc::new(Passage::new(Arc::clone(&hall.tower), Arc::clone(&hall.listeners), Arc::clone(&ticket)));
    let visitor = Visitor { address, is_local, reached, passage: Some(Arc::clone(&passage)), ticket, until };
    let (tower, api) = (Arc::clone(&hall.tower), hall.api.clone());
    hall.control.spawn(async move {
        if let Ok(socket) = TcpStream::from_std(inner) {
            front_door::receive(socket, visitor, &tower, api).await;
        }
    });
    relay::run(client, outer).await;
    drop(passage);
}
