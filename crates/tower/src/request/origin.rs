//! Whose a request is that a proxy passes on: the address, the scheme and the host that the proxies name, as far as the
//! tower trusts them (`server.trusted_proxies`). An address is never a credential, whichever it is.

use super::head::Head;
use super::proxy_header::{self, Parsed};
use super::waiting::Ticket;
use crate::request::refusal::Refusal;
use radio_config::Server;
use radio_config::host;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Proxies before a listener at most; who is behind more is taken for the last of them.
pub const HOPS_MAX: usize = 16;
/// Bytes that are read of `X-Forwarded-For`, from its end.
pub const FORWARDED_BYTES_MAX: usize = 1024;

/// A browser calls the tower by a name that is not its own.
pub const MISDIRECTED: Refusal = Refusal::new(
    421,
    "Misdirected Request",
    "the tower does not know this host name as its own; add the name to server.names, or use its address or localhost",
);

/// What is believed of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who asks. Port 0: it is not known.
    pub address: SocketAddr,
    /// Whether a trusted proxy says that it was asked over https.
    pub is_https: bool,
    /// What a trusted proxy was called, if it says so; otherwise what the request calls the tower.
    pub host: Option<String>,
    /// The tower's own address at which the connection arrived; none where that is no network address.
    pub reached: Option<SocketAddr>,
    /// Whether every name by which the tower is called is its own: none, an address, localhost, one
    /// of `server.names`.
    pub is_own_host: bool,
}

