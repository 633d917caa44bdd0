//! The chunked coding of a body, undone as it arrives (RFC 9112, 7.1).

/// Hexadecimal digits of a chunk's size at most, leading zeros aside: no chunk is 256 MiB long.
const SIZE_DIGITS_MAX: u8 = 7;
/// Leading zeros of one size, bytes of extensions behind it, and bytes of all trailers, at most.
const ASIDE_BYTES_MAX: usize = 4096;

/// Where in the coding the next byte lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a size, of which so many zeros and then so many digits have come.
    Size {
        value: usize,
        zeros: usize,
        digits: u8,
    },
    /// Behind a size, up to the end of its line.
    Extension {
        size: usize,
        bytes: usize,
    },
    SizeLf {
        size: usize,
    },
    Data {
        left: usize,
    },
    DataCr,
    DataLf,
    /// In the lines behind the last chunk.
    Trailer {
        bytes: usize,
        line_is_empty: bool,
    },
    End,
}

/// Where a chunk begins.
const SIZE: Place = Place::Size { value: 0, zeros: 0, digits: 0 };

/// The bytes are no chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A body being decoded.
#[derive(Clone, Debug)]
pub struct Chunked {
    place: Place,
}

impl Chunked {
    /// At the beginning of a body.
    #[must_use]
    pub const fn new() -> Self {
        Self { place: SIZE }
    }

    /// Whether the last chunk and its trailers are over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.place == Place::End
    }

    /// Moves data from `coded` to `plain`; gives the bytes taken from the one and put into the other. It stops when
    /// either is exhausted, or the body is over.
    ///
    /// # Errors
    /// The bytes are no chunks; nothing more can be read.
    pub fn decode(&mut self, coded: &[u8], plain: &mut [u8]) -> Result<(usize, usize), Malformed> {
        let (mut taken, mut put) = (0, 0);
        while taken < coded.len() && self.place != Place::End {
            if let Place::Data { left } = self.place {
                let count = left.min(coded.len() - taken).min(plain.len() - put);
                if count == 0 {
                    break;
                }
                plain[put..put + count].copy_from_slice(&coded[taken..taken + count]);
                (taken, put) = (taken + count, put + count);
                self.place = if count == left { Place::DataCr } else { Place::Data { left: left - count } };
            } else {
                self.place = after(self.place, coded[taken])?;
                taken += 1;
            }
        }
        Ok((taken, put))
    }
}

impl Default for Chunked {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the byte after `byte` lies; for places outside the data.
fn after(place: Place, byte: u8) -> Result<Place, Malformed> {
    match (place, byte) {
        (Place::Size { zeros, digits: 0, .. }, b'0') if zeros < ASIDE_BYTES_MAX => {
            Ok(Place::Size { value: 0, zeros: zeros + 1, digits: 0 })
        }
        (Place::Size { value, zeros, digits }, _) if byte.is_ascii_hexdigit() => {
            let digit = char::from(byte).to_digit(16).unwrap_or(0) as usize;
            if digits == SIZE_DIGITS_MAX {
                return Err(Malformed);
            }
            Ok(Place::Size { value: value * 16 + digit, zeros, digits: digits + 1 })
        }
        (Place::Size { zeros: 0, digits: 0, .. }, _) => Err(Malformed),
        (Place::Size { value: size, .. } | Place::Extension { size, .. }, b'\r') => Ok(Place::SizeLf { size }),
        (Place::Size { value: size, .. }, b';' | b' ' | b'\t') => Ok(Place::Extension { size, bytes: 0 }),
        (Place::Extension { size, bytes }, _) if byte != b'\n' && bytes < ASIDE_BYTES_MAX => {
            Ok(Place::Extension { size, bytes: bytes + 1 })
        }
        (Place::SizeLf { size: 0 }, b'\n') => Ok(Place::Trailer { bytes: 0, line_is_empty: true }),
        (Place::SizeLf { size }, b'\n') => Ok(Place::Data { left: size }),
        (Place::DataCr, b'\r') => Ok(Place::DataLf),
        (Place::DataLf, b'\n') => Ok(SIZE),
        (Place::Trailer { line_is_empty: true, .. }, b'\n') => Ok(Place::End),
        (Place::Trailer { bytes, line_is_empty }, _) if bytes < ASIDE_BYTES_MAX => {
            let line_is_empty = byte == b'\n' || (line_is_empty && byte == b'\r');
            Ok(Place::Trailer { bytes: bytes + 1, line_is_empty })
        }
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `coded`, given in pieces of these sizes, into pieces of `room`.
    fn decode(coded: &[u8], sizes: &[usize], room: usize) -> Result<(Vec<u8>, bool), Malformed> {
        let (mut chunked, mut all, mut plain) = (Chunked::new(), Vec::new(), vec![0; room]);
        let mut rest = coded;
        for &size in sizes.iter().cycle() {
            let mut piece = &rest[..size.min(rest.len())];
            rest = &rest[piece.len()..];
            while !piece.is_empty() && !chunked.is_over() {
                let (taken, put) = chunked.decode(piece, &mut plain)?;
                assert!(taken + put > 0, "it goes on or it is over");
                all.extend_from_slice(&plain[..put]);
                piece = &piece[taken..];
            }
            if rest.is_empty() {
                return Ok((all, chunked.is_over()));
            }
        }
        unreachable!("there are sizes")
    }

    #[test]
    fn chunks_extensions_and_trailers_are_taken_off() {
        let coded = b"3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX: y\r\n\r\nnext";
        assert_eq!(decode(coded, &[100], 100), Ok((b"abc0123456789".to_vec(), true)));
        // Some programs write every size with eight digits (RFC 9112, 7.1 allows any number).
        let padded = [&b"00000003\r\nabc\r\n"[..], &[b'0'; ASIDE_BYTES_MAX], b"a\r\n0123456789\r\n00000000\r\n\r\n"];
        assert_eq!(decode(&padded.concat(), &[100], 100), Ok((b"abc0123456789".to_vec(), true)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bad in [&b"x\r\n"[..], b"\r\n", b"3\r\nabcd\r\n", b"12345678\r\n", b"3\rx", b"3\nabc", b"3\r\nabc\n"] {
            assert_eq!(decode(bad, &[1], 10), Err(Malformed), "{bad:?}");
        }
        let endless = [&b"1;"[..], &[b'x'; ASIDE_BYTES_MAX + 2]].concat();
        assert_eq!(decode(&endless, &[1000], 10), Err(Malformed));
        assert_eq!(decode(&[b'0'; ASIDE_BYTES_MAX + 8], &[1000], 10), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_body_in_any_pieces_comes_out_as_it_was(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..20),
            sizes in proptest::collection::vec(1usize..200, 1..5),
            room in 1usize..100,
        ) {
            let mut coded = Vec::new();
            for chunk in &chunks {
                coded.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                coded.extend_from_slice(chunk);
                coded.extend_from_slice(b"\r\n");
            }
            coded.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(decode(&coded, &sizes, room), Ok((chunks.concat(), true)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 1..500), size in 1usize..50) {
            let _ = decode(&bytes, &[size], 7);
        }
    }
}
