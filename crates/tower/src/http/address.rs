//! The address under which a client has reached the tower, for links that lead back to it.

use crate::request::origin::Origin;
use crate::state::Tower;
use std::net::SocketAddr;

/// `http://HOST` or `https://HOST`, without a slash at the end. HOST is what the request names. A
/// request of HTTP/1.0 names none, and one that is neither a name nor an address may be a trick:
/// then HOST is the address at which the connection arrived, or else the configured one.
#[must_use]
pub fn base(tower: &Tower, origin: Option<&Origin>) -> String {
    let configured = || {
        let setup = tower.setup();
        let server = &setup.config.server;
        // Listening everywhere is no address.
        if server.host.is_unspecified() {
            format!("localhost:{}", server.port)
        } else {
            SocketAddr::new(server.host, server.port).to_string()
        }
    };
    let reached = || {
        let reached = origin?.reached?;
        Some(SocketAddr::new(reached.ip().to_canonical(), reached.port()).to_string())
    };
    let scheme = if origin.is_some_and(|origin| origin.is_https) { "https" } else { "http" };
    let host = origin.and_then(|origin| origin.host.clone()).filter(|host| is_host(host));
    format!("{scheme}://{}", host.or_else(reached).unwrap_or_else(configured))
}

fn is_host(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(is_plain)
}

/// `text` in an XML document, as content or between quotes.
#[must_use]
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no place for these at all.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_an_address_is_believed_and_nothing_else() {
        for good in ["radio.example:8000", "127.0.0.1", "[::1]:8000", "xn--e1afmkfd.example"] {
            assert!(is_host(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "a\"><script>", "a\r\nb", "user@host", &"a".repeat(256)] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn nothing_ends_an_element_or_an_attribute() {
        assert_eq!(xml("a<b>&\"c\"\0ö"), "a&lt;b&gt;&amp;&quot;c&quot;\u{fffd}ö");
    }
}
