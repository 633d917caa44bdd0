//! The password line and the headers of a Shoutcast source.

use radio_tower::http::shoutcast_source;
use radio_tower::request::head::HEAD_BYTES_MAX;
use radio_tower::source::doors::Pass;

/// Whatever the headers say, the request made of them is for the mount of the password, with its credentials.
pub fn run(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let Some(end) = shoutcast_source::line_end(bytes) else { return };
    let Some(length) = shoutcast_source::headers_end(&bytes[end..]) else { return };
    let pass = Pass { mount: "/live".into(), authorization: "Authorization: Basic eDp5".into() };
    if let Some(head) = shoutcast_source::as_http(&pass, &bytes[end..end + length]) {
        assert_eq!((head.method.as_str(), head.path.as_str()), ("SOURCE", "/live"));
        assert_eq!(head.authorization, "Basic eDp5");
        assert!(head.header("transfer-encoding").is_none() && head.header("content-length").is_none());
    }
}
