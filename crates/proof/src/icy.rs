//! Titles between the audio (`Icy-MetaData: 1`), taken apart as a player does it.

/// A stream with its titles, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Icy {
    /// The audio alone.
    pub audio: Vec<u8>,
    /// Each block that was not empty: how many bytes of audio came before it, and its text without padding.
    pub blocks: Vec<(usize, Vec<u8>)>,
}

impl Icy {
    /// Takes apart what a listener received of a stream with a block after every `interval_bytes` of audio.
    #[must_use]
    pub fn parse(mut bytes: &[u8], interval_bytes: usize) -> Self {
        let mut icy = Self::default();
        while bytes.len() > interval_bytes {
            icy.audio.extend(&bytes[..interval_bytes]);
            let end = interval_bytes + 1 + 16 * usize::from(bytes[interval_bytes]);
            let Some(block) = bytes.get(interval_bytes + 1..end) else {
                return icy;
            };
            if !block.is_empty() {
                let padding = block.iter().rev().take_while(|&&byte| byte == 0).count();
                icy.blocks.push((icy.audio.len(), block[..block.len() - padding].to_vec()));
            }
            bytes = &bytes[end..];
        }
        icy.audio.extend(bytes);
        icy
    }

    /// Texts of the blocks, in their order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.blocks.iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_and_titles_are_told_apart_wherever_the_stream_ends() {
        let mut bytes = b"abcd\x01StreamTitle='';\0efgh\0ijkl\x02".to_vec();
        let icy = Icy::parse(&bytes, 4);
        assert_eq!((icy.audio.as_slice(), icy.texts()), (&b"abcdefghijkl"[..], vec!["StreamTitle='';".to_owned()]));
        assert_eq!(icy.blocks[0].0, 4);
        bytes.truncate(7);
        assert_eq!(Icy::parse(&bytes, 4), Icy { audio: b"abcd".to_vec(), blocks: vec![] });
    }
}
