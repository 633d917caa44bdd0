//! One encoder as it is on air, and replays of it beside an uninterrupted encode.

use radio_config::{Codec, EncoderKind};
use radio_encoder::EncoderConfig;
use radio_proof::chance::Chance;
use radio_proof::codecs::{mp3_44, ogg};
use radio_proof::{TICK_BYTES, TICK_SAMPLES, frames, material, measure, mp3};
use radio_signal::ogg::{OpusStream, opus};
use std::fmt;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Ticks that the tower replays where it can.
pub(super) const REPLAY_TICKS: usize = 200;

/// Ticks after the join whose frames are looked at.
pub(super) const JOINED_TICKS: usize = 50;

/// Ticks before the join at which decoding begins, so that the decoder has settled.
const SETTLING_TICKS: usize = 50;

/// Ticks after the join in which noise is measured: 240 ms.
const NOISE_TICKS: usize = 10;

/// Ticks whose frames an encoder keeps when its input ends.
const LOOKAHEAD_TICKS: usize = 6;

/// Noise power of a sample below which more or less of it is not heard: -80 dBFS.
const QUIET: f64 = 1e-8;

/// An encoder and its settings.
pub(super) struct Case {
    pub kind: EncoderKind,
    pub codec: Codec,
    pub rate_hz: u32,
    pub kbps: u32,
    pub channels: u8,
}

/// How a replay joined.
pub(super) struct Joined {
    pub start_tick: usize,
    /// The first tick that listeners hear of it.
    pub next_tick: usize,
    /// Frames before that tick, and how many of them were equal.
    pub compared: usize,
    pub equal: usize,
    /// Frames up to the last unequal one of them.
    pub converged_after: usize,
    pub last_ten_equal: bool,
    pub all_equal_afterwards: bool,
    /// Its frames from the join on.
    heard: Vec<Vec<u8>>,
}

/// Without the bytes.
impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start_tick, next_tick, compared, equal, converged_after, .. } = self;
        write!(f, "ticks {start_tick} to {next_tick}: {compared} frames compared, {equal} equal, ")?;
        write!(f, "the last unequal one is frame {converged_after}, ")?;
        write!(f, "all equal afterwards: {}", self.all_equal_afterwards)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, codec, rate_hz, kbps, channels } = self;
        write!(f, "{codec:?} by {kind:?}, {rate_hz} Hz, {kbps} kbit/s, {channels} channels")
    }
}

impl Case {
    pub(super) fn config(&self) -> EncoderConfig {
        let output = radio_config::Output {
            encoder: self.kind,
            codec: self.codec,
            sample_rate_hz: self.rate_hz,
            bitrate_kbps: self.kbps,
            channels: self.channels,
            ..Default::default()
        };
        let mut config = EncoderConfig::from_config(&radio_config::Encoder::default(), &output);
        if self.kind == EncoderKind::Builtin {
            config.main.command[0] = env!("CARGO_BIN_EXE_tower").into();
        }
        config
    }

    /// Frames of one process that reads `pcm` whole.
    #[track_caller]
    pub(super) fn encode(&self, pcm: &[u8]) -> Vec<Vec<u8>> {
        self.encode_in_pieces(pcm, &mut Chance::new(1))
    }

    /// Frames of one process that is given `pcm` in pieces of any length: first single bytes, then
    /// up to 64 KiB.
    #[track_caller]
    fn encode_in_pieces(&self, pcm: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
        let command = self.config().main.command;
        let mut child = Command::new(&command[0]);
        child.args(&command[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = child.spawn().expect("the encoder is installed");
        let (mut stdin, mut stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut stream = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| stdout.read_to_end(&mut stream).expect("frames"));
            let mut rest = pcm;
            while !rest.is_empty() {
                let is_first = pcm.len() - rest.len() < 64;
                let length = if is_first { 1 } else { 1 + chance.below(65_536) };
                let (piece, later) = rest.split_at(length.min(rest.len()));
                stdin.write_all(piece).expect("the encoder reads");
                rest = later;
            }
            drop(stdin);
        });
        assert!(child.wait().expect("our own child").success(), "{self}");
        match (self.codec, self.rate_hz) {
            (Codec::Opus, _) => ogg(&stream).into_iter().skip(2).flat_map(|page| page.packets).collect(),
            (_, 48_000) => frames::strict(&stream).into_iter().map(<[u8]>::to_vec).collect(),
            _ => mp3_44(&stream, self.kbps as usize).into_iter().map(<[u8]>::to_vec).collect(),
        }
    }

    /// A replay that begins somewhere in `pcm` as the tower would begin it.
    #[track_caller]
    pub(super) fn replay(&self, pcm: &[u8], reference: &[Vec<u8>], chance: &mut Chance) -> Joined {
        let period = self.config().main.start_grid_ticks as usize;
        let first = REPLAY_TICKS + period;
        let last = pcm.len() / TICK_BYTES - JOINED_TICKS - LOOKAHEAD_TICKS;
        let next_tick = first + chance.below(last - first);
        let start_tick = (next_tick - REPLAY_TICKS) / period * period;
        self.replay_of(pcm, reference, start_tick, next_tick, chance)
    }

