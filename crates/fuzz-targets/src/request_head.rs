//! The head of a request that arrives in two pieces.
//!
//! Input: the length of the first piece (two bytes, little-endian), then the head.

use crate::decode;
use radio_tower::request::head::{self, TARGET_BYTES_MAX};

/// The stated limits hold, and what is refused or complete after the first piece stays so.
pub fn run(bytes: &[u8]) {
    let Some((cut, bytes)) = decode::<(u16, &[u8])>(bytes) else { return };
    let bytes = &bytes[..bytes.len().min(head::HEAD_BYTES_MAX)];
    let first = head::parse(&bytes[..usize::from(cut).min(bytes.len())]);
    let whole = head::parse(bytes);
    match first {
        Err(_) => assert!(whole.is_err()),
        // A complete head is not changed by what follows it.
        Ok(Some(first)) => {
            let whole = whole.expect("it was good").expect("it was complete");
            assert_eq!((first.method, first.path, first.query), (whole.method, whole.path, whole.query));
        }
        Ok(None) => {
            if let Ok(Some(head)) = whole {
                assert!(head.path.len() + head.query.len() <= TARGET_BYTES_MAX);
                assert!(!head.path.contains('?') && head.minor_version <= 1);
                let _ = (head.query_value("burst"), head.wants_titles);
            }
        }
    }
}
