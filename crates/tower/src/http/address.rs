//! The address under which somebody has reached the tower, for links that lead him back to it.

use crate::state::Tower;

/// Whether the header `X-Forwarded-Proto`, from a reverse proxy or from the tower's own TLS, says that a browser speaks
/// https. Whoever lies about it fools himself: he gets links and a cookie that he cannot use.
#[must_use]
pub fn is_https(forwarded_proto: &str) -> bool {
    forwarded_proto.eq_ignore_ascii_case("https")
}

/// `http://HOST` or `https://HOST`, without a slash at the end. `host` is what the request calls the tower; what is no name and no address
/// would be somebody's trick, and is answered with the tower's own.
#[must_use]
pub fn base(tower: &Tower, host: Option<&str>, is_https: bool) -> String {
    let configured = || format!("{}:{}", tower.config.server.host, tower.config.server.port);
    let scheme = if is_https { "https" } else { "http" };
    format!("{scheme}://{}", host.filter(|host| is_host(host)).map_or_else(configured, str::to_owned))
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
