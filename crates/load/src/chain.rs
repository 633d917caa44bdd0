//! One listener's bytes as a chain of numbered frames.

use crate::frame::{frame_bytes, header, same_stream};
use crate::table::{Table, Verdict};
use serde::{Deserialize, Serialize};

/// Bytes in which a listener's place in the stream is sought before it counts as lost.
const BYTES_SOUGHT_MAX: usize = 64 * 1024;

/// Number that the first frame gets on a server that does not number.
const FIRST_NUMBER: u64 = 1 << 20;

/// What was found in one listener's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Bytes that were what the others were sent.
    pub good_bytes: u64,
    /// Bytes that could not be compared.
    pub unchecked_bytes: u64,
    /// Times that it continued, on a frame boundary, with a later frame.
    pub skips: u64,
    /// Frames left out by that.
    pub frames_skipped: u64,
    /// Times that its bytes were neither the next ones nor those of a later frame.
    pub sync_losses: u64,
}

impl Tally {
    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.good_bytes += other.good_bytes;
        self.unchecked_bytes += other.unchecked_bytes;
        self.skips += other.skips;
        self.frames_skipped += other.frames_skipped;
        self.sync_losses += other.sync_losses;
    }
}

/// Where a listener is.
pub struct Chain {
    place: Place,
    /// What was found so far.
    pub tally: Tally,
}

enum Place {
    /// The server did not say: the bytes so far, in which frames are sought.
    Unknown { bytes: Vec<u8>, bytes_sought: usize },
    /// The next byte is this one.
    At { frame: u64, offset: usize },
    /// Its frame is not `expected`: the bytes of it so far.
    Other { expected: u64, bytes: Vec<u8> },
    /// Nothing can be said any more.
    Lost,
}

impl Chain {
    /// A chain that begins with frame `first`, if the server said so.
    #[must_use]
    pub fn new(first: Option<u64>) -> Self {
        let place = match first {
            Some(frame) => Place::At { frame, offset: 0 },
            None => Place::Unknown { bytes: Vec::new(), bytes_sought: 0 },
        };
        Self { place, tally: Tally::default() }
    }

    /// Takes the next bytes. The first ones of all listeners together make the table.
    pub fn feed(&mut self, mut bytes: &[u8], table: &mut Option<Table>) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Lost => {
                    self.tally.unchecked_bytes += bytes.len() as u64;
                    return;
                }
                Place::Unknown { bytes: so_far, bytes_sought } => {
                    so_far.extend_from_slice(bytes);
                    match align(so_far, bytes_sought, table) {
                        Alignment::More => {}
                        Alignment::Never => {
                            let length = so_far.len();
                            self.place = self.lost(length);
                        }
                        Alignment::At(frame) => {
                            let aligned = std::mem::take(so_far);
                            self.place = Place::At { frame, offset: 0 };
                            self.feed(&aligned, table);
                        }
                    }
                    return;
                }
                Place::At { frame, offset } => {
                    let (frame, offset) = (*frame, *offset);
                    let Some(table) = ensure_table(table, bytes) else {
                        self.place = self.lost(bytes.len());
                        return;
                    };
                    let length = bytes.len().min(table.frame_bytes() - offset);
                    let (piece, rest) = bytes.split_at(length);
                    bytes = rest;
                    match table.offer(frame, offset, piece) {
                        Verdict::Good => self.tally.good_bytes += length as u64,
                        Verdict::Forgotten => self.tally.unchecked_bytes += length as u64,
                        Verdict::Differs => {
                            // Counted when its frame is known.
                            self.tally.good_bytes = self.tally.good_bytes.saturating_sub(offset as u64);
                            let mut other = table.beginning(frame, offset).to_vec();
                            other.extend_from_slice(piece);
                            self.place = Place::Other { expected: frame, bytes: other };
                            self.identify(table);
                            continue;
                        }
                    }
                    let end = offset + length;
                    let whole = end == table.frame_bytes();
                    self.place = if whole {
                        Place::At { frame: frame + 1, offset: 0 }
                    } else {
                        Place::At { frame, offset: end }
                    };
                }
                Place::Other { bytes: other, .. } => {
                    let Some(table) = table else { return };
                    let length = bytes.len().min(table.frame_bytes() - other.len());
                    other.extend_from_slice(&bytes[..length]);
                    bytes = &bytes[length..];
                    self.identify(table);
                }
            }
        }
    }

    /// Once the unexpected frame is whole: is it a later one (a skip), or nothing that others were sent?
    fn identify(&mut self, table: &Table) {
        let Place::Other { expected, bytes } = &self.place else { return };
        if bytes.len() < table.frame_bytes() {
            return;
        }
        match table.find(bytes) {
            Some(found) if found > *expected => {
                self.tally.skips += 1;
                self.tally.frames_skipped += found - expected;
                self.tally.good_bytes += bytes.len() as u64;
                self.place = Place::At { frame: found + 1, offset: 0 };
            }
            _ => self.place = self.lost(bytes.len()),
        }
    }

    fn lost(&mut self, bytes: usize) -> Place {
        self.tally.sync_losses += 1;
        self.tally.unchecked_bytes += bytes as u64;
        Place::Lost
    }
}

