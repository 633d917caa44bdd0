//! Access to the station's interface without a password: what a configuration leaves open, or
//! closed.

use super::schema::Config;
use std::net::IpAddr;

/// Access to the station's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StationAccess {
    /// For every client that gives its password.
    Password,
    /// For every client that reaches the port, without a password.
    Open,
    /// This machine, and others do not reach it anyway.
    ThisMachine,
    /// This machine, where others could reach it too: they are refused.
    NotOthers,
    /// Over the command line's socket only: a proxy on this machine may speak for any client.
    SocketOnly,
}

impl StationAccess {
    /// Of this configuration, where the tower listens on these addresses.
    #[must_use]
    pub fn of(config: &Config, listening: &[IpAddr]) -> Self {
        let is_reached = listening.iter().any(|address| !address.to_canonical().is_loopback());
        if !config.station.password.is_empty() {
            Self::Password
        } else if config.station.open && (is_reached || !config.server.trusted_proxies.is_empty()) {
            Self::Open
        } else if config.station.open {
            Self::ThisMachine
        } else if config.server.trusts_loopback() {
            Self::SocketOnly
        } else if is_reached {
            Self::NotOthers
        } else {
            Self::ThisMachine
        }
    }

    /// What that means, and what to do about it, where it may not be what is wanted.
    #[must_use]
    pub const fn warning(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Password | Self::ThisMachine => None,
            Self::Open => Some((
                "every client that reaches the port may send events of the station, and titles with them (station.open)",
                "set station.password, or take station.open out",
            )),
            Self::NotOthers => Some((
                "without station.password the station's events and buffer serve this machine only; others get 401",
                "set station.password if the station runs elsewhere, or station.open = true for every client",
            )),
            Self::SocketOnly => Some((
                "without station.password the station's events and buffer serve the command line's socket only: a proxy \
                 on this machine (server.trusted_proxies) may speak for any client",
                "set station.password if the station uses them, or station.open = true for every client",
            )),
        }
    }
}

/// Where the tower is to listen, as far as the configuration says.
#[must_use]
pub fn configured_addresses(config: &Config) -> Vec<IpAddr> {
    let tls = config.tls.is_on().then(|| config.tls.host.unwrap_or(config.server.host));
    [Some(config.server.host), tls].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(listening: &[&str], set: impl FnOnce(&mut Config)) -> StationAccess {
        let mut config = Config::default();
        set(&mut config);
        let listening: Vec<IpAddr> = listening.iter().map(|text| text.parse().expect("an address")).collect();
        StationAccess::of(&config, &listening)
    }

    #[test]
    fn only_what_is_said_to_be_open_is_open() {
        for reached in [&["0.0.0.0"][..], &["::"], &["127.0.0.1", "192.0.2.1"]] {
            assert_eq!(access(reached, |_| {}), StationAccess::NotOthers, "{reached:?}");
            assert_eq!(access(reached, |config| config.station.open = true), StationAccess::Open);
            assert_eq!(access(reached, |config| config.station.password = "hush".into()), StationAccess::Password);
        }
        for own in [&["127.0.0.1"][..], &["::1"], &["::ffff:127.0.0.1"]] {
            assert_eq!(access(own, |_| {}), StationAccess::ThisMachine, "{own:?}");
            assert_eq!(access(own, |config| config.station.open = true), StationAccess::ThisMachine);
        }
    }

    #[test]
    fn a_proxy_on_this_machine_may_speak_for_anybody() {
        let behind = |network: &str, open: bool| {
            access(&["127.0.0.1"], |config| {
                config.server.trusted_proxies = vec![network.parse().expect("a network")];
                config.station.open = open;
            })
        };
        for network in ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0/0", "127.0.0.0/8", "::/0"] {
            assert_eq!(behind(network, false), StationAccess::SocketOnly, "{network}");
            assert_eq!(behind(network, true), StationAccess::Open, "{network}");
        }
        assert_eq!(behind("10.0.0.0/8", false), StationAccess::ThisMachine);
    }

    #[test]
    fn where_it_listens_follows_from_the_configuration_unless_sockets_are_passed() {
        let mut config = Config::default();
        assert_eq!(configured_addresses(&config), [config.server.host]);
        (config.tls.certificate, config.tls.host) = ("c".into(), "192.0.2.1".parse().ok());
        assert_eq!(configured_addresses(&config).len(), 2);
    }
}
