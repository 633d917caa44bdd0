//! Which tower, which of its mounts, and with whose password: `http://admin:token@host:port/mount`.

use crate::http::routes;
use anyhow::{Context, bail};
use axum::http::Uri;
use base64::Engine;
use std::fmt;

/// The mount that is meant where the URL names none.
const DEFAULT_MOUNT: &str = "/stream";

/// A place on a tower. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Name or address, without the brackets of IPv6.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path of the mount, with its query.
    pub path: String,
    /// Who asks, if the URL says so.
    pub user: Option<String>,
    /// And the password.
    pub password: Option<String>,
}

impl Target {
    /// Reads a URL; without a scheme it is `http`, without a path the mount `/stream`.
    ///
    /// # Errors
    /// What is wrong with it, and how it is written.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        const WANTED: &str = "write http://HOST:PORT/MOUNT, such as http://127.0.0.1:8000/stream";
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if whole.starts_with("https:") {
            bail!("this command speaks no TLS: run it beside the tower, and {WANTED}");
        }
        // Whatever is said of a URL that cannot be read must not show the password in it.
        let uri: Uri = whole.parse().ok().with_context(|| format!("this is no URL; {WANTED}"))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            bail!("this is no URL of a tower; {WANTED}");
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            bail!("the URL names no host; {WANTED}");
        }
        let userinfo = authority.as_str().rsplit_once('@').map(|(userinfo, _)| userinfo);
        let (user, password) = match userinfo.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((user, password)) => (Some(unescape(user)), Some(unescape(password))),
            None => (None, None),
        };
        let (query, token) = split_token(uri.query().unwrap_or_default());
        // The monitor's address, as the tower prints it, names the tower and its token.
        let mount = match uri.path() {
            "/" | routes::MONITOR => DEFAULT_MOUNT,
            path => path,
        };
        let path = if query.is_empty() { mount.to_owned() } else { format!("{mount}?{query}") };
        let not_empty = |text: &String| !text.is_empty();
        let (user, password) = (user.filter(not_empty), password.filter(not_empty));
        let password = password.or(token.filter(not_empty));
        Ok(Self { host, port: authority.port_u16().unwrap_or(80), path, user, password })
    }

    /// The same tower at another path.
    #[must_use]
    pub(super) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// Path of the mount, without a query.
    #[must_use]
    pub(super) fn mount(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// `host:port`, as a URL has it.
    #[must_use]
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The value of `Authorization`, if there is a password.
    #[must_use]
    pub(super) fn authorization(&self) -> Option<String> {
        let user = self.user.as_deref().unwrap_or("admin");
        let credentials = format!("{user}:{}", self.password.as_deref()?);
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials)))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// A query without its `token=`, and that token: it is a password, which belongs neither on the screen nor to a mount.
fn split_token(query: &str) -> (String, Option<String>) {
    let (tokens, others): (Vec<_>, Vec<_>) = query.split('&').partition(|part| part.starts_with("token="));
    (others.join("&"), tokens.first().and_then(|part| part.strip_prefix("token=")).map(unescape))
}

/// `%41` is `A`; what is no such escape stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]).1,
            None => (bytes.push(first), rest = after).1,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_tower_mount_and_credentials() {
        let target = Target::parse("http://admin:s%40cret@radio.example:8001/hq.mp3?burst=30").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("radio.example", 8001));
        assert_eq!((target.path.as_str(), target.mount()), ("/hq.mp3?burst=30", "/hq.mp3"));
        assert_eq!((target.user.as_deref(), target.password.as_deref()), (Some("admin"), Some("s@cret")));
        assert_eq!(target.authorization().unwrap(), "Basic YWRtaW46c0BjcmV0");
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let target = Target::parse("127.0.0.1:8000").unwrap();
        assert_eq!(target.to_string(), "http://127.0.0.1:8000/stream");
        assert_eq!((target.authorization(), &target.user), (None, &None));
        assert_eq!(Target::parse("http://[::1]/").unwrap().to_string(), "http://[::1]:80/stream");
        assert_eq!(Target::parse("http://[::1]/").unwrap().host, "::1");
    }

    #[test]
    fn a_token_is_a_password_and_the_monitors_address_will_do() {
        let target = Target::parse("http://127.0.0.1:8000/admin/monitor?token=hush").unwrap();
        assert_eq!((target.path.as_str(), target.password.as_deref()), ("/stream", Some("hush")));
        let target = Target::parse("http://127.0.0.1:8000/hq?burst=3&token=hush&x=1").unwrap();
        assert_eq!((target.path.as_str(), target.password.as_deref()), ("/hq?burst=3&x=1", Some("hush")));
    }

    #[test]
    fn a_password_is_not_shown() {
        let target = Target::parse("http://admin:hush@127.0.0.1:8000/stream").unwrap();
        assert!(!format!("{target} {target:?}").contains("hush"));
        for wrong in
            ["http://admin:hush@", "ftp://admin:hush@host/", "https://admin:hush@host/", "http://admin:hush@ x"]
        {
            let error = format!("{:#}", Target::parse(wrong).unwrap_err());
            assert!(!error.contains("hush") && error.contains("http://HOST"), "{error}");
        }
    }
}
