//! One file after the other, sample to sample.

use super::open::is_of_the_disk;
use super::playlist::{Place, Playlist, Round};
use crate::files::item::Item;
use radio_decode::media::convert::Converter;
use radio_decode::media::file::decode::{DecodeError, Decoder, TrackInfo};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Files in a row that are gone since their folder was read; then it is read again.
const GONE_MAX: u32 = 5;

/// What a step of a [`Programme`] brought.
#[derive(Debug)]
pub enum Step {
    /// Samples, or none yet; ask again.
    Audio,
    /// A file begins.
    Started(Box<TrackInfo>),
    /// A file could not be played, or not to its end; the next step goes on with the next one.
    Failed(DecodeError),
    /// Something else that is wrong with what is configured, told once.
    Problem(String),
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
    round: Option<VecDeque<Item>>,
    problems: VecDeque<String>,
    missing: Vec<PathBuf>,
    seed: u64,
    /// Number of the next file in its round.
    next: usize,
    place: Option<Place>,
    gone_in_a_row: u32,
    decoder: Option<Decoder>,
    /// Between two files; while one is played, its decoder holds it.
    converter: Converter,
    heard: bool,
}

impl Programme {
    /// A programme that has not begun.
    #[must_use]
    pub fn new(playlist: Playlist) -> Self {
        Self {
            playlist,
            round: None,
            problems: VecDeque::new(),
            missing: Vec::new(),
            seed: 0,
            next: 0,
            place: None,
            gone_in_a_row: 0,
            decoder: None,
            converter: Converter::new(),
            heard: false,
        }
    }

    /// Where the round is: the file that was begun last.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// What is configured and was not there when the round began, nor since.
    #[must_use]
    pub fn missing(&self) -> &[PathBuf] {
        &self.missing
    }

    /// Takes the files of a path that was missing into this round.
    pub fn join(&mut self, path: &Path) {
        let Some(round) = &mut self.round else { return };
        let joining = self.playlist.joining(path, self.seed);
        self.problems.extend(joining.problems);
        if !joining.items.is_empty() {
            self.missing.retain(|missing| missing != path);
            round.extend(joining.items);
        }
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
        if self.round.is_none() {
            let Round { seed, first, items, missing, problems } = self.playlist.round();
            (self.seed, self.next, self.missing) = (seed, first, missing);
            self.problems.extend(problems);
            self.round = Some(items.into());
        }
        if let Some(problem) = self.problems.pop_front() {
            return Step::Problem(problem);
        }
        let Some(Item { path, title }) = self.round.as_mut().and_then(VecDeque::pop_front) else {
            self.round = None;
            return Step::RoundEnded { heard: std::mem::take(&mut self.heard) };
        };
        let index = self.next;
        self.next += 1;
        match Decoder::open_after(&path, &mut self.converter) {
            Ok(decoder) => {
                let mut info = decoder.info().clone();
                info.named_by_list(title.as_deref());
                self.decoder = Some(decoder);
                self.gone_in_a_row = 0;
                self.place = Some(Place { seed: self.seed, path, index });
                Step::Started(Box::new(info))
            }
            Err(error) => {
                let is_gone = matches!(&error, DecodeError::Open { source, .. } if is_of_the_disk(source));
                self.gone_in_a_row = if is_gone { self.gone_in_a_row + 1 } else { 0 };
                if self.gone_in_a_row >= GONE_MAX {
                    // A disk that was taken away, or a folder that was emptied.
                    self.gone_in_a_row = 0;
                    self.round = None;
                    self.playlist.go_on(Place { seed: self.seed, path, index });
                }
                Step::Failed(error)
            }
        }
    }

    /// Appends what the resampler still holds, when nothing is to follow for now.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        self.converter.finish(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A second of silence as WAV.
    fn wav(path: &Path) {
        let head = [1, 0, 2, 0, 0x80, 0xBB, 0, 0, 0, 0xEE, 2, 0, 4, 0, 16, 0];
        let data = [0; 48_000 * 4];
        let chunk = |id: &[u8; 4], content: &[u8]| [&id[..], &(content.len() as u32).to_le_bytes(), content].concat();
        let body = [b"WAVE".to_vec(), chunk(b"fmt ", &head), chunk(b"data", &data)].concat();
        fs::write(path, chunk(b"RIFF", &body)).expect("a temporary file");
    }

    /// Steps until `count` files have begun or a round has ended without a sample; their names.
    fn begun(programme: &mut Programme, count: usize) -> Vec<String> {
        let (mut names, mut out) = (Vec::new(), Vec::new());
        while names.len() < count {
            out.clear();
            match programme.step(&mut out) {
                Step::Started(info) => names.push(info.label()),
                Step::RoundEnded { heard: false } => break,
                _ => {}
            }
        }
        names
    }

    #[test]
    fn a_folder_that_is_gone_costs_a_few_files_and_is_gone_on_with_when_it_is_back() {
        let disk = tempfile::tempdir().expect("a folder");
        let (folder, away) = (disk.path().join("music"), disk.path().join("away"));
        fs::create_dir(&folder).expect("a folder");
        (10..40).for_each(|n| wav(&folder.join(format!("{n}.wav"))));
        let mut programme = Programme::new(Playlist::new(vec![folder.clone()], false));
        assert_eq!(begun(&mut programme, 3), ["10.wav", "11.wav", "12.wav"]);
        fs::rename(&folder, &away).expect("our own folder");
        let mut failed = 0;
        loop {
            match programme.step(&mut Vec::new()) {
                Step::Failed(_) => failed += 1,
                Step::RoundEnded { heard: false } => break,
                _ => {}
            }
        }
        assert_eq!(failed, GONE_MAX, "the other files are not tried");
        assert_eq!(programme.missing(), std::slice::from_ref(&folder));
        fs::rename(&away, &folder).expect("our own folder");
        assert_eq!(begun(&mut programme, 2), ["17.wav", "18.wav"], "behind the files that were tried");
    }

    #[test]
    fn a_list_gives_titles_to_files_without_tags() {
        let folder = tempfile::tempdir().expect("a folder");
        wav(&folder.path().join("a.wav"));
        wav(&folder.path().join("b.wav"));
        let list = folder.path().join("l.m3u");
        fs::write(&list, "#EXTM3U\n#EXTINF:1,Band - Song\na.wav\nb.wav\nc.wav\n").expect("a list");
        let mut programme = Programme::new(Playlist::new(vec![list], false));
        assert!(matches!(programme.step(&mut Vec::new()), Step::Problem(problem) if problem.contains("c.wav")));
        assert_eq!(begun(&mut programme, 2), ["Band - Song", "b.wav"]);
        assert_eq!(programme.place().map(|place| place.index), Some(1));
    }
}
