//! WAV as programs write it: RIFF, RF64, BW64 and Wave64, with sizes that are missing or wrong.
//!
//! What is found becomes a header as it should be; the samples behind it are those of the file.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Chunks before the samples.
const CHUNKS_MAX: usize = 1000;
/// Bytes of a chunk `fmt ` that are read.
const FORMAT_BYTES_MAX: u64 = 256;
/// Bytes in which a chunk is searched for behind one whose size is wrong.
const SEARCHED_BYTES_MAX: u64 = 4 << 20;

/// The GUID behind the first four letters with which every chunk of Wave64 begins, but the first.
const W64_GUID: [u8; 12] = [0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0x00, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A];
const W64_FIRST: [u8; 16] = *b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00";
/// Behind the tag in the GUID of an extensible format.
const SUBFORMAT_GUID: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

const TAG_PCM: u16 = 1;
const TAG_ADPCM_MS: u16 = 2;
const TAG_FLOAT: u16 = 3;
const TAG_ALAW: u16 = 6;
const TAG_MULAW: u16 = 7;
const TAG_ADPCM_IMA: u16 = 0x11;
const TAG_EXTENSIBLE: u16 = 0xFFFE;

/// What a WAV file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wave {
    /// Samples, and the header that should stand before them.
    Samples {
        /// From `RIFF` to the size of `data`.
        header: Vec<u8>,
        /// Where they are in the file.
        data: Range<u64>,
    },
    /// A codec that only others decode.
    Compressed,
}

/// Whether a file that begins with `head` is read here.
#[must_use]
pub fn is_wave(head: &[u8]) -> bool {
    let is_riff = matches!(head.get(..4), Some(b"RIFF" | b"RF64" | b"BW64")) && head.get(8..12) == Some(b"WAVE");
    is_riff || head.starts_with(&W64_FIRST)
}

