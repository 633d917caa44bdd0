//! What a configuration leaves open to everybody who can reach the tower.

use super::schema::Config;

/// What everybody may do at the station's door, with the remedy; `None` where it has a password, or nobody but this machine
/// can reach it.
#[must_use]
pub fn open_station(config: &Config) -> Option<&'static str> {
    let (server, tls) = (&config.server, &config.tls);
    let is_reached = !server.host.is_loopback() || (tls.is_on() && tls.host.is_some_and(|host| !host.is_loopback()));
    (is_reached && config.station.password.is_empty()).then_some(
        "everybody who reaches the port may send events of the station, and titles with them; set station.password, or have \
         server.host be 127.0.0.1",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_is_open_where_others_reach_it_and_it_has_no_password() {
        let told = |host: &str, tls_host: Option<&str>, certificate: &str, password: &str| {
            let mut config = Config::default();
            config.server.host = host.parse().expect("an address");
            config.tls.host = tls_host.map(|host| host.parse().expect("an address"));
            config.tls.certificate = certificate.into();
            config.station.password = password.into();
            open_station(&config)
        };
        for open in [("0.0.0.0", None, ""), ("::", None, ""), ("192.0.2.1", None, "c"), ("127.0.0.1", Some("::"), "c")]
        {
            let text = told(open.0, open.1, open.2, "").unwrap_or_default();
            assert!(text.contains("set station.password"), "{open:?}: {text}");
            assert_eq!(told(open.0, open.1, open.2, "hush"), None);
        }
        for closed in [("127.0.0.1", None, ""), ("::1", None, "c"), ("127.0.0.1", Some("0.0.0.0"), "")] {
            assert_eq!(told(closed.0, closed.1, closed.2, ""), None, "{closed:?}");
        }
    }
}
