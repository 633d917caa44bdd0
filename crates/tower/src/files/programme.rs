//! One file after the other, sample to sample.

use super::convert::Converter;
use super::decode::{DecodeError, Decoder, TrackInfo};
use super::playlist::Playlist;
use std::path::PathBuf;

/// What a step of a [`Programme`] brought.
#[derive(Debug)]
pub enum Step {
    /// Samples, or none yet; ask again.
    Audio,
    /// A file begins.
    Started(TrackInfo),
    /// A file could not be played, or not to its end; the next step goes on with the next one.
    Failed(DecodeError),
    /// All files of a round were tried.
    RoundEnded {
        /// Whether there was one sample in it.
        heard: bool,
    },
}

/// Plays a [`Playlist`] for ever: after a round's end the next step begins the next round.
///
/// It knows no clock and does not wait; whoever steps it decides how fast. It reads files, so not on the audio path.
pub struct Programme {
    playlist: Playlist,
    round: Option<std::vec::IntoIter<PathBuf>>,
    decoder: Option<Decoder>,
    /// Between two files; while one is played, its decoder holds it.
    converter: Converter,
    heard: bool,
}

impl Programme {
    /// A programme that has not begun.
    #[must_use]
    pub fn new(playlist: Playlist) -> Self {
        Self { playlist, round: None, decoder: None, converter: Converter::new(), heard: false }
    }

    /// Does a little: appends at most one packet's samples to `out`, or opens or leaves one file.
    pub fn step(&mut self, out: &mut Vec<i16>) -> Step {
        let Some(decoder) = &mut self.decoder else {
            return self.open_next();
        };
        let outcome = decoder.next_block(out);
        if matches!(outcome, Ok(true)) {
            self.heard = true;
            return Step::Audio;
        }
        if let Some(ended) = self.decoder.take() {
            self.converter = ended.into_converter();
        }
        match outcome {
            Ok(_) => Step::Audio,
            Err(error) => Step::Failed(error),
        }
    }

    fn open_next(&mut self) -> Step {
        let round = self.round.get_or_insert_with(|| self.playlist.round().into_iter());
        let Some(path) = round.next() else {
            self.round = None;
            return Step::RoundEnded { heard: std::mem::take(&mut self.heard) };
        };
        match Decoder::open_after(&path, &mut self.converter) {
            Ok(decoder) => {
                let info = decoder.info().clone();
                self.decoder = Some(decoder);
                Step::Started(info)
            }
            Err(error) => Step::Failed(error),
        }
    }

    /// Appends what the resampler still holds, when nothing is to follow for now.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        self.converter.finish(out);
    }
}