impl Origin {
    /// Of the request with this head, which came from `peer`.
    #[must_use]
    pub fn of(head: &Head, peer: SocketAddr, server: &Server) -> Self {
        let hosts = head.hosts();
        let host = hosts.first().cloned();
        let is_own = |host: &String| host.trim().is_empty() || host::is_own(host, &server.names);
        let is_own_host = hosts.iter().all(is_own);
        if !server.trusts(peer.ip()) {
            return Self { address: peer, is_https: false, host, reached: None, is_own_host };
        }
        let nearest = |name: &str| {
            let lines = head.headers(name);
            lines.last().and_then(|line| line.rsplit(',').next()).map(|value| value.trim().to_owned())
        };
        let is_https = nearest("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let forwarded = head.headers("x-forwarded-for").join(",");
        let address = client_behind(peer, &forwarded, |address| server.trusts(address));
        let forwarded_host = nearest("x-forwarded-host").filter(|host| !host.is_empty());
        // A page can have the browser send the one, but never the other.
        let is_own_host = is_own_host && forwarded_host.iter().all(is_own);
        Self { address, is_https, host: forwarded_host.or(host), reached: None, is_own_host }
    }
}

/// Goes back from `peer`, which is trusted, through what the proxies wrote, to the first that is not.
fn client_behind(peer: SocketAddr, forwarded: &str, is_trusted: impl Fn(IpAddr) -> bool) -> SocketAddr {
    let mut client = peer;
    let mut bytes_left = FORWARDED_BYTES_MAX;
    for hop in forwarded.rsplit(',').take(HOPS_MAX) {
        let (within, address) = (bytes_left.checked_sub(hop.len() + 1), address_of(hop.trim()));
        // Whoever wrote something else here is the last who is known.
        let (Some(left), Some(address)) = (within, address) else { break };
        (bytes_left, client) = (left, address);
        if !is_trusted(address.ip()) {
            break;
        }
    }
    client
}

/// `192.0.2.7`, `192.0.2.7:5000`, `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:5000`.
fn address_of(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    let address = alone.or_else(|_| text.parse::<SocketAddr>()).ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// Waits for the first bytes of a connection, and reads the PROXY header that `peer` owes, if it
/// owes one. None: it did not come in time, is none, or another connection needs the place; nothing
/// is to be answered. `refused` counts headers that are owed and do not come.
pub async fn welcome(
    socket: &mut TcpStream,
    peer: SocketAddr,
    (server, refused): (&Server, &AtomicU64),
    ticket: &Ticket,
    until: Instant,
) -> Option<SocketAddr> {
    if timeout_at(until, ticket.first_bytes(socket)).await != Ok(true) {
        return None;
    }
    if !(server.proxy_protocol && server.trusts(peer.ip())) {
        return Some(peer);
    }
    let header = tokio::select! {
        header = timeout_at(until, read_header(socket)) => header,
        () = ticket.asked_to_go() => return None,
    };
    match header {
        Ok(Some(client)) => {
            let client = client.unwrap_or(peer);
            ticket.comes_from(client.ip());
            Some(client)
        }
        Ok(None) | Err(_) => {
            refused.fetch_add(1, Relaxed);
            tracing::debug!(%peer, "a trusted proxy sent no PROXY header (server.proxy_protocol)");
            None
        }
    }
}

async fn read_header(socket: &mut TcpStream) -> Option<Option<SocketAddr>> {
    let mut bytes = Vec::with_capacity(proxy_header::V1_BYTES_MAX);
    loop {
        match proxy_header::parse(&bytes).ok()? {
            Parsed::Client(client) => return Some(client),
            Parsed::Wants(more) => match (&mut *socket).take(more as u64).read_buf(&mut bytes).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head;
    use proptest::prelude::*;

    fn server(trusted: &[&str]) -> Server {
        let trusted_proxies = trusted.iter().map(|text| text.parse().expect(text)).collect();
        Server { trusted_proxies, ..Server::default() }
    }

    fn origin(peer: &str, headers: &str, trusted: &[&str]) -> Origin {
        let head = head::parse(format!("GET / HTTP/1.1\r\nHost: inner:1\r\n{headers}\r\n").as_bytes());
        Origin::of(&head.expect("good").expect("whole"), peer.parse().expect(peer), &server(trusted))
    }

    fn client(forwarded: &str) -> String {
        let headers = format!("X-Forwarded-For: {forwarded}\r\n");
        origin("127.0.0.1:9", &headers, &["127.0.0.1", "10.0.0.0/8"]).address.to_string()
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_no_trusted_proxy() {
        assert_eq!(client("203.0.113.5"), "203.0.113.5:0");
        assert_eq!(client("198.51.100.1, 203.0.113.5"), "203.0.113.5:0", "what stands to the left may be invented");
        assert_eq!(client("198.51.100.1, 203.0.113.5,10.1.2.3 , 10.0.0.1"), "203.0.113.5:0");
        assert_eq!(client("203.0.113.5\r\nX-Forwarded-For: 10.0.0.1"), "203.0.113.5:0", "lines are one list");
        assert_eq!(client("10.0.0.7"), "10.0.0.7:0", "a proxy may ask something itself");
        assert_eq!(client("2001:db8::5"), "[2001:db8::5]:0");
        assert_eq!(client("[2001:db8::5]:77"), "[2001:db8::5]:77");
        assert_eq!(client("203.0.113.5:77"), "203.0.113.5:77");
        assert_eq!(client("::ffff:203.0.113.5"), "203.0.113.5:0");
    }

    #[test]
    fn what_is_no_address_ends_the_way_back() {
        assert_eq!(client(""), "127.0.0.1:9");
        assert_eq!(client("unknown"), "127.0.0.1:9");
        assert_eq!(client("203.0.113.5, unknown, 10.0.0.1"), "10.0.0.1:0");
        assert_eq!(client("203.0.113.5, "), "127.0.0.1:9");
    }

    #[test]
    fn the_way_back_has_an_end() {
        let hops = vec!["10.0.0.1"; HOPS_MAX].join(",");
        assert_eq!(client(&format!("203.0.113.5,{hops}")), "10.0.0.1:0");
        let hops = vec!["10.0.0.1"; HOPS_MAX - 1].join(",");
        assert_eq!(client(&format!("203.0.113.5,{hops}")), "203.0.113.5:0");
        assert_eq!(client(&format!("203.0.113.5,{}10.0.0.1", " ".repeat(FORWARDED_BYTES_MAX))), "127.0.0.1:9");
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_who_he_is_or_how_he_came() {
        let headers = "X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: outer\r\n";
        let inner = Some("inner:1".to_owned());
        let plain = Origin {
            address: "127.0.0.1:9".parse().expect("one"),
            is_https: false,
            host: inner,
            reached: None,
            is_own_host: false,
        };
        assert_eq!(origin("127.0.0.1:9", headers, &[]), plain);
        assert_eq!(origin("127.0.0.1:9", headers, &["127.0.0.2"]), plain);
        let outer = Some("outer".to_owned());
        let passed_on = Origin {
            address: "203.0.113.5:0".parse().expect("one"),
            is_https: true,
            host: outer,
            reached: None,
            is_own_host: false,
        };
        assert_eq!(origin("127.0.0.1:9", headers, &["127.0.0.1"]), passed_on);
        assert_eq!(origin("[::ffff:127.0.0.1]:9", headers, &["127.0.0.1"]), passed_on);
        assert!(!origin("127.0.0.1:9", "X-Forwarded-Proto: https, http\r\n", &["127.0.0.1"]).is_https);
    }

    #[test]
    fn every_name_must_be_the_towers_own_and_none_is() {
        let is_own = |trusted: &[&str], headers: &str| {
            let mut server = server(trusted);
            server.names = vec!["radio.example".into()];
            let head = head::parse(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes());
            let peer = "127.0.0.1:9".parse().expect("one");
            Origin::of(&head.expect("good").expect("whole"), peer, &server).is_own_host
        };
        for own in ["", "Host: 127.0.0.1:8000\r\n", "Host: radio.example\r\n", "Host:\r\n"] {
            assert!(is_own(&[], own) && is_own(&["127.0.0.1"], own), "{own}");
        }
        let forwarded = "Host: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\n";
        assert!(is_own(&[], forwarded), "it is not heeded");
        assert!(!is_own(&["127.0.0.1"], forwarded));
        for other in [
            "Host: evil.example\r\n",
            "Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1\r\n",
            "Host: a\r\nHost: 127.0.0.1\r\n",
        ] {
            assert!(!is_own(&[], other) && !is_own(&["127.0.0.1"], other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn forwarded_for_of_arbitrary_bytes_never_panics(forwarded in "\\PC{0,2000}|[0-9a-f:.,\\[\\] ]{0,2000}") {
            let peer = "10.0.0.1:9".parse().expect("one");
            let _whoever_it_is = client_behind(peer, &forwarded, |_| true);
        }
    }
}
