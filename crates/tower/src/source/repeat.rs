//! What the next decoder process of a stream must read first: its head, as the one before has told it,
//! and the last bytes again. None of them is looked at here.

use radio_decode::media::stream::head::HEAD_BYTES_MAX;
use std::collections::VecDeque;

/// The last bytes of a stream that are kept.
const LOG_BYTES_MAX: usize = 64 * 1024;
/// The same before the first head is known: the whole beginning.
const BEGINNING_BYTES_MAX: usize = LOG_BYTES_MAX + HEAD_BYTES_MAX;

/// What a process must read before it can go on in the middle of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// None where each frame is a beginning.
    pub bytes: Vec<u8>,
    /// The position behind it.
    pub end: u64,
    /// Behind it, only whole groups of so many bytes may be left out: the samples of WAVE.
    pub group_bytes: u32,
}

/// The last bytes of a stream, by their position, and its head.
#[derive(Debug)]
pub struct Log {
    /// None before one was told.
    head: Option<Head>,
    bytes: VecDeque<u8>,
    /// The position behind the last byte.
    end: u64,
}

/// With what a process begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// A head, and then bytes of the stream.
    pub prefix: Vec<u8>,
    /// The number of the first byte, so that those behind the head have their own.
    pub input_byte: u64,
    /// The position behind the last byte: it goes on from there.
    pub end: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

impl Log {
    /// Of a stream that has not begun.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: None, bytes: VecDeque::new(), end: 0 }
    }

    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        self.bytes.extend(bytes);
        let kept = if self.head.is_some() { LOG_BYTES_MAX } else { BEGINNING_BYTES_MAX };
        let too_many = self.bytes.len().saturating_sub(kept);
        self.bytes.drain(..too_many);
    }

    /// The position behind the last byte.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Takes the head of what follows.
    pub fn set_head(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// The bytes from `position` on, and the position behind them. What is not kept any more is left out.
    #[must_use]
    pub fn from(&self, position: u64) -> (Vec<u8>, u64) {
        let first = self.end - self.bytes.len() as u64;
        let skipped = usize::try_from(position.saturating_sub(first)).unwrap_or(usize::MAX).min(self.bytes.len());
        (self.bytes.range(skipped..).copied().collect(), self.end)
    }

    /// With what a process begins that goes on at `position`, or as soon behind it as it can; before
    /// the head is known, with all that is kept.
    #[must_use]
    pub fn beginning(&self, position: u64) -> Beginning {
        let first = self.end - self.bytes.len() as u64;
        let is_in_head = |head: &Head| position <= head.end && head.end <= head.bytes.len() as u64;
        let Some(head) = self.head.as_ref().filter(|head| first > 0 || !is_in_head(head)) else {
            let (prefix, end) = self.from(0);
            return Beginning { prefix, input_byte: first, end };
        };
        let group = u64::from(head.group_bytes.max(1));
        let groups = (position.max(first).saturating_sub(head.end)).div_ceil(group);
        let last = self.end.saturating_sub(head.end) / group;
        let from = head.end.saturating_add(groups.min(last).saturating_mul(group)).min(self.end);
        let prefix = [&head.bytes[..], &self.from(from).0].concat();
        Beginning { prefix, input_byte: from.saturating_sub(head.bytes.len() as u64), end: self.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_gave_nothing_is_followed_from_the_beginning() {
        let mut log = Log::new();
        log.push(b"OggS and so on");
        assert_eq!(log.beginning(0), Beginning { prefix: b"OggS and so on".to_vec(), input_byte: 0, end: 14 });
    }

    #[test]
    fn the_next_process_begins_with_the_head_and_on_a_whole_group() {
        let head: Vec<u8> = (0..44).collect();
        let mut log = Log::new();
        log.push(&head);
        assert_eq!(log.beginning(u64::MAX).prefix, head, "it is not known as one yet");
        log.set_head(Head { bytes: head.clone(), end: 44, group_bytes: 4 });
        assert_eq!(log.beginning(0), Beginning { prefix: head.clone(), input_byte: 0, end: 44 });
        let samples: Vec<u8> = (0..200_000).map(|n| (n / 4) as u8).collect();
        log.push(&samples);
        let begun = log.beginning(44 + 190_001);
        assert_eq!(begun.prefix, [&head[..], &samples[190_004..]].concat());
        assert_eq!((begun.input_byte, begun.end), (190_004, 200_044));
        // What is not there any more is left out, and what has not come yet is waited for.
        assert_eq!(log.beginning(0).prefix.len(), 44 + LOG_BYTES_MAX);
        assert_eq!(log.beginning(u64::MAX - 100).prefix, head);
        assert_eq!(log.from(200_040), (samples[199_996..].to_vec(), 200_044));
    }

    #[test]
    fn a_head_that_was_told_again_by_the_next_process_ends_where_its_bytes_go_on() {
        let mut log = Log::new();
        log.push(&[1; 100]);
        log.set_head(Head { bytes: vec![7; 10], end: 40, group_bytes: 3 });
        let begun = log.beginning(50);
        assert_eq!((begun.input_byte, begun.prefix.len()), (42, 10 + 48));
        // It reads ten bytes of the head, and says that it ends there.
        log.set_head(Head { bytes: vec![7; 10], end: begun.input_byte + 10, group_bytes: 3 });
        assert_eq!(log.beginning(50).input_byte, 42);
        assert_eq!(log.beginning(54).input_byte, 45);
    }

    #[test]
    fn behind_the_last_whole_group_one_begins_before_what_is_there_of_the_next() {
        let mut log = Log::new();
        log.push(&[1; 100]);
        log.set_head(Head { bytes: vec![7; 44], end: 44, group_bytes: 16 });
        let begun = log.beginning(u64::MAX);
        assert_eq!((begun.input_byte, begun.prefix.len()), (92 - 44, 44 + 8));
    }

    #[test]
    fn before_a_head_is_known_the_beginning_is_kept_as_long_as_a_head_may_be() {
        let mut log = Log::new();
        (0..30).for_each(|n| log.push(&[n; 10_000]));
        let begun = log.beginning(u64::MAX);
        assert_eq!((begun.input_byte, begun.prefix.len()), (0, 300_000));
        log.set_head(Head { bytes: vec![7; 10], end: 10, group_bytes: 1 });
        log.push(&[1]);
        assert_eq!(log.bytes.len(), LOG_BYTES_MAX);
    }

    #[test]
    fn where_a_head_lies_makes_no_process_begin_beyond_the_end() {
        let mut log = Log::new();
        log.push(&[1; 10]);
        for (end, group_bytes) in [(u64::MAX, u32::MAX), (0, 0), (u64::MAX, 1), (3, u32::MAX)] {
            log.set_head(Head { bytes: vec![7; 5], end, group_bytes });
            assert!(log.beginning(9).prefix.len() <= 15 && log.beginning(u64::MAX).input_byte <= 10);
        }
    }
}
