//! The PROXY protocol, versions 1 and 2: who is at the other end of a connection that a proxy passes on. Pure: bytes in,
//! an address out. (HAProxy, "The PROXY protocol", 2020-03-05.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of a header of version 1 at most, its line end included.
pub const V1_BYTES_MAX: usize = 107;
/// Bytes of a header of version 2 at most: what proxies add of TLS and of themselves has a few hundred.
pub const V2_BYTES_MAX: usize = 2048;
/// No header of either version is shorter.
const BYTES_MIN: usize = 15;

const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, and length.
const V2_FIXED_BYTES: usize = 16;

/// What the bytes of a connection so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Not a whole header; of what comes, so many bytes belong to it in any case.
    Wants(usize),
    /// A whole header. None: the proxy speaks for itself, or does not know.
    Client(Option<SocketAddr>),
}

/// Neither version: nothing that may be guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads `bytes`, which are those of the header alone if never more were read than [`Parsed::Wants`] says.
///
/// # Errors
/// It is no header.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let begins = |start: &[u8]| bytes.iter().zip(start).all(|(a, b)| a == b);
    if !begins(V1_START) && !begins(V2_START) {
        return Err(Malformed);
    }
    if bytes.len() < BYTES_MIN {
        return Ok(Parsed::Wants(BYTES_MIN - bytes.len()));
    }
    if bytes.starts_with(V2_START) { parse_v2(bytes) } else { parse_v1(bytes) }
}

fn parse_v1(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        let may_go_on = bytes.len() < V1_BYTES_MAX && !bytes.contains(&b'\n');
        return if may_go_on { Ok(Parsed::Wants(1)) } else { Err(Malformed) };
    };
    if bytes.len() > V1_BYTES_MAX {
        return Err(Malformed);
    }
    let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = line.split(' ').skip(1);
    let mut word = || words.next().ok_or(Malformed);
    let family = word()?;
    if family == "UNKNOWN" {
        return Ok(Parsed::Client(None));
    }
    let (source, destination) = (word()?, word()?);
    let address = |text: &str| match family {
        "TCP4" => text.parse().map(IpAddr::V4).map_err(|_| Malformed),
        "TCP6" => text.parse().map(IpAddr::V6).map_err(|_| Malformed),
        _ => Err(Malformed),
    };
    let (source, _) = (address(source)?, address(destination)?);
    let (source_port, _) = (port(word()?)?, port(word()?)?);
    if words.next().is_some() {
        return Err(Malformed);
    }
    Ok(Parsed::Client(Some(SocketAddr::new(source, source_port))))
}

fn port(word: &str) -> Result<u16, Malformed> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|_| is_number).ok_or(Malformed)
}

