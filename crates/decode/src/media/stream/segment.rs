//! What all kinds of segments have in common.

use super::head::Head;
use crate::media::StereoBlock;
use radio_base::title::Title;
use std::collections::VecDeque;

/// What a stream is made of, in its order.
#[derive(Debug)]
pub enum Event {
    /// Sound.
    Sound(StereoBlock),
    /// What follows does not join what came before: the one is to be faded out, the other in.
    Cut,
    /// What is heard next.
    Title(Title),
    /// The codec of what follows, and its rate in Hz.
    Format(&'static str, u32),
    /// What another process must read before it goes on with what follows. Of frames that each are a
    /// beginning it is none.
    Head(Head),
    /// What follows needs FFmpeg, whose demuxer of this name reads it. All of it is still unread.
    Needs(&'static str),
    /// There is no more.
    Over,
}

/// What a segment makes of the bytes that it has been shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More bytes will tell.
    More,
    /// So many bytes are done with, or there is something in the [`Out`], or both. They may be more
    /// than were shown.
    Took(u64),
    /// Its bytes are over, or damaged: what follows must be looked for.
    Lost,
    /// FFmpeg's demuxer of this name reads it.
    Needs(&'static str),
}

/// A part of a stream that is of one kind.
pub(super) trait Segment {
    /// Looks at `bytes`, behind which nothing comes if `is_over`.
    fn step(&mut self, bytes: &[u8], is_over: bool, out: &mut Out) -> Step;

    /// Bytes at the end of those that were taken that belong to a head which has not been told.
    fn head_bytes(&self) -> u64 {
        0
    }

    /// Whether it goes on, behind damage, with what begins with `bytes`.
    fn goes_on_with(&self, _bytes: &[u8]) -> bool {
        false
    }

    /// It goes on after so many bytes that were none of it.
    fn resume(&mut self, _bytes_lost: u64, _out: &mut Out) {}
}

/// What comes out, and what is counted.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) events: VecDeque<Event>,
    pub(super) bad_packets: u64,
    /// Whether there was ever sound.
    pub(super) is_heard: bool,
    format: Option<(&'static str, u32)>,
}

impl Out {
    /// Puts out sound, which is of this codec.
    pub(super) fn sound(&mut self, codec: &'static str, block: StereoBlock) {
        if block.samples.is_empty() {
            return;
        }
        let format = (codec, block.rate_hz);
        let before = self.format.replace(format);
        if before != Some(format) {
            if before.is_some() {
                self.cut();
            }
            self.events.push_back(Event::Format(codec, block.rate_hz));
        }
        self.is_heard = true;
        self.events.push_back(Event::Sound(block));
    }

    /// Puts out so many samples of silence in place of sound that is damaged, so that time goes on.
    pub(super) fn lost(&mut self, rate_hz: u32, samples: usize) {
        self.cut();
        // Before there is sound there is nothing to hold the place of.
        if samples > 0 && self.is_heard {
            let samples = vec![0.0; 2 * samples];
            self.events.push_back(Event::Sound(StereoBlock { rate_hz, samples }));
            self.cut();
        }
    }

    /// Tells what another process must read first.
    pub(super) fn head(&mut self, head: Head) {
        self.events.push_back(Event::Head(head));
    }

    pub(super) fn cut(&mut self) {
        self.events.push_back(Event::Cut);
    }
}
