//! On which addresses something listens on the tower's ports now: a tower, or systemd for it.

use radio_config::{Config, configured_addresses};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The kernel's tables of sockets.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Whether the real addresses can be seen here: not under `ProcSubset=pid`.
pub(super) fn are_visible() -> bool {
    TABLES.iter().any(|path| std::fs::File::open(path).is_ok())
}

/// The real ones where something listens already; otherwise those of the configuration.
pub(super) fn addresses(config: &Config) -> Vec<IpAddr> {
    let tls_port = config.tls.is_on().then_some(config.tls.port);
    let ports = [Some(config.server.port), tls_port];
    let text: String = TABLES.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let real: Vec<IpAddr> = ports.into_iter().flatten().flat_map(|port| listening_at(&text, port)).collect();
    if real.is_empty() { configured_addresses(config) } else { real }
}

/// The addresses in the kernel's tables at which a socket listens on `port`.
fn listening_at(tables: &str, port: u16) -> Vec<IpAddr> {
    let of_line = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, _, state) = (columns.next()?, columns.next()?, columns.next()?);
        let (address, at) = local.split_once(':')?;
        (state == LISTENING && u16::from_str_radix(at, 16).ok()? == port).then(|| address_of(address))?
    };
    tables.lines().filter_map(of_line).collect()
}

/// An address as the kernel writes it: words of 32 bits in hexadecimal, each in the order of the
/// machine's bytes.
fn address_of(hex: &str) -> Option<IpAddr> {
    let words = hex.as_bytes().chunks(8).map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<u32>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes.as_slice()).ok().map(|sixteen| Ipv6Addr::from(sixteen).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn what_listens_is_found_by_its_port() {
        for host in ["127.0.0.1", "::1", "0.0.0.0"] {
            let host: IpAddr = host.parse().unwrap();
            let listener = TcpListener::bind((host, 0)).unwrap();
            let mut config = Config::default();
            config.server.port = listener.local_addr().unwrap().port();
            assert!(addresses(&config).contains(&host), "whatever server.host says");
            drop(listener);
        }
    }

    #[test]
    fn what_is_no_table_has_no_addresses() {
        for nonsense in ["", "sl local_address", "0: zz:1F40 x 0A", "0: 0100007F:1F40 0:0", "0: 0100007F00:1F40 0:0 0A"]
        {
            assert!(listening_at(nonsense, 8000).is_empty(), "{nonsense}");
        }
    }
}