fn parse_v2(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some((fixed, rest)) = bytes.split_at_checked(V2_FIXED_BYTES) else {
        return Ok(Parsed::Wants(V2_FIXED_BYTES - bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if V2_FIXED_BYTES + length > V2_BYTES_MAX || rest.len() > length {
        return Err(Malformed);
    }
    let is_local = match fixed[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed),
    };
    if rest.len() < length {
        return Ok(Parsed::Wants(length - rest.len()));
    }
    match fixed[13] {
        // What is said of a connection of the proxy's own is to be skipped.
        _ if is_local => Ok(Parsed::Client(None)),
        // Over TCP, IPv4 and IPv6: both addresses, both ports.
        0x11 => {
            let block: &[u8; 12] = rest.first_chunk().ok_or(Malformed)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *block;
            Ok(client(Ipv4Addr::new(a, b, c, d).into(), [high, low]))
        }
        0x21 => {
            let block: &[u8; 36] = rest.first_chunk().ok_or(Malformed)?;
            let address: [u8; 16] = *block.first_chunk().ok_or(Malformed)?;
            Ok(client(Ipv6Addr::from(address).into(), [block[32], block[33]]))
        }
        // Not told, or no TCP.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Ok(Parsed::Client(None)),
        _ => Err(Malformed),
    }
}

fn client(address: IpAddr, port: [u8; 2]) -> Parsed {
    Parsed::Client(Some(SocketAddr::new(address, u16::from_be_bytes(port))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives `bytes` to the parser as a socket would: never more than it wants. What it makes of them, and what it left.
    fn fed(bytes: &[u8]) -> (Result<Parsed, Malformed>, usize) {
        let mut taken = 0;
        loop {
            match parse(&bytes[..taken]) {
                Ok(Parsed::Wants(more)) if taken < bytes.len() => taken = (taken + more).min(bytes.len()),
                result => return (result, bytes.len() - taken),
            }
        }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("a short body").to_be_bytes();
        [V2_START, &[command, family], &length, body].concat()
    }

    fn client_of(bytes: &[u8]) -> Option<SocketAddr> {
        match fed(bytes) {
            (Ok(Parsed::Client(client)), 0) => client,
            other => panic!("{other:?} of {bytes:?}"),
        }
    }

    #[test]
    fn version_1_names_the_client() {
        assert_eq!(client_of(b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 8000\r\n"), "192.0.2.7:56324".parse().ok());
        assert_eq!(client_of(b"PROXY TCP6 2001:db8::7 ::1 1 65535\r\n"), "[2001:db8::7]:1".parse().ok());
        assert_eq!(client_of(b"PROXY UNKNOWN\r\n"), None);
        let longest = "ffff:".repeat(7) + "ffff";
        assert_eq!(client_of(format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n").as_bytes()), None);
    }

    #[test]
    fn version_2_names_the_client_and_what_follows_is_skipped() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x1f, 0x40];
        assert_eq!(client_of(&v2(0x21, 0x11, &v4)), "192.0.2.7:12345".parse().ok());
        assert_eq!(client_of(&v2(0x21, 0x11, &[&v4[..], &[4; 300]].concat())), "192.0.2.7:12345".parse().ok());
        let v6 = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0, 9, 0, 8]].concat();
        assert_eq!(client_of(&v2(0x21, 0x21, &v6)), "[::1]:9".parse().ok());
    }

    #[test]
    fn a_proxys_own_connection_has_no_client() {
        assert_eq!(client_of(&v2(0x20, 0x00, &[])), None);
        assert_eq!(client_of(&v2(0x20, 0x11, &[1; 12])), None);
        assert_eq!(client_of(&v2(0x21, 0x00, &[])), None);
    }

    #[test]
    fn not_a_byte_of_what_comes_behind_the_header_is_taken() {
        for header in [b"PROXY TCP4 192.0.2.7 10.0.0.1 5 8\r\n".to_vec(), v2(0x20, 0, &[7; 9])] {
            let (result, left) = fed(&[&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat());
            assert!(matches!(result, Ok(Parsed::Client(_))), "{result:?}");
            assert_eq!(left, b"GET / HTTP/1.1\r\n\r\n".len());
        }
    }

    #[test]
    fn what_is_no_header_is_malformed() {
        for bad in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 +2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 65536\r\n",
            b"PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
            b"PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n",
            b"PROXY UNKNOWN\n------",
            &v2(0x11, 0x11, &[0; 12]),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
            &v2(0x21, 0x44, &[0; 12]),
            &v2(0x21, 0x11, &[0; V2_BYTES_MAX]),
        ] {
            assert_eq!(fed(bad).0, Err(Malformed), "{}", bad.escape_ascii());
        }
        assert_eq!(fed(&[b"PROXY TCP4 ", &[b'1'; 200][..]].concat()).0, Err(Malformed), "a line without an end");
    }

    proptest! {
        #[test]
        fn proxy_header_of_arbitrary_bytes_never_panics_and_is_bounded(
            start in prop_oneof![Just(&b""[..]), Just(V1_START), Just(V2_START)],
            bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        ) {
            let bytes = [start, &bytes].concat();
            let _whatever_it_is = parse(&bytes);
            let (result, left) = fed(&bytes);
            prop_assert!(bytes.len() - left <= V2_BYTES_MAX, "{result:?}");
            if let Ok(Parsed::Wants(more)) = result {
                prop_assert!(more > 0 && bytes.len() + more <= V2_BYTES_MAX);
            }
        }

        #[test]
        fn proxy_header_that_a_proxy_writes_is_read_back(address: Ipv4Addr, there: Ipv6Addr, port: u16, tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            let line = format!("PROXY TCP4 {address} 127.0.0.1 {port} 1\r\n");
            prop_assert_eq!(client_of(line.as_bytes()), Some(SocketAddr::new(address.into(), port)));
            let line = format!("PROXY TCP6 {there} ::1 {port} 1\r\n");
            prop_assert_eq!(client_of(line.as_bytes()), Some(SocketAddr::new(there.into(), port)));
            let body = [&there.octets()[..], &[0; 16], &port.to_be_bytes(), &[0, 1], &tail].concat();
            prop_assert_eq!(client_of(&v2(0x21, 0x21, &body)), Some(SocketAddr::new(there.into(), port)));
        }
    }
}