/// Reads the chunks of the WAV file in `part`. None: it has no samples, or no format.
///
/// # Errors
/// The file cannot be read.
pub fn read(file: &mut (impl Read + Seek), part: Range<u64>) -> io::Result<Option<Wave>> {
    let mut head = [0; 16];
    file.seek(SeekFrom::Start(part.start))?;
    file.read_exact(&mut head)?;
    let is_w64 = head == W64_FIRST;
    let mut chunks = Chunks { file, end: part.end, is_w64, at: part.start + if is_w64 { 40 } else { 12 } };
    let (mut format, mut fact, mut data_bytes) = (None, None, None);
    for _ in 0..CHUNKS_MAX {
        let Some(Chunk { id, content, stated }) = chunks.next()? else { break };
        match &id {
            b"ds64" => data_bytes = chunks.read(content.start + 8)?.map(u64::from_le_bytes),
            b"fmt " => format = format.or(Format::of(&chunks.content(&content)?)),
            b"fact" => fact = fact.or(chunks.read::<4>(content.start)?),
            b"data" => {
                let Some(format) = format else { return Ok(None) };
                let is_elsewhere = stated == u64::from(u32::MAX) && data_bytes.is_some();
                let bytes = if is_elsewhere { data_bytes.unwrap_or(0) } else { stated };
                let room = part.end.saturating_sub(content.start);
                let is_unknown = bytes == 0 && !chunks.is_chunk(content.start)?;
                let bytes = if is_unknown { room } else { bytes.min(room) };
                return Ok(Some(format.wave(fact, content.start, bytes)));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// A chunk: its content as far as the file has it, and the size that it states.
struct Chunk {
    id: [u8; 4],
    content: Range<u64>,
    stated: u64,
}

struct Chunks<'a, F> {
    file: &'a mut F,
    end: u64,
    is_w64: bool,
    at: u64,
}

impl<F: Read + Seek> Chunks<'_, F> {
    fn next(&mut self) -> io::Result<Option<Chunk>> {
        let Some((id, stated, start)) = self.header(self.at)? else { return Ok(None) };
        let end = start.saturating_add(stated);
        let content = start..end.min(self.end);
        if &id != b"data" {
            self.at = match self.after(end)? {
                Some(next) => next,
                None => match self.search(start)? {
                    Some(found) => found,
                    None => self.end,
                },
            };
        }
        Ok(Some(Chunk { id, content, stated }))
    }

    /// Where the chunk behind one that ends at `end` begins. None: there is none.
    fn after(&mut self, end: u64) -> io::Result<Option<u64>> {
        let padded = if self.is_w64 { end.next_multiple_of(8) } else { end.saturating_add(end % 2) };
        // Some programs leave out the byte that makes a size even.
        for at in [padded, end] {
            if self.is_chunk(at)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// A name, the size of the content and where it begins.
    fn header(&mut self, at: u64) -> io::Result<Option<([u8; 4], u64, u64)>> {
        if !self.is_w64 {
            let header: Option<[u8; 8]> = self.read(at)?;
            return Ok(header.map(|[a, b, c, d, size @ ..]| ([a, b, c, d], u32::from_le_bytes(size).into(), at + 8)));
        }
        let (Some(id), Some(size)) = (self.read::<16>(at)?, self.read(at + 16)?) else { return Ok(None) };
        let size = u64::from_le_bytes(size).saturating_sub(24);
        Ok(id.ends_with(&W64_GUID).then_some(([id[0], id[1], id[2], id[3]], size, at + 24)))
    }

    /// Whether a chunk begins here, as far as its name and its size say.
    fn is_chunk(&mut self, at: u64) -> io::Result<bool> {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'-' | b'.' | b'@');
        let end = self.end;
        Ok(self.header(at)?.is_some_and(|(id, size, start)| {
            let fits = start.saturating_add(size) <= end;
            matches!(&id, b"data" | b"fmt ") || fits && id.iter().all(is_name)
        }))
    }

    /// Where a format or samples begin at `from` or behind it, whatever is between.
    fn search(&mut self, from: u64) -> io::Result<Option<u64>> {
        self.file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        let room = self.end.saturating_sub(from).min(SEARCHED_BYTES_MAX);
        self.file.take(room).read_to_end(&mut bytes)?;
        let is_wanted = |id: &[u8]| matches!(id, b"fmt " | b"data");
        Ok(bytes.windows(4).position(is_wanted).map(|found| from + found as u64))
    }

    fn content(&mut self, content: &Range<u64>) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(content.start))?;
        let mut bytes = Vec::new();
        let room = (content.end - content.start).min(FORMAT_BYTES_MAX);
        self.file.take(room).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        if at.checked_add(N as u64).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// A chunk `fmt `, and what is in it.
struct Format {
    raw: Vec<u8>,
    /// The codec; none if it has no number.
    tag: Option<u16>,
    channels: u16,
    rate_hz: u32,
    block_bytes: u16,
    bits: u16,
    channel_mask: u32,
}

impl Format {
    fn of(raw: &[u8]) -> Option<Self> {
        let u16_at = |at: usize| raw.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let u32_at = |at: usize| Some(u32::from(u16_at(at)?) | u32::from(u16_at(at + 2)?) << 16);
        let (tag, channels, rate_hz, block_bytes) = (u16_at(0)?, u16_at(2)?, u32_at(4)?, u16_at(12)?);
        let is_extensible = tag == TAG_EXTENSIBLE;
        let tag = match raw.get(26..40) {
            Some(guid) if is_extensible => (guid == SUBFORMAT_GUID).then(|| u16_at(24)).flatten(),
            _ if is_extensible => None,
            _ => Some(tag),
        };
        let channel_mask = if is_extensible { u32_at(20)? } else { 0 };
        let bits = u16_at(14).unwrap_or(0);
        (channels > 0 && rate_hz > 0).then(|| Self {
            raw: raw.to_vec(),
            tag,
            channels,
            rate_hz,
            block_bytes,
            bits,
            channel_mask,
        })
    }

    /// Bytes of one value of one channel: the bits may be fewer, and stand at the upper end.
    fn value_bytes(&self) -> u16 {
        let of_bits = self.bits.div_ceil(8);
        match self.block_bytes / self.channels {
            of_block if self.block_bytes.is_multiple_of(self.channels) && of_block >= of_bits.max(1) => of_block,
            _ => of_bits,
        }
    }

    /// The samples of `bytes` bytes at `start`.
    fn wave(&self, fact: Option<[u8; 4]>, start: u64, bytes: u64) -> Wave {
        let value_bytes = self.value_bytes();
        let format = match (self.tag, value_bytes) {
            (Some(TAG_PCM), 1..=4) | (Some(TAG_FLOAT), 4 | 8) | (Some(TAG_ALAW | TAG_MULAW), 1) => self.canonical(),
            // Symphonia knows those of four bits.
            (Some(TAG_ADPCM_MS | TAG_ADPCM_IMA), _) if self.bits == 4 && self.channels <= 2 => self.raw.clone(),
            _ => return Wave::Compressed,
        };
        let block_bytes = if format.len() == self.raw.len() && self.bits == 4 {
            1
        } else {
            u64::from(value_bytes) * u64::from(self.channels)
        };
        let bytes = bytes / block_bytes * block_bytes;
        let fact = fact.filter(|_| self.bits == 4).map_or_else(Vec::new, |samples| chunk(b"fact", &samples));
        let mut header = [b"WAVE", &chunk(b"fmt ", &format)[..], &fact].concat();
        // What is longer than a size can say reaches to the end.
        let size = |before: usize| u32::try_from(bytes + before as u64).unwrap_or(u32::MAX).to_le_bytes();
        let riff_size = size(header.len() + 8);
        header.extend([b"data", size(0).as_slice()].concat());
        let header = [b"RIFF", riff_size.as_slice(), &header].concat();
        Wave::Samples { header, data: start..start + bytes }
    }

    fn canonical(&self) -> Vec<u8> {
        let (tag, value_bytes) = (self.tag.unwrap_or(TAG_PCM), self.value_bytes());
        let (block_bytes, bits) = (value_bytes.saturating_mul(self.channels), value_bytes * 8);
        let has_mask = self.channels > 2 && self.channel_mask != 0;
        let written = if has_mask { TAG_EXTENSIBLE } else { tag };
        let mut format = [written, self.channels].map(u16::to_le_bytes).concat();
        let bytes_per_s = self.rate_hz.saturating_mul(block_bytes.into());
        format.extend([self.rate_hz, bytes_per_s].map(u32::to_le_bytes).concat());
        format.extend([block_bytes, bits].map(u16::to_le_bytes).concat());
        if has_mask {
            // Symphonia has another number for mu-law here.
            let tag = if tag == TAG_MULAW { 4 } else { tag };
            format.extend([22, bits].map(u16::to_le_bytes).concat());
            format.extend(self.channel_mask.to_le_bytes());
            format.extend(tag.to_le_bytes());
            format.extend(SUBFORMAT_GUID);
        } else if matches!(tag, TAG_ALAW | TAG_MULAW) {
            format.extend([0, 0]);
        }
        format
    }
}

fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap_or(0).to_le_bytes();
    [&id[..], &size, content, &[0][..content.len() % 2]].concat()
}

#[cfg(test)]
#[path = "wav_tests.rs"]
mod tests;
