//! Everything that another process may hold: opened before anything runs, closed and removed at the end.

use crate::feeds::NewFeeds;
use crate::http::tls::Door;
use crate::ingest::PcmSocket;
use crate::process::systemd::PassedSockets;
use anyhow::Context;
use radio_config::Config;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;

/// Connections that may wait to be accepted. With the usual 5 to 128 a storm of listeners is refused by the kernel.
const BACKLOG: i32 = 4096;
/// Mode of the command line's socket: whoever may open it is the administrator.
const ADMIN_MODE: u32 = 0o600;

/// The open sockets of a tower.
pub(super) struct Doors {
    http: TcpListener,
    /// For sources by Shoutcast 1, if that is configured.
    pub icy: Option<TcpListener>,
    /// For TLS, if that is configured.
    pub tls: Option<Door>,
    /// The command line's.
    pub admin: PcmSocket,
    /// The station's.
    pub pcm: PcmSocket,
    /// Where the station finds it.
    pub pcm_path: PathBuf,
    /// Of the inputs.
    pub feeds: NewFeeds,
}

impl Doors {
    /// Opens all of them, or none.
    ///
    /// # Errors
    /// The first that cannot be opened, with the remedy.
    pub(super) fn open(config: &Config, passed: PassedSockets) -> anyhow::Result<Self> {
        let http = match passed.tcp {
            Some(listener) => listener,
            None => listen(SocketAddr::new(config.server.host, config.server.port))?,
        };
        http.set_nonblocking(true)?;
        let tls_host = config.tls.host.unwrap_or(config.server.host);
        let tls = Door::open(&config.tls, |port| listen(SocketAddr::new(tls_host, port)))?;
        let port = http.local_addr()?.port();
        let icy = config.server.icy.then(|| listen_for_icy(config.server.host, port)).transpose()?;
        let pcm_path = match &config.station.socket {
            path if path.as_os_str().is_empty() => radio_config::default_station_socket()?,
            path => path.clone(),
        };
        let pcm = match passed.pcm {
            Some(listener) => PcmSocket::passed(listener),
            None => PcmSocket::bind(&pcm_path, PcmSocket::PCM_MODE)?,
        };
        let admin = PcmSocket::bind(&radio_config::admin_socket_path(config, port)?, ADMIN_MODE)?;
        let feeds = NewFeeds::open(&Config::default(), config)?;
        Ok(Self { http, icy, tls, admin, pcm, pcm_path, feeds })
    }

    /// The listeners' socket for tokio.
    ///
    /// # Errors
    /// As [`TcpListener::try_clone`].
    pub(super) fn http(&self) -> std::io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.http.try_clone()?)
    }

    /// Where it really listens for HTTP, also with sockets that the service manager opened.
    ///
    /// # Errors
    /// As [`TcpListener::local_addr`].
    pub(super) fn listening(&self) -> std::io::Result<Vec<IpAddr>> {
        let tls = self.tls.as_ref().map(Door::address).transpose()?;
        Ok([Some(self.address()?), tls].into_iter().flatten().map(|address| address.ip()).collect())
    }

    /// The address that the system gave us.
    ///
    /// # Errors
    /// As [`TcpListener::local_addr`].
    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.http.local_addr()
    }
}

/// Programs of Shoutcast are given the listeners' port and connect to the next.
fn listen_for_icy(host: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    let port = port.checked_add(1).context("server.icy needs the port behind server.port; choose one below 65535")?;
    let listener = listen(SocketAddr::new(host, port)).context("server.icy wants the port behind server.port")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        std::io::Result::Ok(TcpListener::from(socket))
    };
    open()
        .map_err(|error| {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another program listens there: stop it, or choose another port (--port, TOWER_PORT)"
                }
                ErrorKind::PermissionDenied => {
                    "ports below 1024 need a privilege: choose another, or grant CAP_NET_BIND_SERVICE"
                }
                ErrorKind::AddrNotAvailable => {
                    "this machine has no such address: see `ip address` (--host, TOWER_HOST)"
                }
                _ => "choose another address (--host, --port)",
            };
            anyhow::Error::new(error).context(format!("cannot listen on {address}: {remedy}"))
        })
        .context("the tower is not on air")
}
