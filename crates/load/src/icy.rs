//! Titles between the audio (`Icy-MetaData: 1`): taken out again, and their order checked.

/// Where a listener that asked for titles is between two of them.
pub struct Icy {
    interval_bytes: usize,
    until_block_bytes: usize,
    /// Bytes of the block still to come; `None`: its length byte is next.
    block_bytes: Option<usize>,
    block: Vec<u8>,
    last_number: Option<u64>,
    /// Titles received.
    pub titles: u64,
    /// Titles that were no `StreamTitle`, or whose last number was not above the one before.
    pub titles_wrong: u64,
}

impl Icy {
    /// For a server that puts a block after every `interval_bytes` of audio.
    #[must_use]
    pub fn new(interval_bytes: usize) -> Self {
        Self {
            interval_bytes,
            until_block_bytes: interval_bytes,
            block_bytes: None,
            block: Vec::new(),
            last_number: None,
            titles: 0,
            titles_wrong: 0,
        }
    }

    /// Takes the next bytes and hands on the audio among them.
    pub fn feed(&mut self, mut bytes: &[u8], mut audio: impl FnMut(&[u8])) {
        while let Some(&first) = bytes.first() {
            if self.until_block_bytes > 0 {
                let (piece, rest) = bytes.split_at(bytes.len().min(self.until_block_bytes));
                self.until_block_bytes -= piece.len();
                audio(piece);
                bytes = rest;
                continue;
            }
            match self.block_bytes {
                None => {
                    self.block_bytes = Some(usize::from(first) * 16);
                    self.block.clear();
                    bytes = &bytes[1..];
                }
                Some(length) => {
                    let (piece, rest) = bytes.split_at(bytes.len().min(length - self.block.len()));
                    self.block.extend_from_slice(piece);
                    bytes = rest;
                }
            }
            if self.block_bytes == Some(self.block.len()) {
                self.judge();
                self.block_bytes = None;
                self.until_block_bytes = self.interval_bytes;
            }
        }
    }

    fn judge(&mut self) {
        if self.block.is_empty() {
            return;
        }
        self.titles += 1;
        let text = String::from_utf8_lossy(&self.block);
        let title = text.strip_prefix("StreamTitle='").and_then(|rest| rest.split_once("';"));
        let Some((title, _)) = title else {
            self.titles_wrong += 1;
            return;
        };
        // Titles of a test end in a number that grows; one without is only counted.
        if let Some(number) = title.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok()) {
            self.titles_wrong += u64::from(self.last_number.is_some_and(|last| number <= last));
            self.last_number = Some(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(title: &str) -> Vec<u8> {
        let mut text = format!("StreamTitle='{title}';").into_bytes();
        text.resize(text.len().next_multiple_of(16), 0);
        [&[(text.len() / 16) as u8], &text[..]].concat()
    }

    fn heard(stream: &[u8], piece: usize) -> (Vec<u8>, u64, u64) {
        let mut icy = Icy::new(10);
        let mut audio = Vec::new();
        stream.chunks(piece).for_each(|bytes| icy.feed(bytes, |run| audio.extend_from_slice(run)));
        (audio, icy.titles, icy.titles_wrong)
    }

    #[test]
    fn audio_comes_out_unbroken_whatever_the_pieces() {
        let stream =
            [&b"0123456789"[..], &block("title 1"), b"abcdefghij", &[0], b"ABCDEFGHIJ", &block("title 2")].concat();
        for piece in [1, 3, 7, 100] {
            assert_eq!(heard(&stream, piece), (b"0123456789abcdefghijABCDEFGHIJ".to_vec(), 2, 0));
        }
    }

    #[test]
    fn titles_out_of_order_and_blocks_that_are_none_are_wrong() {
        let stream =
            [&b"0123456789"[..], &block("title 2"), b"abcdefghij", &block("title 1"), b"ABCDEFGHIJ", &[1]].concat();
        let stream = [&stream[..], b"nothing of sense"].concat();
        assert_eq!(heard(&stream, 5).2, 2);
    }
}
