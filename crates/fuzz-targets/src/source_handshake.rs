//! The request and the body of a source.

use radio_tower::auth::credentials::Credentials;
use radio_tower::request::framing::Framing;
use radio_tower::request::head;
use radio_tower::source::body::Body;
use radio_tower::source::handshake::{Mount, Verdict, decide};
use std::io::Read;

/// No request is admitted without the password, and no body is longer than what was sent.
pub fn run(bytes: &[u8]) {
    let (read, rest) = bytes.split_at(bytes.len().min(head::HEAD_BYTES_MAX));
    let Ok(Some(head)) = head::parse(read) else { return };
    let credentials = Credentials::new("source", "a password that no fuzzer finds");
    let mount = Mount { credentials: &credentials, is_busy: false, must_wait: false };
    assert!(!matches!(decide(&head, Some(mount)), Verdict::Admit(_)));
    for framing in [Framing::UntilEnd, Framing::Length(100), Framing::Chunked] {
        let mut all = Vec::new();
        let mut body = Body::new(rest, framing, head.beyond().to_vec(), Default::default());
        body.read_to_end(&mut all).expect("a body never fails");
        assert!(all.len() <= head.beyond().len() + rest.len() && body.end().is_some());
    }
}