/// The table, begun by the first header that anybody was sent.
fn ensure_table<'a>(table: &'a mut Option<Table>, bytes: &[u8]) -> Option<&'a mut Table> {
    if table.is_none() {
        *table = Table::new(header(bytes)?);
    }
    table.as_mut()
}

enum Alignment {
    At(u64),
    More,
    Never,
}

/// Finds a frame boundary in `bytes` (two headers at their distance) and the number of the frame there; drops what is
/// before it.
fn align(bytes: &mut Vec<u8>, bytes_sought: &mut usize, table: &mut Option<Table>) -> Alignment {
    let mut at = 0;
    while let Some(first) = bytes.get(at..).and_then(header) {
        let Some(length) = frame_bytes(first) else {
            at += 1;
            continue;
        };
        let Some(second) = bytes.get(at + length..).and_then(header) else {
            break;
        };
        if !same_stream(first, second) {
            at += 1;
            continue;
        }
        let number = match table {
            None => Some(FIRST_NUMBER),
            Some(table) => table.find(&bytes[at..at + length]),
        };
        if let Some(number) = number {
            bytes.drain(..at);
            return Alignment::At(number);
        }
        at += length;
    }
    bytes.drain(..at);
    *bytes_sought += at;
    if *bytes_sought > BYTES_SOUGHT_MAX { Alignment::Never } else { Alignment::More }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::synthetic;

    fn frames(numbers: std::ops::Range<u64>) -> Vec<u8> {
        numbers.flat_map(|number| synthetic(number, 128)).collect()
    }

    /// What a listener that got `bytes` is found to have been sent, after another one got frames 0 to 99.
    fn tally(first: Option<u64>, bytes: &[u8]) -> Tally {
        let mut table = None;
        let mut other = Chain::new(first.map(|_| 0));
        other.feed(&frames(0..100), &mut table);
        assert_eq!(other.tally, Tally { good_bytes: 38_400, ..Tally::default() });
        let mut chain = Chain::new(first);
        // In pieces that do not fit the frames.
        bytes.chunks(77).for_each(|piece| chain.feed(piece, &mut table));
        chain.tally
    }

    #[test]
    fn the_same_bytes_are_good_and_may_run_ahead() {
        let good = tally(Some(20), &frames(20..120));
        assert_eq!(good, Tally { good_bytes: 38_400, ..Tally::default() });
    }

    #[test]
    fn each_changed_byte_is_a_sync_loss() {
        for at in [0, 3, 100, 384, 3839] {
            let mut bytes = frames(20..30);
            bytes[at] ^= 0x80;
            assert_eq!(tally(Some(20), &bytes).sync_losses, 1, "byte {at}");
        }
    }

    #[test]
    fn a_lost_a_doubled_and_an_inserted_byte_are_sync_losses() {
        let good = frames(20..30);
        let lost = [&good[..1000], &good[1001..]].concat();
        let doubled = [&good[..1000], &good[999..]].concat();
        let inserted = [&good[..1000], &[0], &good[1000..]].concat();
        for bytes in [lost, doubled, inserted] {
            assert_eq!(tally(Some(20), &bytes).sync_losses, 1);
        }
    }

    #[test]
    fn a_skip_to_a_later_frame_is_counted_and_a_repeated_frame_is_a_sync_loss() {
        let skipped = [frames(20..25), frames(40..45)].concat();
        let found = tally(Some(20), &skipped);
        assert_eq!((found.skips, found.frames_skipped, found.sync_losses, found.good_bytes), (1, 15, 0, 3840));
        let repeated = [frames(20..25), frames(24..30)].concat();
        assert_eq!(tally(Some(20), &repeated).sync_losses, 1);
        let within_a_frame = [&frames(20..25)[..1000], &frames(40..45)].concat();
        assert_eq!(tally(Some(20), &within_a_frame).sync_losses, 1);
    }

    #[test]
    fn a_wrong_first_number_is_a_skip() {
        assert_eq!(tally(Some(19), &frames(20..30)).skips, 1);
    }

    #[test]
    fn a_listener_that_joins_within_a_frame_finds_its_place_by_content() {
        let found = tally(None, &frames(20..60)[100..]);
        assert_eq!((found.sync_losses, found.skips, found.good_bytes), (0, 0, 39 * 384));
    }

    #[test]
    fn what_nobody_was_sent_is_a_sync_loss_without_numbers_too() {
        assert_eq!(tally(None, &frames(200..400)).sync_losses, 1);
        assert_eq!(tally(None, &[0x55; 100_000]).sync_losses, 1);
    }
}
