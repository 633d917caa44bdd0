//! The Ogg Opus stream that listeners get (RFC 7845), one page a tick.

use super::page::{FIRST, PageHeader, write};
use crate::grid::Grid;
use crate::units::Serial;

/// Samples of a packet, at Opus's own 48 kHz: 20 ms.
pub const PACKET_SAMPLES: u64 = 960;

/// Bytes of a packet at most (RFC 6716, section 3.4).
pub const PACKET_BYTES_MAX: usize = 1275;

/// How Opus packets lie on the ticks.
pub const GRID: Grid = Grid::new(PACKET_SAMPLES, 48_000);

/// Samples at the beginning that a decoder needs to settle and does not play; as libopus says of itself.
const PRE_SKIP: u16 = 312;

/// A packet of 20 ms of silence: CELT, full band, one frame; `stereo` is the third bit from below (RFC 6716, 3.1).
#[must_use]
pub const fn silence(channels: u8) -> [u8; 3] {
    [if channels == 1 { 0xF8 } else { 0xFC }, 0xFF, 0xFE]
}

/// Channels that the first packet of a stream announces; `None` if it is not that of an Opus stream.
#[must_use]
pub fn channels_in_head(packet: &[u8]) -> Option<u8> {
    packet.strip_prefix(b"OpusHead\x01")?.first().copied()
}

/// Samples per channel in a packet, at 48 kHz; `None` if it has no or more than two frames, as none of an encoder set to
/// 20 ms has (RFC 6716, section 3.1).
#[must_use]
pub fn samples(packet: &[u8]) -> Option<u64> {
    let first = *packet.first()?;
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => return None,
    };
    let configuration = usize::from(first >> 3);
    let samples = match configuration {
        // SILK: 10, 20, 40, 60 ms; hybrid: 10, 20 ms; CELT: 2.5, 5, 10, 20 ms.
        0..=11 => [480, 960, 1920, 2880][configuration % 4],
        12..=15 => [480, 960][configuration % 2],
        _ => [120, 240, 480, 960][configuration % 4],
    };
    Some(samples * frames)
}

/// One stream, from tick 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusStream {
    /// Tells it from other streams; chosen at random for each life.
    pub serial: u32,
    /// 1 or 2.
    pub channels: u8,
}

impl OpusStream {
    /// The two pages that each listener gets first, whenever it joins.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<u8> {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(self.channels);
        head.extend_from_slice(&PRE_SKIP.to_le_bytes());
        head.extend_from_slice(&48_000u32.to_le_bytes());
        // No gain; mono or stereo in the usual order.
        head.extend_from_slice(&[0, 0, 0]);
        let station = format!("ORGANIZATION={}", name.chars().take(200).collect::<String>());
        let length = |text: &str| (text.len() as u32).to_le_bytes();
        let vendor = "Radio Tower";
        let tags = [
            &b"OpusTags"[..],
            &length(vendor),
            vendor.as_bytes(),
            &1u32.to_le_bytes(),
            &length(&station),
            station.as_bytes(),
        ]
        .concat();
        let mut out = Vec::new();
        write(self.header(FIRST, 0, 0), &[&head], &mut out);
        write(self.header(0, 0, 1), &[&tags], &mut out);
        out
    }

    /// Appends the page of tick `tick` to `out`: the packets that begin in it, one or two of [`PACKET_BYTES_MAX`] bytes.
    ///
    /// Its number is the tick's, after the two headers; a listener who joins late sees a gap there, as everywhere.
    pub fn page(&self, tick: Serial, packets: &[&[u8]], out: &mut Vec<u8>) {
        let granule = GRID.first_frame(tick + 1) * PACKET_SAMPLES;
        write(self.header(0, granule, tick.wrapping_add(2) as u32), packets, out);
    }

    const fn header(&self, flags: u8, granule: u64, number: u32) -> PageHeader {
        PageHeader { flags, granule, stream: self.serial, number }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Page;
    use super::*;

    const STREAM: OpusStream = OpusStream { serial: 77, channels: 2 };

    #[test]
    fn every_tick_has_a_page_and_time_goes_by_its_packets() {
        let mut stream = Vec::new();
        let mut frames = 0;
        for tick in 0..50u64 {
            let count = (GRID.first_frame(tick + 1) - GRID.first_frame(tick)) as usize;
            assert!((1..=2).contains(&count));
            frames += count as u64;
            let begin = stream.len();
            STREAM.page(tick, &vec![&[1u8; 240][..]; count], &mut stream);
            let page = Page::read(&stream[begin..]).expect("a page");
            assert_eq!((page.header.granule, page.header.number), (frames * 960, tick as u32 + 2));
            assert_eq!(page.segments.len(), count);
        }
        assert_eq!(frames * 20, 50 * 24);
    }

    #[test]
    fn the_length_of_a_packet_is_in_its_first_byte() {
        assert_eq!(samples(&silence(2)), Some(960));
        assert_eq!(samples(&silence(1)), Some(960));
        assert_eq!(
            [0x00, 0x08, 0x18, 0x60, 0x68, 0xF0].map(|byte| samples(&[byte])),
            [Some(480), Some(960), Some(2880), Some(480), Some(960), Some(480)]
        );
        assert_eq!((samples(&[0xFD]), samples(&[0xFF]), samples(&[])), (Some(1920), None, None));
    }

    #[test]
    fn the_headers_name_the_codec_and_the_station() {
        let headers = STREAM.headers("Radio Ωmega");
        let first = Page::read(&headers).expect("a page");
        assert_eq!((first.header.flags, first.header.number, first.content.len()), (FIRST, 0, 19));
        assert_eq!(headers[first.content.clone()][..10], *b"OpusHead\x01\x02");
        let rest = &headers[first.content.end..];
        let second = Page::read(rest).expect("a page");
        assert_eq!(second.header.number, 1);
        let tags = String::from_utf8_lossy(&rest[second.content]).into_owned();
        assert!(tags.starts_with("OpusTags") && tags.ends_with("ORGANIZATION=Radio Ωmega"), "{tags}");
    }
}
