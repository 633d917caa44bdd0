//! `[tls]`: a second port, on which the same is said in secret.

use super::check::Check;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Address to listen on; `server.host` if there is none.
    pub host: Option<IpAddr>,
    /// TCP port, 0 to let the system choose one.
    pub port: u16,
    /// PEM file with the certificate and those above it; empty: no TLS.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// Listeners over TLS; the next one gets 503.
    pub listeners_max: u32,
    /// For how long browsers are told to come over TLS only, in seconds; 0: they are not told.
    pub hsts_s: u64,
}

impl Tls {
    /// Whether there is a second port.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            host: None,
            port: 8443,
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            listeners_max: 1000,
            hsts_s: 0,
        }
    }
}

impl Check {
    /// `server_host` and `server_port` are those of the port without TLS.
    pub(super) fn tls(&mut self, tls: &Tls, server_host: IpAddr, server_port: u16) {
        if tls.is_on() == tls.key.as_os_str().is_empty() {
            let message = "`tls.certificate` and `tls.key` belong together; give both files, or neither";
            self.add(&["tls.certificate", "tls.key"], message.into());
        }
        let is_same_host = tls.host.is_none_or(|host| host == server_host);
        if tls.is_on() && is_same_host && tls.port == server_port && tls.port != 0 {
            let message = format!("`tls.port` and `server.port` are both {}; give each its own", tls.port);
            self.add(&["tls.port", "server.port"], message);
        }
    }
}
