//! Pieces of streams, made by FFmpeg, and what the tower's own decoder makes of them.

use radio_decode::media::formats::Format;
use radio_decode::media::stream::joiner::Joiner;
use radio_decode::media::stream::{Event, Head, Options, Stream};
use std::f64::consts::TAU;
use std::io::Read;
use std::process::{Command, Stdio};

/// A way to code a piece.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    coding: &'static [&'static str],
    rate_hz: u32,
    channels: u32,
}

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "96k", "-f", "mp3"];
const AAC: &[&str] = &["-c:a", "aac", "-b:a", "96k", "-f", "adts"];
const VORBIS: &[&str] = &["-c:a", "libvorbis", "-q:a", "4", "-page_duration", "60000", "-f", "ogg"];
const OPUS: &[&str] = &["-c:a", "libopus", "-b:a", "64k", "-page_duration", "60000", "-f", "ogg"];

impl Kind {
    pub(crate) const MP3_44100: Self = Self::new(MP3, 44_100, 2);
    pub(crate) const MP3_48000: Self = Self::new(MP3, 48_000, 2);
    pub(crate) const MP3_44100_MONO: Self = Self::new(MP3, 44_100, 1);
    pub(crate) const MP3_22050_MONO: Self = Self::new(MP3, 22_050, 1);
    pub(crate) const MP2_48000: Self = Self::new(&["-c:a", "mp2", "-b:a", "128k", "-f", "mp2"], 48_000, 2);
    pub(crate) const AAC_44100: Self = Self::new(AAC, 44_100, 2);
    pub(crate) const AAC_48000_MONO: Self = Self::new(AAC, 48_000, 1);
    pub(crate) const FLAC: Self = Self::new(&["-c:a", "flac", "-f", "flac"], 44_100, 2);
    pub(crate) const WAV: Self = Self::new(&["-c:a", "pcm_s16le", "-f", "wav"], 44_100, 2);
    pub(crate) const VORBIS: Self = Self::new(VORBIS, 44_100, 2);
    pub(crate) const VORBIS_MONO: Self = Self::new(VORBIS, 22_050, 1);
    pub(crate) const OGG_FLAC: Self = Self::new(&["-c:a", "flac", "-page_duration", "60000", "-f", "ogg"], 48_000, 2);
    pub(crate) const OPUS: Self = Self::new(OPUS, 48_000, 2);
    pub(crate) const OPUS_MONO: Self = Self::new(OPUS, 48_000, 1);

    const fn new(coding: &'static [&'static str], rate_hz: u32, channels: u32) -> Self {
        Self { coding, rate_hz, channels }
    }

    /// The same at another rate.
    pub(crate) const fn at(self, rate_hz: u32) -> Self {
        Self { rate_hz, ..self }
    }
}

/// What FFmpeg writes.
pub(crate) fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg").args(["-v", "error"]).args(arguments).arg("-").stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run ffmpeg ({error}): apt-get install ffmpeg"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A sine with its frequency as its title.
pub(crate) fn piece(kind: Kind, hz: f64, seconds: f64) -> Vec<u8> {
    let sine = format!("sine=frequency={hz}:sample_rate={}:duration={seconds}", kind.rate_hz);
    let (title, channels) = (format!("title={hz} Hz"), kind.channels.to_string());
    let begin = ["-f", "lavfi", "-i", &sine, "-ac", &channels, "-metadata", &title, "-flags", "+bitexact"];
    ffmpeg(&[&begin, kind.coding].concat())
}

/// What the decoder makes of a stream.
pub(crate) struct Heard {
    /// The left channel at 48 kHz.
    pub(crate) left: Vec<f64>,
    /// Titles, and the sample before which each came.
    pub(crate) titles: Vec<(String, usize)>,
    /// What another process would have to read first.
    pub(crate) heads: Vec<Head>,
    pub(crate) bad_packets: u64,
    /// The stream ended with its bytes.
    pub(crate) ended_well: bool,
    pub(crate) needs: Option<&'static str>,
    /// What it did not decode.
    pub(crate) unread: Vec<u8>,
}

/// Decodes a stream that comes in pieces of 1000 bytes.
pub(crate) fn decode(bytes: &[u8]) -> Heard {
    decode_with(bytes, false)
}

/// Decodes a stream that ends where it says, as a file does.
pub(crate) fn decode_file(bytes: &[u8]) -> Heard {
    decode_with(bytes, true)
}

fn decode_with(bytes: &[u8], trims_end: bool) -> Heard {
    let options = Options { said: Format::Mp3, trims_end };
    let mut stream = Stream::new(Dribble(bytes), options);
    let (mut joiner, mut samples, mut titles, mut heads) = (Joiner::default(), Vec::new(), Vec::new(), Vec::new());
    let needs = loop {
        match stream.next_event() {
            Event::Sound(block) => joiner.push(block.rate_hz, &block.samples, &mut samples),
            Event::Cut => joiner.cut(&mut samples),
            Event::Title(title) => titles.push((title.label(), samples.len() / 2)),
            Event::Head(head) => heads.push(head),
            Event::Format(..) => {}
            Event::Needs(demuxer) => break Some(demuxer),
            Event::Over => break None,
        }
    };
    joiner.finish(&mut samples);
    let bad_packets = stream.bad_packets();
    let mut unread = Vec::new();
    stream.unread().read_to_end(&mut unread).expect("bytes");
    let left = samples.iter().step_by(2).map(|&value| f64::from(value) / 32_768.0).collect();
    Heard { left, titles, heads, bad_packets, ended_well: needs.is_none() && unread.is_empty(), needs, unread }
}

struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.len().min(out.len()).min(1000);
        self.0.read(&mut out[..count])
    }
}

/// Samples of a window, and from one to the next: 20 and 5 ms.
const WINDOW: usize = 960;
const STEP: usize = 240;

/// Which of the frequencies is heard, and for how many seconds, one after the other. What is none of
/// them is between them.
pub(crate) fn runs(samples: &[f64], frequencies: &[f64]) -> Vec<(f64, f64)> {
    runs_in(samples, frequencies).into_iter().map(|run| (run.hz, run.seconds)).collect()
}

/// A frequency that is heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) hz: f64,
    pub(crate) first_sample: usize,
    pub(crate) seconds: f64,
}

/// The same, and where each begins.
pub(crate) fn runs_in(samples: &[f64], frequencies: &[f64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, window) in samples.windows(WINDOW).step_by(STEP).enumerate() {
        let power = window.iter().map(|value| value * value).sum::<f64>();
        let heard = frequencies.iter().copied().find(|&hz| {
            let (mut re, mut im) = (0.0, 0.0);
            for (n, value) in window.iter().enumerate() {
                let angle = TAU * hz * n as f64 / 48_000.0;
                re += value * angle.cos();
                im += value * angle.sin();
            }
            // A sine has all its power in one frequency, and most of it in one that is a hundredth off.
            power > 1e-3 && (re * re + im * im) * 2.0 / WINDOW as f64 > 0.6 * power
        });
        if let Some(hz) = heard {
            match runs.last_mut() {
                Some(run) if run.hz == hz => run.seconds += STEP as f64 / 48_000.0,
                _ => runs.push(Run { hz, first_sample: at * STEP, seconds: STEP as f64 / 48_000.0 }),
            }
        }
    }
    runs
}
