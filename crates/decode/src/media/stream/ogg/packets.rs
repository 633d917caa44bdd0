//! The pages of one logical stream to packets; what is lost is left out.

use radio_signal::ogg::page::{CONTINUED, PageHeader};
use std::collections::VecDeque;

/// Bytes of a packet that are kept. Only headers with pictures are longer, which stand at their end.
pub(super) const PACKET_BYTES_MAX: usize = 1 << 20;
/// Pages in a row that may be lost. More missing numbers are another part of the stream.
const PAGES_LOST_MAX: u32 = 64;

/// Puts packets together.
#[derive(Debug)]
pub(super) struct Assembly {
    /// The number of the next page.
    number: u32,
    /// A packet that goes on in the next page, if its beginning is there.
    open: Option<Vec<u8>>,
    /// Bytes of a packet that are kept.
    packet_bytes_max: usize,
}

impl Assembly {
    /// Behind the first page, which has this number and one whole packet.
    pub(super) const fn after(number: u32) -> Self {
        Self { number: number.wrapping_add(1), open: None, packet_bytes_max: PACKET_BYTES_MAX }
    }

    /// The same, which keeps so many bytes of a packet.
    pub(super) fn holding(self, packet_bytes_max: usize) -> Self {
        Self { packet_bytes_max, ..self }
    }

    /// What has come of a packet that goes on in the next page.
    pub(super) fn into_open(self) -> Option<Vec<u8>> {
        self.open
    }

    /// Takes a page, and appends the packets that end in it. Says how many pages before it are lost.
    pub(super) fn push(
        &mut self,
        header: PageHeader,
        segments: &[u8],
        content: &[u8],
        packets: &mut VecDeque<Vec<u8>>,
    ) -> u32 {
        let missing = header.number.wrapping_sub(self.number);
        self.number = header.number.wrapping_add(1);
        // The end of a packet whose beginning is lost is none, and the other way round.
        let continues = header.flags & CONTINUED != 0;
        let mut packet = self.open.take().filter(|_| missing == 0 && continues);
        if packet.is_none() && !continues {
            packet = Some(Vec::new());
        }
        let (mut from, mut is_open) = (0, false);
        for &length in segments {
            let segment = content.get(from..from + usize::from(length)).unwrap_or_default();
            from += usize::from(length);
            if let Some(packet) = &mut packet {
                let room = self.packet_bytes_max - packet.len();
                packet.extend_from_slice(&segment[..segment.len().min(room)]);
            }
            is_open = length == 255;
            if !is_open {
                packets.extend(packet.replace(Vec::new()));
            }
        }
        // An empty page ends nothing.
        if is_open || segments.is_empty() {
            self.open = packet;
        }
        if missing > PAGES_LOST_MAX { 0 } else { missing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u32, flags: u8) -> PageHeader {
        PageHeader { flags, granule: 0, stream: 1, number }
    }

    #[test]
    fn packets_go_on_across_pages_and_a_lost_page_costs_what_it_had() {
        let (mut assembly, mut packets) = (Assembly::after(0), VecDeque::new());
        let push = |assembly: &mut Assembly, packets: &mut VecDeque<_>, number, flags, segments: &[u8]| {
            let content = vec![number as u8; segments.iter().map(|&length| usize::from(length)).sum()];
            assembly.push(page(number, flags), segments, &content, packets)
        };
        assert_eq!(push(&mut assembly, &mut packets, 1, 0, &[3, 255]), 0);
        assert_eq!(push(&mut assembly, &mut packets, 2, CONTINUED, &[255, 255]), 0);
        assert_eq!(push(&mut assembly, &mut packets, 3, CONTINUED, &[0, 7]), 0);
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3 * 255, 7]);
        packets.clear();
        assert_eq!(push(&mut assembly, &mut packets, 4, 0, &[9, 255]), 0);
        assert_eq!(push(&mut assembly, &mut packets, 7, CONTINUED, &[5, 6]), 2);
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [9, 6]);
        packets.clear();
        assert_eq!(push(&mut assembly, &mut packets, 8, 0, &[255]), 0);
        assert_eq!(push(&mut assembly, &mut packets, 9, 0, &[4]), 0, "its end is missing");
        assert_eq!(push(&mut assembly, &mut packets, 1000, 0, &[5]), 0, "another part");
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn a_packet_without_an_end_takes_no_more_memory_than_it_may() {
        let (mut assembly, mut packets) = (Assembly::after(0), VecDeque::new());
        for number in 1..100 {
            let flags = if number == 1 { 0 } else { CONTINUED };
            assembly.push(page(number, flags), &[255; 255], &[1; 255 * 255], &mut packets);
            assert!(assembly.open.as_ref().is_some_and(|open| open.len() <= PACKET_BYTES_MAX));
        }
        assert!(packets.is_empty());
    }
}
