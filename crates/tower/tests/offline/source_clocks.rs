//! Half a day of a source whose clock is not the tower's, in virtual time (SPEC IN-7): it stays on air, nothing is lost, and
//! its buffer neither fills nor empties.
//!
//! When its bytes come is not made up: `traces/` holds how a minute of six programs arrived over a socket, a line for each read,
//! `milliseconds bytes`: of MP3 at a constant 128 kbit/s. Of ices2, which sends Vorbis, it holds the sound of the pages that came, as
//! bytes of the same rate. The minute is gone through 720 times, each time as long as its sound.

use radio_config::{Input, WhenFull};
use radio_proof::alarm;
use radio_signal::fallback::{FallbackConfig, FallbackProvider};
use radio_signal::ingest::input_buffer;
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{InputId, OnAir, Router, RouterConfig, SourceId};
use radio_signal::units::TICK_VALUES;
use radio_tower::source::session::Sink;
use radio_tower::source::spec;
use std::sync::atomic::AtomicBool;

/// Ticks in an hour.
const HOUR: u64 = 3600 * 1000 / 24;
/// Ticks in a minute.
const MINUTE: u64 = 2500;
/// Bytes of a millisecond at 128 kbit/s, and values of stereo PCM for each of them.
const BYTES_PER_MS: f64 = 16.0;
const VALUES_PER_BYTE: usize = 6;
/// Bytes of an MP3 frame: a decoder gives its sound when it is whole.
const FRAME_BYTES: usize = 384;

/// What came, again and again, from a source that is `ppm` fast.
struct Arrivals {
    reads: Vec<(f64, usize)>,
    minute_ms: f64,
    pace: f64,
    next: usize,
    rounds: f64,
    bytes: usize,
}

impl Arrivals {
    fn new(trace: &str, ppm: f64) -> Self {
        let read = |line: &str| {
            let (ms, bytes) = line.split_once(' ').expect("two numbers");
            (ms.parse().expect("milliseconds"), bytes.parse().expect("bytes"))
        };
        let reads: Vec<(f64, usize)> = trace.lines().map(read).collect();
        let total: usize = reads.iter().map(|(_, bytes)| bytes).sum();
        // A round is as long as its sound, so that the trace itself has no drift.
        let minute_ms = total as f64 / BYTES_PER_MS;
        assert!(reads.len() > 200 && minute_ms > 50_000.0, "{} reads, {minute_ms} ms", reads.len());
        Self { reads, minute_ms, pace: 1.0 - ppm * 1e-6, next: 0, rounds: 0.0, bytes: 0 }
    }

    /// Values of PCM that have been decoded since it was asked last.
    fn until(&mut self, now_ms: f64) -> usize {
        let mut frames = 0;
        loop {
            let (ms, bytes) = self.reads[self.next];
            if (self.rounds * self.minute_ms + ms) * self.pace > now_ms {
                return frames * FRAME_BYTES * VALUES_PER_BYTE;
            }
            self.bytes += bytes;
            frames += self.bytes / FRAME_BYTES;
            self.bytes %= FRAME_BYTES;
            self.next += 1;
            if self.next == self.reads.len() {
                (self.next, self.rounds) = (0, self.rounds + 1.0);
            }
        }
    }
}

/// So many hours of it: on air throughout, nothing dropped, and the mean fill of the last minute that of the second. Without control
/// 200 ppm would be 8.6 s of drift in twelve hours, 360 ticks.
#[track_caller]
fn stays_on_air(trace: &str, ppm: f64, hours: u64) {
    let (input, id) = (Input::default(), SourceId { input: InputId(1), producer: 0 });
    let config = RouterConfig { grace_ticks: 62, fade_samples: 960, first_live_tick: 0 };
    let fallback = FallbackProvider::new(FallbackConfig { tone_dbfs: Some(-20.0) }, None);
    let mut router = Router::new(config, fallback);
    let (writer, reader) = input_buffer(input.capacity_ticks);
    router.attach(id, spec::of(id.input, &input), reader).expect("there is a place");
    let (gauge, stop) = (writer.gauge(), AtomicBool::new(false));
    let mut sink = Sink::new(writer, WhenFull::Drop, &stop);
    let mut arrivals = Arrivals::new(trace, ppm);
    let (mut samples, mut sample) = (Vec::new(), 0i16);
    let (mut lost, mut fills) = (0, [0u64; 2]);
    let ticks = hours * HOUR;
    for tick in 0..ticks {
        for _ in 0..arrivals.until((tick * 24) as f64) {
            sample = sample.wrapping_mul(31).wrapping_add(7);
            samples.push(f32::from(sample / 8) / 32_768.0);
        }
        assert!(sink.take(&mut samples) && samples.len() < TICK_VALUES);
        let mut frame = PcmFrame::SILENCE;
        let on_air = router.next_frame(&mut frame);
        // On air from the first minute to the end.
        lost += u64::from(tick > MINUTE && on_air != OnAir::Source(id));
        if (MINUTE..2 * MINUTE).contains(&tick) {
            fills[0] += gauge.count() as u64;
        }
        if tick >= ticks - MINUTE {
            fills[1] += gauge.count() as u64;
        }
        while router.poll_event().is_some() {}
    }
    let [begin, end] = fills.map(|sum| sum as f64 / MINUTE as f64);
    println!(
        "{ppm} ppm: {begin:.1} ticks after a minute, {end:.1} after {hours} hours; {} dropped",
        gauge.overflow_count()
    );
    assert_eq!((lost, gauge.overflow_count()), (0, 0), "ticks without it, ticks dropped");
    assert!((begin - end).abs() < 3.0, "{begin:.1} ticks after a minute, {end:.1} after {hours} hours at {ppm} ppm");
}

/// Twelve where tests run at full length. An hour shows the same: it would be 30 ticks of drift.
fn hours() -> u64 {
    if alarm::full_length() { 12 } else { 1 }
}

#[test]
fn sources_in_the_manner_of_ffmpeg_stay_on_air_without_drift() {
    let trace = include_str!("traces/ffmpeg.txt");
    stays_on_air(trace, 200.0, 12);
    stays_on_air(trace, -200.0, hours());
}

#[test]
fn sources_in_the_manner_of_liquidsoap_stay_on_air_without_drift() {
    let trace = include_str!("traces/liquidsoap.txt");
    stays_on_air(trace, 200.0, hours());
    stays_on_air(trace, -200.0, 12);
}

#[test]
fn sources_in_the_manner_of_ezstream_stay_on_air_without_drift() {
    let trace = include_str!("traces/ezstream.txt");
    stays_on_air(trace, 200.0, hours());
    stays_on_air(trace, -200.0, hours());
}

#[test]
fn sources_in_the_manner_of_ices2_stay_on_air_without_drift() {
    let trace = include_str!("traces/ices2.txt");
    stays_on_air(trace, 200.0, hours());
    stays_on_air(trace, -200.0, hours());
}

#[test]
fn sources_in_the_manner_of_darkice_stay_on_air_without_drift() {
    let trace = include_str!("traces/darkice.txt");
    stays_on_air(trace, 200.0, hours());
    stays_on_air(trace, -200.0, hours());
}

#[test]
fn sources_in_the_manner_of_butt_stay_on_air_without_drift() {
    let trace = include_str!("traces/butt.txt");
    stays_on_air(trace, 200.0, hours());
    stays_on_air(trace, -200.0, hours());
}
