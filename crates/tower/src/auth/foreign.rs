//! Requests that a browser makes because a page of somebody else's told it to (SPEC API-1).
//!
//! A browser gives away what it has, whoever wrote the page: a cookie, a password that it was asked for once, a place
//! behind the firewall. It does say for whom it asks, and no page can change what it says. Programs say nothing of the kind.

use crate::request::head::Head;
use crate::request::origin::Origin;

/// Whether a page of another site made the browser ask this.
#[must_use]
pub fn is_foreign(head: &Head, origin: &Origin) -> bool {
    let said = |name| head.header(name);
    is_of_another_site(said("sec-fetch-site").as_deref(), said("origin").as_deref(), host_of(origin))
}

/// Whether a browser asks and does not say for whom: over plain HTTP, of another machine, none does so with a mere GET.
/// What has been asked so may be a picture on any page.
#[must_use]
pub fn is_unsaid(head: &Head, origin: &Origin) -> bool {
    let is_browser = head.user_agent.starts_with("Mozilla/5.0") && head.header("accept-language").is_some();
    let is_said = ["sec-fetch-site", "origin"].into_iter().any(|name| head.header(name).is_some());
    let own_page =
        |page: String| is_at(page.splitn(4, '/').take(3).collect::<Vec<_>>().join("/").as_str(), host_of(origin));
    is_browser && !is_said && !head.header("referer").is_some_and(own_page)
}

fn host_of(origin: &Origin) -> &str {
    origin.host.as_deref().unwrap_or_default().trim()
}

/// The same of `Sec-Fetch-Site`, `Origin` and the host that was asked, whose scheme is the browser's own affair: before a
/// proxy it may be another.
fn is_of_another_site(site: Option<&str>, origin: Option<&str>, host: &str) -> bool {
    match site.map(str::trim) {
        // Whatever a proxy made of the host.
        Some("same-origin") => false,
        Some("cross-site" | "same-site") => true,
        _ => origin.is_some_and(|origin| !is_at(origin.trim(), host)),
    }
}

/// Whether `origin` is a page of `host`. `null`, which says that it is not to be known whose the page is, is of none.
fn is_at(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    !host.is_empty() && bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head;
    use radio_config::Server;

    #[test]
    fn a_page_is_foreign_where_the_browser_says_so_and_a_program_never_is() {
        let host = "radio.example:8000";
        let own = Some("http://radio.example:8000");
        for (site, origin, is_foreign) in [
            (None, None, false),
            (Some("none"), None, false),
            (Some("same-origin"), own, false),
            (None, own, false),
            (None, Some("HTTP://Radio.Example:8000"), false),
            (Some("same-origin"), Some("https://outside.example"), false),
            (Some("cross-site"), None, true),
            (Some("cross-site"), own, true),
            (Some("same-site"), None, true),
            (Some("none"), Some("http://evil.example"), true),
            (None, Some("http://evil.example"), true),
            (None, Some("http://radio.example"), true),
            (None, Some("http://radio.example:8001"), true),
            (None, Some("http://radio.example:8000.evil.example"), true),
            (None, Some("null"), true),
            (None, Some(""), true),
            (None, Some("radio.example:8000"), true),
        ] {
            assert_eq!(is_of_another_site(site, origin, host), is_foreign, "{site:?} {origin:?}");
        }
    }

    #[test]
    fn a_port_that_goes_without_saying_need_not_be_said_and_no_host_is_nobodys() {
        let is_foreign = |origin, host| is_of_another_site(None, Some(origin), host);
        assert!(!is_foreign("https://radio.example", "radio.example:443"));
        assert!(!is_foreign("http://radio.example", "radio.example:80"));
        assert!(!is_foreign("http://[::1]:8000", "[::1]:8000"));
        assert!(is_foreign("https://radio.example", "radio.example:80"));
        assert!(is_foreign("http://radio.example", "") && is_foreign("http://", ""));
    }

    #[test]
    fn a_browser_that_does_not_say_for_whom_it_asks_is_known_by_its_words() {
        let is_unsaid = |lines: &str| {
            let head = head::parse(format!("GET /x HTTP/1.1\r\nHost: radio:8000\r\n{lines}\r\n").as_bytes());
            let (head, server) = (head.unwrap().unwrap(), Server::default());
            is_unsaid(&head, &Origin::of(&head, "192.0.2.1:9".parse().unwrap(), &server))
        };
        let browser = "User-Agent: Mozilla/5.0 (X11)\r\nAccept-Language: en\r\n";
        assert!(is_unsaid(browser));
        for page in ["http://evil.example/", "http://radio:8000.evil.example/x", "about:blank"] {
            assert!(is_unsaid(&format!("{browser}Referer: {page}\r\n")), "{page}");
        }
        for page in ["http://radio:8000", "http://radio:8000/admin?a=b/c"] {
            assert!(!is_unsaid(&format!("{browser}Referer: {page}\r\n")), "{page}");
        }
        assert!(!is_unsaid(&format!("{browser}Sec-Fetch-Site: none\r\n")), "he has typed it in himself");
        for program in
            ["", "User-Agent: curl/8\r\n", "User-Agent: ShoutcastDSP (Mozilla Compatible)\r\nAccept-Language: en\r\n"]
        {
            assert!(!is_unsaid(program), "{program}");
        }
    }
}
