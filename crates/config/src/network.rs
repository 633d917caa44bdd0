//! Networks of addresses, as `server.trusted_proxies` names them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Addresses with a common beginning: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Whether `address` is one of them. An IPv4 address counts as such however a socket of IPv6 writes it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, ours) = bits_of(self.address);
        let (bits_there, theirs) = bits_of(address.to_canonical());
        let differing = if self.prefix_bits == 0 { 0 } else { (ours ^ theirs) >> (bits - self.prefix_bits) };
        bits == bits_there && differing == 0
    }
}

/// The addresses of this machine alone.
const LOOPBACK: [Network; 2] = [
    Network { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix_bits: 8 },
    Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix_bits: 128 },
];

impl Network {
    /// Whether a loopback address is among them.
    #[must_use]
    pub fn meets_loopback(&self) -> bool {
        LOOPBACK.iter().any(|loopback| self.contains(loopback.address) || loopback.contains(self.address))
    }
}

/// How many bits an address has, and which.
fn bits_of(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(address) => (32, u128::from(address.to_bits())),
        IpAddr::V6(address) => (128, address.to_bits()),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            || format!("`{text}` is no network; write an address and its length, such as 127.0.0.1/32 or fd00::/8");
        let (address, prefix_bits) = match text.split_once('/') {
            Some((address, prefix_bits)) => (address, Some(prefix_bits)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).map_err(|_| wanted())?;
        if address != address.to_canonical() {
            return Err(format!("`{text}` is an IPv4 network; write it as one, such as {}", address.to_canonical()));
        }
        let (bits, _) = bits_of(address);
        let prefix_bits = match prefix_bits {
            Some(number) => number.parse().ok().filter(|&number| number <= bits).ok_or_else(wanted)?,
            None => bits,
        };
        let network = Self { address, prefix_bits };
        let (_, ours) = bits_of(address);
        let behind = if prefix_bits == 0 { ours } else { ours & !(u128::MAX << (bits - prefix_bits)) };
        if behind != 0 {
            return Err(format!(
                "`{text}` has bits set behind its length; is it a single address? Then leave out the length"
            ));
        }
        Ok(network)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().expect(network).contains(address.parse().expect(address))
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, within, beyond) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.168.4.0/23", "::ffff:192.168.5.255", "192.168.6.0"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1/128", "::1", "::2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
        ] {
            assert!(contains(network, within), "{network} has {within}");
            assert!(!contains(network, beyond), "{network} has not {beyond}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in
            ["", "localhost", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10/8", "1.2.3.4/", "::ffff:1.2.3.4", "1.2.3.4/-1"]
        {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_network_that_is_written_back_as_it_was_or_refused(text in "\\PC{0,50}|[0-9a-f:.]{1,40}/[0-9]{1,3}") {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
                prop_assert!(network.contains(network.address));
            }
        }
    }
}
