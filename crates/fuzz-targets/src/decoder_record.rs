//! The messages between the tower and its decoder processes, which foreign bytes may have taken over.

use radio_decode::protocol::{MESSAGE_BYTES_MAX, Record, Request};

/// What is accepted is within its limit and is written as it was read, so that nothing is hidden in it.
pub fn run(bytes: &[u8]) {
    if let Ok(record) = Record::decode(bytes) {
        assert_eq!(record.encode(), bytes);
        assert!(bytes.len() <= MESSAGE_BYTES_MAX);
    }
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(request.encode(), bytes);
    }
}
