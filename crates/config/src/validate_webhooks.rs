//! What must hold for `[[webhook]]` beyond the types.

use super::check::Check;
use super::keys::nearest_word;
use super::limits::{PASSWORD_BYTES_MAX, TITLE_BYTES_MAX};
use super::schema::Config;
use http::Uri;
use radio_base::journal::event::KINDS;

/// Longest URL.
const URL_BYTES_MAX: usize = 2048;
/// One who sees a delivery can try secrets as fast as his machine can; a short one would be found.
const SECRET_BYTES_MIN: usize = 16;

impl Check {
    pub(super) fn webhooks(&mut self, config: &Config) {
        for (i, webhook) in config.webhook.iter().enumerate() {
            let key = |name: &str| format!("webhook.{i}.{name}");
            self.line(&key("name"), &webhook.name, TITLE_BYTES_MAX);
            if webhook.name.is_empty() || config.webhook[..i].iter().any(|other| other.name == webhook.name) {
                let message = format!("`{}` is empty or that of another webhook; give each its own", key("name"));
                self.add(&[&key("name")], message);
            }
            if let Some(wrong) = url_error(&webhook.url) {
                self.add(&[&key("url")], format!("`{}` {wrong}", key("url")));
            }
            self.line(&key("secret"), &webhook.secret, PASSWORD_BYTES_MAX);
            if webhook.secret.len() < SECRET_BYTES_MIN {
                let message = format!(
                    "`{}` must have at least {SECRET_BYTES_MIN} bytes, for it signs every delivery; `openssl rand -hex 32` \
                     makes one",
                    key("secret")
                );
                self.add(&[&key("secret")], message);
            }
            self.kinds(&key("kinds"), &webhook.kinds);
        }
    }

    fn kinds(&mut self, key: &str, kinds: &[String]) {
        if kinds.is_empty() {
            self.add(&[key], format!("`{key}` is empty; name the kinds that are wanted, or take the webhook out"));
        }
        if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            let meant =
                nearest_word(unknown, KINDS).map_or_else(String::new, |meant| format!("; did you mean \"{meant}\"?"));
            let all = KINDS.join(", ");
            let message = format!(
                "`{key}`: there is no kind of event \"{}\"{meant} (all of them: {all})",
                unknown.escape_debug()
            );
            self.add(&[key], message);
        }
    }
}

/// What is wrong with a URL. It is not shown: its path may be a secret.
pub(super) fn url_error(url: &str) -> Option<&'static str> {
    if url.is_empty() {
        return Some("must be given: where events are posted to");
    }
    if url.len() > URL_BYTES_MAX {
        return Some("is longer than 2048 bytes");
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return Some("is no URL; write it as \"https://host/path\", with what is special in it percent-encoded");
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Some("must begin with http:// or https://");
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Some("cannot have a user or password; there are keys of their own for that")
        }
        Some(authority) if !authority.host().is_empty() => None,
        _ => Some("names no host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_that_can_be_posted_to_is_one() {
        for good in ["http://127.0.0.1:9/", "https://hooks.example/a/b?c=d", "https://[::1]:8443", "http://localhost"] {
            assert_eq!(url_error(good), None, "{good}");
        }
        for bad in
            ["", "/path", "host/path", "ftp://host/", "https://", "http://a b/", "https://me:pw@host/", "http://:80/"]
        {
            assert!(url_error(bad).is_some(), "{bad}");
        }
        assert!(url_error(&format!("http://host/{}", "x".repeat(URL_BYTES_MAX))).is_some());
    }
}
