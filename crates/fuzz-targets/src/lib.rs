//! Fuzz targets: functions that take any bytes and panic if the code under test breaks a rule.
//!
//! `tests/corpora` runs each on its committed corpus and on seeded mutations of it; `cargo xtask fuzz NAME` runs
//! libFuzzer. [`TARGETS`] lists them.
#![forbid(unsafe_code)]

pub mod decoder_record;
pub mod formats;
pub mod header;
pub mod icy;
mod muted;
mod ogg;
pub mod packetizer;
pub mod place;
pub mod proxy_header;
pub mod request_head;
pub mod ring;
pub mod source_handshake;
mod table;
pub mod titles;

pub use table::{TARGETS, Target};

use arbitrary::{Arbitrary, Unstructured};

/// The function of the target called `name`.
#[must_use]
pub fn function(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "decoder_record" => decoder_record::run,
        "formats" => formats::run,
        "header" => header::run,
        "icy" => icy::run,
        "packetizer" => packetizer::run,
        "place" => place::run,
        "proxy_header" => proxy_header::run,
        "request_head" => request_head::run,
        "ring" => ring::run,
        "source_handshake" => source_handshake::run,
        "titles" => titles::run,
        _ => return None,
    })
}

/// Decodes structured input as `libfuzzer_sys::fuzz_target!` does; `None` if there are too few bytes.
///
/// The types in use have a fixed size, and `&[u8]` last takes the rest: so dictionary words and spliced pieces stay whole.
fn decode<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    if bytes.len() < T::size_hint(0).0 {
        return None;
    }
    T::arbitrary_take_rest(Unstructured::new(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_function_and_no_input_is_too_short() {
        for target in TARGETS {
            let run = function(target.name).unwrap_or_else(|| panic!("{} has no function", target.name));
            (0..=target.bytes_max.min(100)).for_each(|length| run(&vec![0xFF; length]));
        }
        assert!(function("none").is_none());
        assert!(TARGETS.is_sorted_by_key(|target| target.name));
    }

    #[test]
    fn fixed_fields_come_first_and_the_rest_is_contiguous() {
        assert_eq!(decode::<(u16, u8, &[u8])>(b"\x01\x02\x03rest"), Some((0x0201, 3, &b"rest"[..])));
        assert_eq!(decode::<(u16, u8, &[u8])>(b"\x01\x02"), None);
    }
}
