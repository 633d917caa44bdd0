//! A certificate of a test's own, and a client that trusts it.
#![allow(dead_code, reason = "each test program uses its part")]

use crate::listener::Listener;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Bytes of a frame at 128 kbit/s.
pub const FRAME_BYTES: usize = 384;
const PATIENCE: Duration = Duration::from_secs(20);

/// A self-signed certificate for `localhost` and 127.0.0.1.
pub struct Certificate {
    /// The certificate in PEM.
    pub pem: String,
    /// Its private key in PEM.
    pub key_pem: String,
    /// The certificate in DER, as a client's root.
    pub der: CertificateDer<'static>,
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificate {
    /// A new one, unlike all others.
    #[must_use]
    pub fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        Self { pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
    }

    /// Puts it where the tower looks, as programs that renew certificates do: whole files, one after the other.
    pub fn install(&self, path: impl Fn(&str) -> PathBuf) {
        for (name, text) in [("certificate.pem", &self.pem), ("key.pem", &self.key_pem)] {
            std::fs::write(path("new"), text).expect("a temporary file");
            std::fs::rename(path("new"), path(name)).expect("our own files");
        }
    }
}

/// A TLS client that trusts one certificate.
pub struct Client {
    /// The connection: what is read and written here is plain.
    pub stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Client {
    /// Connects and completes the handshake.
    ///
    /// # Errors
    ///
    /// What the socket or TLS has to say against it.
    pub fn connect(address: SocketAddr, trusted: &Certificate) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.der.clone()).expect("a certificate");
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = versions.with_safe_default_protocol_versions().expect("ring has them");
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let name = ServerName::try_from("localhost").expect("a name");
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(ClientConnection::new(config, name).expect("a client"), socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream })
    }

    /// Connects and sends a request whose line is `request`, with a `Host`.
    #[track_caller]
    #[must_use]
    pub fn ask(address: SocketAddr, trusted: &Certificate, request: &str) -> Self {
        let mut client = Self::connect(address, trusted).expect("a connection");
        write!(client.stream, "{request}\r\nHost: radio.example:8443\r\n\r\n").expect("it is taken");
        client
    }

    /// At least so many bytes.
    #[track_caller]
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut have = 0;
        while have < count {
            match self.stream.read(&mut bytes[have..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => match outcome.expect("the stream goes on") {
                    0 => panic!("the stream ended after {have} of {count} bytes"),
                    more => have += more,
                },
            }
        }
        bytes
    }

    /// All up to an end that TLS has announced.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // `read_to_end` itself goes on after an interruption.
        self.stream.read_to_end(&mut bytes).expect("an end that nobody has faked");
        bytes
    }

    /// The head of the answer.
    #[track_caller]
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1));
        }
        String::from_utf8(head).expect("text")
    }
}

/// Checks that `bytes`, received from frame `first` on, are what the listener `plain` gets.
#[track_caller]
pub fn assert_same(plain: &Listener, first: u64, bytes: &[u8]) {
    let offset = |from: u64, to: u64| to.saturating_sub(from) as usize * FRAME_BYTES;
    let common = &bytes[offset(first, plain.first_frame())..];
    let from = offset(plain.first_frame(), first);
    assert!(common.len() >= 50 * FRAME_BYTES, "only {} bytes are the same time", common.len());
    plain.wait_bytes(from + common.len(), PATIENCE);
    assert!(plain.so_far().bytes[from..].starts_with(common), "other bytes than the plain listener's");
}
