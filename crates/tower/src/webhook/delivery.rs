//! One delivery: connect, POST, read the status. Everything has a time and a size.

use super::Message;
use super::sign::signature;
use crate::tls::client;
use anyhow::Context;
use axum::http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Name, connection and TLS are there by then.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// The head of the answer is there by then.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of an answer's body that are read, so that a receiver can end in peace.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// and the time for it.
const BODY_TIME_MAX: Duration = Duration::from_secs(2);

/// Where deliveries go.
pub struct Target {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    secret: String,
}

impl Target {
    /// The receiver that is configured.
    ///
    /// # Errors
    /// There is no certificate authority to trust, or it is no URL.
    pub async fn new(config: &radio_config::Webhook) -> anyhow::Result<Self> {
        let uri: Uri = config.url.parse().context("the URL cannot be read")?;
        let host = uri.host().context("the URL names no host")?.trim_matches(['[', ']']).to_owned();
        let is_https = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let tls = if is_https { Some(tokio::task::spawn_blocking(connector).await??) } else { None };
        Ok(Self { uri, host, port, tls, secret: config.secret.clone() })
    }

    /// Delivers `message`; what the receiver answers.
    ///
    /// # Errors
    /// No answer, with the reason. It never holds the secret or the path.
    pub async fn post(&self, message: &Message) -> anyhow::Result<StatusCode> {
        let request = self.request(message)?;
        let in_time = timeout(CONNECT_TIME_MAX, self.connect()).await;
        let stream = in_time.with_context(|| format!("no connection within {} s", CONNECT_TIME_MAX.as_secs()))??;
        exchange(stream, request).await
    }

    fn request(&self, message: &Message) -> anyhow::Result<Request<Full<Bytes>>> {
        let timestamp_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().context("the URL names no host")?;
        Request::post(path)
            .header(HOST, authority.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("radio-tower/", env!("CARGO_PKG_VERSION")))
            .header("X-Tower-Event", message.kind)
            .header("X-Tower-Delivery", &message.id)
            .header("X-Tower-Timestamp", timestamp_s)
            .header("X-Tower-Signature", signature(&self.secret, timestamp_s, &message.body))
            .body(Full::new(message.body.clone()))
            .context("the request cannot be written")
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let socket = TcpStream::connect((self.host.as_str(), self.port)).await.context("no connection")?;
        let Some(tls) = &self.tls else { return Ok(Box::new(socket)) };
        let name = ServerName::try_from(self.host.clone()).context("the host has no name that TLS could check")?;
        Ok(Box::new(tls.connect(name, socket).await.context("no TLS")?))
    }
}

/// What HTTP is spoken over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn connector() -> anyhow::Result<TlsConnector> {
    client::config().map(TlsConnector::from)
}

async fn exchange(stream: Box<dyn Stream>, request: Request<Full<Bytes>>) -> anyhow::Result<StatusCode> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .context("no connection")?;
    // It ends with this function, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let in_time = timeout(ANSWER_TIME_MAX, sender.send_request(request)).await;
    let answer = in_time
        .with_context(|| format!("no answer within {} s", ANSWER_TIME_MAX.as_secs()))?
        .context("no answer that is HTTP")?;
    let (status, mut body) = (answer.status(), answer.into_body());
    let drain = async {
        let mut left = BODY_BYTES_MAX;
        while let (true, Some(Ok(frame))) = (left > 0, body.frame().await) {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // The status is what counts.
    let _ended = timeout(BODY_TIME_MAX, drain).await;
    Ok(status)
}
