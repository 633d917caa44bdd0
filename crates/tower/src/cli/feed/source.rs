//! The thread that reads and decodes ahead of what `tower feed` sends.

use super::FeedArgs;
use crate::files::{Playlist, Programme, Step};
use anyhow::{Context, bail};
use radio_decode::media::file::TrackInfo;
use radio_signal::units::{TICK_BYTES, TICK_VALUES};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, SyncSender};

/// Items decoded ahead: about a second, which hides a slow disk at the beginning of a file.
const AHEAD_ITEMS: usize = 42;

/// Bytes of one sample of left and right.
const SAMPLE_BYTES: u64 = 4;

/// What comes next.
pub(super) enum Item {
    /// A file begins.
    Started(Box<TrackInfo>),
    /// Something to tell.
    Note(String),
    /// One frame; only the very last may be shorter.
    Pcm(Vec<u8>),
    /// The end, and not a good one.
    Failed(anyhow::Error),
}

/// The way to the sender; broken when nobody wants more.
type Flow = ControlFlow<()>;

/// Starts reading what `args` name. The receiver ends when the files do.
pub(super) fn start(args: &FeedArgs) -> anyhow::Result<Receiver<Item>> {
    let from_stdin = args.inputs.iter().any(|input| input == Path::new("-"));
    if from_stdin && (args.inputs.len() > 1 || args.looped) {
        bail!("standard input (-) can be neither looped nor mixed with files; feed it alone");
    }
    for input in args.inputs.iter().filter(|_| !from_stdin) {
        std::fs::metadata(input)
            .with_context(|| format!("no such file or folder, or no permission for it: {}", input.display()))?;
    }
    let (items, receiver) = mpsc::sync_channel(AHEAD_ITEMS);
    let args = args.clone();
    std::thread::Builder::new()
        .name("feed-source".into())
        .spawn(move || {
            let outcome = match (from_stdin, args.raw) {
                (true, _) => read_raw_stdin(&items),
                (false, true) => read_raw_files(&args, &items),
                (false, false) => decode(&args, &items),
            };
            if let Err(error) = outcome {
                let _ = items.send(Item::Failed(error));
            }
        })
        .context("cannot start a thread to read the files")?;
    Ok(receiver)
}

fn decode(args: &FeedArgs, items: &SyncSender<Item>) -> anyhow::Result<()> {
    let mut programme = Programme::new(Playlist::new(args.inputs.clone(), args.shuffle));
    let mut samples = Vec::new();
    loop {
        let flow = match programme.step(&mut samples) {
            Step::Audio => send_frames(&mut samples, items),
            Step::Started(info) => give(items, Item::Started(info)),
            Step::Failed(error) => give(items, Item::Note(format!("{error}"))),
            Step::Problem(problem) => give(items, Item::Note(problem)),
            Step::RoundEnded { heard: false } => bail!("none of the files could be played"),
            Step::RoundEnded { heard: true } if args.looped => Flow::Continue(()),
            Step::RoundEnded { heard: true } => {
                programme.finish(&mut samples);
                return match send_frames(&mut samples, items) {
                    Flow::Continue(()) => send_rest(bytes_of(&samples), items),
                    Flow::Break(()) => Ok(()),
                };
            }
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

fn read_raw_files(args: &FeedArgs, items: &SyncSender<Item>) -> anyhow::Result<()> {
    let mut playlist = Playlist::new(args.inputs.clone(), args.shuffle);
    let mut frame = Vec::with_capacity(TICK_BYTES);
    loop {
        let mut heard = false;
        let round = playlist.round();
        for problem in round.problems {
            if give(items, Item::Note(problem)).is_break() {
                return Ok(());
            }
        }
        for crate::files::Item { path, .. } in round.items {
            let shown = path.display().to_string();
            let file = File::open(&path).with_context(|| format!("cannot open {shown}"))?;
            match read_raw(&shown, file, &mut frame, items)? {
                Flow::Continue(()) => heard |= std::fs::metadata(&path).is_ok_and(|file| file.len() >= SAMPLE_BYTES),
                Flow::Break(()) => return Ok(()),
            }
        }
        if !heard {
            bail!("there is no audio in the files");
        }
        if !args.looped {
            return send_rest(frame, items);
        }
    }
}

fn read_raw_stdin(items: &SyncSender<Item>) -> anyhow::Result<()> {
    let mut frame = Vec::with_capacity(TICK_BYTES);
    match read_raw("standard input", io::stdin().lock(), &mut frame, items)? {
        Flow::Continue(()) => send_rest(frame, items),
        Flow::Break(()) => Ok(()),
    }
}

/// Cuts raw PCM into frames. `frame` is what the file before left over, and then what this one does.
fn read_raw(name: &str, mut input: impl Read, frame: &mut Vec<u8>, items: &SyncSender<Item>) -> anyhow::Result<Flow> {
    if give(items, Item::Started(Box::new(TrackInfo::of(Path::new(name), None)))).is_break() {
        return Ok(Flow::Break(()));
    }
    loop {
        let room = (TICK_BYTES - frame.len()) as u64;
        let read = input.by_ref().take(room).read_to_end(frame);
        read.with_context(|| format!("cannot read {name}"))?;
        if frame.len() < TICK_BYTES {
            // Half a sample at the end of a file would exchange the channels of the next.
            frame.truncate(frame.len() - frame.len() % SAMPLE_BYTES as usize);
            return Ok(Flow::Continue(()));
        }
        let whole = std::mem::replace(frame, Vec::with_capacity(TICK_BYTES));
        if give(items, Item::Pcm(whole)).is_break() {
            return Ok(Flow::Break(()));
        }
    }
}

/// The tower fills up the last frame itself.
fn send_rest(rest: Vec<u8>, items: &SyncSender<Item>) -> anyhow::Result<()> {
    if !rest.is_empty() {
        let _ = give(items, Item::Pcm(rest));
    }
    Ok(())
}

fn send_frames(samples: &mut Vec<i16>, items: &SyncSender<Item>) -> Flow {
    let whole = samples.len() - samples.len() % TICK_VALUES;
    for frame in samples.drain(..whole).as_slice().chunks_exact(TICK_VALUES) {
        give(items, Item::Pcm(bytes_of(frame)))?;
    }
    Flow::Continue(())
}

fn give(items: &SyncSender<Item>, item: Item) -> Flow {
    match items.send(item) {
        Ok(()) => Flow::Continue(()),
        Err(_) => Flow::Break(()),
    }
}

fn bytes_of(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|value| value.to_le_bytes()).collect()
}