    /// The replay of the ticks from `start_tick` to `next_tick`, the first one heard.
    #[track_caller]
    pub(super) fn replay_of(
        &self,
        pcm: &[u8],
        reference: &[Vec<u8>],
        start_tick: usize,
        next_tick: usize,
        chance: &mut Chance,
    ) -> Joined {
        let end_tick = next_tick + JOINED_TICKS;
        let fed = &pcm[start_tick * TICK_BYTES..(end_tick + LOOKAHEAD_TICKS) * TICK_BYTES];
        let frames = self.encode_in_pieces(fed, chance);
        let [start, next, end] = [start_tick, next_tick, end_tick].map(|tick| self.first_frame(tick));
        let are_equal = |n: usize| frames[n - start] == reference[n];
        let unequal = (start..next).rev().find(|&n| !are_equal(n));
        Joined {
            start_tick,
            next_tick,
            compared: next - start,
            equal: (start..next).filter(|&n| are_equal(n)).count(),
            converged_after: unequal.map_or(0, |n| n + 1 - start),
            last_ten_equal: (next - 10..next).all(are_equal),
            all_equal_afterwards: (next..end).all(are_equal),
            heard: frames[next - start..end - start].to_vec(),
        }
    }

    fn first_frame(&self, tick: usize) -> usize {
        self.config().format.grid().first_frame(tick as u64) as usize
    }

    /// By how many samples decoded Opus that begins within a stream lags behind the programme.
    #[track_caller]
    pub(super) fn lag_samples(&self, pcm: &[u8], reference: &[Vec<u8>]) -> isize {
        const LAG_MAX: isize = 1200;
        // In the music; a packet begins with this tick.
        let tick = 150;
        let heard = self.decode(tick, &reference[self.first_frame(tick)..self.first_frame(tick + 40)]);
        let meant = self.meant(pcm, tick + 20, 10);
        measure::lag_samples(&meant, &heard[20 * TICK_SAMPLES..], LAG_MAX)
    }

    /// How much noisier, in dB, a listener hears the moment after a join than the uninterrupted
    /// encode.
    #[track_caller]
    pub(super) fn excess_db(&self, joined: &Joined, pcm: &[u8], reference: &[Vec<u8>], lag: isize) -> f64 {
        let from = joined.next_tick - SETTLING_TICKS;
        let [begin, next] = [from, joined.next_tick].map(|tick| self.first_frame(tick));
        let spliced = [&reference[begin..next], &joined.heard].concat();
        let heard = self.decode(from, &spliced);
        let whole = self.decode(from, &reference[begin..begin + spliced.len()]);
        assert_eq!(heard.len(), whole.len(), "{self}: no sample is missing");
        let meant = self.meant(pcm, joined.next_tick, NOISE_TICKS);
        // The first packet begins in tick `from`, not always with it.
        let at = joined.next_tick * TICK_SAMPLES - begin * opus::PACKET_SAMPLES as usize;
        let at = at.saturating_add_signed(lag);
        let noise = |heard: &[f64]| {
            let pairs = meant.iter().zip(&heard[at..at + meant.len()]);
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>() + QUIET * meant.len() as f64
        };
        10.0 * (noise(&heard) / noise(&whole)).log10()
    }

    /// What ffmpeg plays of packets of Opus that begin with tick `tick`, left.
    #[track_caller]
    fn decode(&self, tick: usize, packets: &[Vec<u8>]) -> Vec<f64> {
        let output = OpusStream { serial: 1, channels: self.channels };
        let mut stream = output.headers("replays");
        let mut rest = packets;
        for tick in tick.. {
            let count = self.first_frame(tick + 1) - self.first_frame(tick);
            let Some((page, later)) = rest.split_at_checked(count) else { break };
            output.page(tick as u64, &page.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut stream);
            rest = later;
        }
        let line = "-v error -nostdin -f ogg -i pipe:0 -f s16le -ar 48000 -ac 2 pipe:1";
        let (pcm, errors) = mp3::filter("ffmpeg", &line.split(' ').collect::<Vec<_>>(), &stream);
        assert!(errors.is_empty(), "{errors}");
        measure::left_s16(&pcm)
    }

    /// What `ticks` of the programme should sound like: the left channel, or the mean of both.
    fn meant(&self, pcm: &[u8], tick: usize, ticks: usize) -> Vec<f64> {
        let piece = &pcm[tick * TICK_BYTES..(tick + ticks) * TICK_BYTES];
        if self.channels == 2 {
            return measure::left_s16(piece);
        }
        let right: Vec<u8> = piece.iter().copied().skip(2).chain([0; 2]).collect();
        let both = measure::left_s16(piece).into_iter().zip(measure::left_s16(&right));
        both.map(|(left, right)| f64::midpoint(left, right)).collect()
    }
}

/// Three seconds of the fallback's tone, then music, level steps, silence and speech.
pub(super) fn fallback_and_programme() -> Vec<u8> {
    let tone = measure::to_stereo_s16(&measure::sine(440.0, 0.1, 0.0, 125 * TICK_SAMPLES));
    [tone, material::programme(0)].concat()
}

/// Does `work` while every core has something else to do.
pub(super) fn on_busy_cores<T>(work: impl FnOnce() -> T) -> T {
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = End(&ended);
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while !ended.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        work()
    })
}
