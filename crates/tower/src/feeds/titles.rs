//! Titles between the audio of a stream that is pulled (`icy-metaint`).

use radio_base::title::decode;
use std::io::{self, Read};

/// Audio without the titles that are in it; they go to `heard` as they come.
pub struct TitledAudio<R, F> {
    bytes: R,
    /// Bytes of audio from one block to the next; 0: there are none.
    interval_bytes: usize,
    until_block: usize,
    heard: F,
}

impl<R: Read, F: FnMut(String)> TitledAudio<R, F> {
    /// Of a stream with a block after each `interval_bytes`; 0: without any.
    pub const fn new(bytes: R, interval_bytes: usize, heard: F) -> Self {
        Self { bytes, interval_bytes, until_block: interval_bytes, heard }
    }

    /// What it is read from.
    pub const fn bytes(&mut self) -> &mut R {
        &mut self.bytes
    }

    /// At most 255 times 16 bytes; most are empty.
    fn take_block(&mut self) -> io::Result<()> {
        let mut length = [0];
        self.bytes.read_exact(&mut length)?;
        let mut block = vec![0; usize::from(length[0]) * 16];
        self.bytes.read_exact(&mut block)?;
        if let Some(title) = title_of(&block) {
            (self.heard)(title);
        }
        Ok(())
    }
}

impl<R: Read, F: FnMut(String)> Read for TitledAudio<R, F> {
    fn read(&mut self, audio: &mut [u8]) -> io::Result<usize> {
        if self.interval_bytes == 0 || audio.is_empty() {
            return self.bytes.read(audio);
        }
        if self.until_block == 0 {
            // A stream that ends within a block has ended.
            match self.take_block() {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                outcome => outcome?,
            }
            self.until_block = self.interval_bytes;
        }
        let room = audio.len().min(self.until_block);
        let count = self.bytes.read(&mut audio[..room])?;
        self.until_block -= count;
        Ok(count)
    }
}

/// `StreamTitle='...';`: a title may have apostrophes itself, so it ends with the last that has a semicolon behind it, or
/// where the next field begins.
fn title_of(block: &[u8]) -> Option<String> {
    let find = |bytes: &[u8], wanted: &[u8]| bytes.windows(wanted.len()).position(|window| window == wanted);
    let begin = find(block, b"StreamTitle='")? + b"StreamTitle='".len();
    let rest = &block[begin..];
    let end = find(rest, b"';Stream").or_else(|| rest.windows(2).rposition(|pair| pair == b"';"))?;
    Some(decode(&rest[..end], None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let room = bytes.len().min(self.1);
            self.0.read(&mut bytes[..room])
        }
    }

    fn block(text: &str) -> Vec<u8> {
        let length = text.len().div_ceil(16);
        let mut block = vec![length as u8];
        block.extend(text.bytes());
        block.resize(1 + 16 * length, 0);
        block
    }

    #[test]
    fn audio_and_titles_are_told_apart_in_whatever_sizes_they_come() {
        let stream = [
            &b"abcd"[..],
            &block("StreamTitle='It's; a 'song';StreamUrl='';"),
            b"efgh",
            &block(""),
            b"ijkl",
            &block("StreamTitle='last';")[..5],
        ]
        .concat();
        for size in [1, 3, 100] {
            let mut titles = Vec::new();
            let mut audio = Vec::new();
            TitledAudio::new(Dribble(&stream, size), 4, |title| titles.push(title)).read_to_end(&mut audio).unwrap();
            assert_eq!((audio.as_slice(), titles), (&b"abcdefghijkl"[..], vec!["It's; a 'song".to_owned()]));
        }
        let mut audio = Vec::new();
        TitledAudio::new(&stream[..], 0, |_| panic!("there are none")).read_to_end(&mut audio).unwrap();
        assert_eq!(audio, stream);
    }

    #[test]
    fn what_is_no_title_is_none() {
        for none in ["", "StreamUrl='x';", "StreamTitle='open", "StreamTitle"] {
            assert_eq!(title_of(none.as_bytes()), None, "{none}");
        }
        assert_eq!(title_of(b"StreamTitle='Gr\xf6n';\0\0"), Some("Grön".into()));
    }
}
