//! Any bytes as a request head, in two pieces: no panic, stated limits, and what is refused early is refused whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use radio_tower::http::head::{self, TARGET_BYTES_MAX};

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let bytes = &bytes[..bytes.len().min(head::HEAD_BYTES_MAX)];
    let first = head::parse(&bytes[..usize::from(cut).min(bytes.len())]);
    let whole = head::parse(bytes);
    match first {
        Err(_) => assert!(whole.is_err()),
        // A head that is complete is not changed by what follows it.
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
});
