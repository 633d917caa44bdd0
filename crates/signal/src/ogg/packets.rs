//! An encoder's pages in any chunking to whole packets.

use super::page::{CONTINUED, NoPage, PAGE_BYTES_MAX, Page};
use std::collections::VecDeque;

/// Bytes of a packet at most; more means that the stream is not what it should be.
pub const PACKET_BYTES_MAX: usize = PAGE_BYTES_MAX;

/// The bytes are no Ogg stream, or a page of it is damaged or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOgg;

/// Cuts one logical stream into packets. Memory: two pages, and the packets of one.
#[derive(Debug, Default)]
pub struct Packets {
    bytes: Vec<u8>,
    /// A packet that goes on in the next page.
    open: Vec<u8>,
    packets: VecDeque<Vec<u8>>,
    stream: Option<(u32, u32)>,
}

impl Packets {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// [`NotOgg`]; nothing good will come after it.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotOgg> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_BYTES_MAX));
            self.bytes.extend_from_slice(now);
            bytes = later;
            self.read_pages()?;
        }
        Ok(())
    }

    /// The next whole packet.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.packets.pop_front()
    }

    fn read_pages(&mut self) -> Result<(), NotOgg> {
        let mut at = 0;
        let outcome = loop {
            let rest = &self.bytes[at..];
            if rest.is_empty() {
                break Ok(());
            }
            let page = match Page::read(rest) {
                Ok(page) => page,
                Err(NoPage::Unfinished) => break Ok(()),
                Err(NoPage::Garbage) => break Err(NotOgg),
            };
            let (stream, number) = self.stream.unwrap_or((page.header.stream, page.header.number));
            let continues = page.header.flags & CONTINUED != 0;
            if (stream, number) != (page.header.stream, page.header.number) || continues == self.open.is_empty() {
                break Err(NotOgg);
            }
            self.stream = Some((stream, number.wrapping_add(1)));
            let mut from = page.content.start;
            let mut is_open = !self.open.is_empty();
            for &length in &rest[page.segments.clone()] {
                let to = from + usize::from(length);
                self.open.extend_from_slice(&rest[from..to]);
                from = to;
                is_open = length == 255;
                if !is_open {
                    self.packets.push_back(std::mem::take(&mut self.open));
                }
            }
            if self.open.len() > PACKET_BYTES_MAX || (is_open && self.open.is_empty()) {
                break Err(NotOgg);
            }
            at += page.content.end;
        };
        self.bytes.drain(..at);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::{FIRST, PageHeader, write};
    use super::*;

    fn pages() -> (Vec<u8>, Vec<Vec<u8>>) {
        let packets: Vec<Vec<u8>> = [19, 0, 255, 600, 1].iter().map(|&length| vec![length as u8; length]).collect();
        let mut bytes = Vec::new();
        let header = |flags, number| PageHeader { flags, granule: 0, stream: 5, number };
        write(header(FIRST, 0), &[&packets[0]], &mut bytes);
        write(header(0, 1), &[&packets[1], &packets[2]], &mut bytes);
        write(header(0, 2), &[&packets[3], &packets[4]], &mut bytes);
        (bytes, packets)
    }

    fn cut(bytes: &[u8], chunk: usize) -> Result<Vec<Vec<u8>>, NotOgg> {
        let mut cutter = Packets::new();
        for bytes in bytes.chunks(chunk) {
            cutter.push(bytes)?;
        }
        Ok(std::iter::from_fn(|| cutter.pop()).collect())
    }

    #[test]
    fn packets_come_out_whole_in_any_chunking() {
        let (bytes, packets) = pages();
        for chunk in [1, 3, 27, 100, bytes.len()] {
            assert_eq!(cut(&bytes, chunk), Ok(packets.clone()));
        }
    }

    #[test]
    fn a_packet_may_go_on_in_the_next_page() {
        let mut bytes = Vec::new();
        write(PageHeader { flags: 0, granule: 0, stream: 5, number: 0 }, &[&[7; 255]], &mut bytes);
        // Without the segment of no length that would end the packet.
        bytes[26] = 1;
        bytes.remove(28);
        reseal(&mut bytes);
        write(PageHeader { flags: CONTINUED, granule: 0, stream: 5, number: 1 }, &[&[7; 45]], &mut bytes);
        assert_eq!(cut(&bytes, 50), Ok(vec![vec![7; 300]]));
    }

    /// Puts the right checksum into a page, by way of its being recognised with it.
    fn reseal(page: &mut [u8]) {
        let mut sum = 0u32;
        page[22..26].fill(0);
        for &byte in page.iter() {
            sum ^= u32::from(byte) << 24;
            for _ in 0..8 {
                sum = sum << 1 ^ if sum >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            }
        }
        page[22..26].copy_from_slice(&sum.to_le_bytes());
    }

    #[test]
    fn a_page_that_is_missing_damaged_or_of_another_stream_is_noticed() {
        let (bytes, _) = pages();
        let second = 28 + 19;
        let third = second + Page::read(&bytes[second..]).expect("a page").content.end;
        assert_eq!(cut(&[&bytes[..second], &bytes[third..]].concat(), 64), Err(NotOgg), "missing");
        let mut damaged = bytes.clone();
        damaged[third + 40] ^= 1;
        assert_eq!(cut(&damaged, 64), Err(NotOgg), "damaged");
        let mut other = Vec::new();
        write(PageHeader { flags: 0, granule: 0, stream: 6, number: 3 }, &[&[1]], &mut other);
        assert_eq!(cut(&[bytes, other].concat(), 64), Err(NotOgg), "of another stream");
        assert_eq!(cut(b"nonsense", 64), Err(NotOgg));
    }
}
