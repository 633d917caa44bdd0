//! The signature of a delivery: by it a receiver knows who sent it, and when.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;

/// `sha256=` and HMAC-SHA256 of `timestamp.body` in hexadecimal digits.
///
/// The time is signed too, so that a delivery that somebody has overheard is worth nothing later.
#[must_use]
pub fn signature(secret: &str, timestamp_s: u64, body: &[u8]) -> String {
    let mut text = String::from("sha256=");
    // A key of any length is one for HMAC.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("{timestamp_s}.").as_bytes());
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_makes_of_time_and_body() {
        // printf '1700000000.{"id":7}' | openssl dgst -sha256 -hmac 'a secret of some length'
        let made = signature("a secret of some length", 1_700_000_000, b"{\"id\":7}");
        assert_eq!(made, "sha256=521eb9c6c3a4f961b767493edbda5b2598c2f2307117f80b6ae0d537b8b77508");
    }
}
