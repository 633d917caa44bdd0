//! Whether a request calls the tower by a name of its own.
//!
//! A page of another site can have its own name resolve to the tower's address (DNS rebinding). For
//! the browser that page is then one of the tower's. What it cannot do is have the browser send
//! another `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether `authority`, a host with or without a port, is a literal address, localhost, or one of
/// `names`.
#[must_use]
pub fn is_own(authority: &str, names: &[String]) -> bool {
    let authority = authority.trim();
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if !port.is_none_or(is_port) {
        return false;
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let is = |name: &str| host.eq_ignore_ascii_case(name.strip_suffix('.').unwrap_or(name));
    host.parse::<Ipv4Addr>().is_ok() || is("localhost") || (!host.is_empty() && names.iter().any(|name| is(name)))
}

fn is_port(port: &str) -> bool {
    port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why `name` cannot be one of `server.names`.
#[must_use]
pub fn name_error(name: &str) -> Option<&'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_name = !name.is_empty() && name.len() <= 253 && name.bytes().all(is_plain);
    (!is_name).then_some("is no host name; write it without scheme, port and path, such as \"radio.example.org\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_localhost_and_a_configured_name_are_the_towers_own() {
        let names = ["Radio.example.org".to_owned(), "studio".to_owned()];
        for own in [
            "127.0.0.1:8000",
            "192.0.2.1",
            "[::1]:8000",
            "[2001:db8::1]",
            "localhost:8000",
            "LOCALHOST",
            "localhost.",
            "radio.example.org",
            "RADIO.example.ORG.:443",
            "studio:8000",
            " studio ",
        ] {
            assert!(is_own(own, &names), "{own}");
        }
        for other in [
            "evil.example:8000",
            "radio.example.org.evil.example",
            "evil.radio.example.org",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "127.1",
            "2130706433",
            "studio:8000x",
            "studio:8000:1",
            "[::1",
            "[evil.example]",
            "[::1]evil.example",
            "::1",
            "",
            ".",
            ":8000",
        ] {
            assert!(!is_own(other, &names), "{other}");
        }
        assert!(!is_own("", &[String::new()]) && !is_own("studio", &[]));
    }

    #[test]
    fn a_name_has_no_scheme_no_port_and_no_path() {
        assert_eq!(name_error("radio.example.org"), None);
        for wrong in ["", "http://radio", "radio:8000", "radio/", "*.example.org", "a b", &"a".repeat(254)] {
            assert!(name_error(wrong).is_some(), "{wrong}");
        }
    }
}
