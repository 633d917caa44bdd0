//! One producer's bounded buffer, from its socket to the router (SPEC IN-3, IN-4, IN-6).

use super::gain::Gain;
use super::gate::{GateKeeper, RETURN_TICKS, SilenceGate};
use super::gauge::BufferGauge;
use super::peak::PeakHold;
use crate::pcm::{AudioFrame, PcmFrame};
use crate::units::{CHANNELS, TICK_SAMPLES};
use std::sync::atomic::Ordering::Relaxed;

/// Makes a buffer of `capacity_ticks` (at least 2: one to play and one to look ahead).
///
/// It takes memory for the frames that wait in it, and not for its capacity: the writer makes
/// frames as it needs them, and the reader, which neither allocates nor frees, sends back those
/// that it has read.
#[must_use]
pub fn input_buffer(capacity_ticks: usize) -> (BufferWriter, BufferReader) {
    let capacity = capacity_ticks.max(2);
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    // One frame may be in the hands of the reader, and two in those of the writer, beside those
    // that wait.
    let (returned, empty) = rtrb::RingBuffer::new(capacity + 3);
    let gauge = BufferGauge::new(capacity);
    let writer = BufferWriter {
        producer,
        empty,
        spare: Vec::with_capacity(capacity + 3),
        gauge: gauge.clone(),
        peaks: PeakHold::default(),
        left_out: None,
    };
    (writer, BufferReader { consumer, returned, gauge, gate: GateKeeper::default(), gain: Gain::UNITY })
}

/// A frame in the buffer.
#[derive(Debug)]
struct Queued {
    frame: AudioFrame,
    /// How far its loudest sample is from zero; full scale is 1.
    peak: f32,
}

/// The producer's end. Dropping it says that the producer has ended.
#[derive(Debug)]
pub struct BufferWriter {
    producer: rtrb::Producer<Box<Queued>>,
    /// Frames that have been read.
    empty: rtrb::Consumer<Box<Queued>>,
    /// Frames to be used again, the last one first: so only as many are ever made as wait at the
    /// same time.
    spare: Vec<Box<Queued>>,
    gauge: BufferGauge,
    peaks: PeakHold,
    /// The first of the frames that are being left out: the buffer was full, and is not yet empty
    /// enough.
    left_out: Option<Box<Queued>>,
}

/// A buffer that was full takes no frame until this part of it is empty: what is too much is left
/// out at once, and not one frame now and then.
const EMPTY_PART: usize = 4;

impl BufferWriter {
    /// Adds a frame, in which values that are no sound become 0. When the buffer is full the frame,
    /// being the newest, is dropped and counted, and so are those after it until a quarter of the
    /// buffer is empty; the answer is false. The frame behind them begins with a crossfade from
    /// what was left out.
    pub fn offer(&mut self, frame: &AudioFrame) -> bool {
        while let Ok(queued) = self.empty.pop() {
            self.spare.push(queued);
        }
        let make = || Box::new(Queued { frame: AudioFrame::SILENCE, peak: 0.0 });
        let mut queued = self.spare.pop().unwrap_or_else(make);
        queued.peak = queued.frame.take(frame);
        self.gauge.shared.peak.store(self.peaks.observe(queued.peak).to_bits(), Relaxed);
        if let Some(first) = &self.left_out {
            if self.producer.slots() < self.gauge.capacity().div_ceil(EMPTY_PART) {
                self.spare.push(queued);
                self.gauge.shared.overflow.fetch_add(1, Relaxed);
                return false;
            }
            queued.frame.fade_from(&first.frame);
            self.spare.extend(self.left_out.take());
        }
        match self.producer.push(queued) {
            Ok(()) => _ = self.gauge.shared.offered.fetch_add(1, Relaxed),
            Err(rtrb::PushError::Full(queued)) => {
                self.left_out = Some(queued);
                self.gauge.shared.overflow.fetch_add(1, Relaxed);
            }
        }
        self.left_out.is_none()
    }

    /// Adds a frame of 16 bits, which stays what it is.
    pub fn offer_pcm(&mut self, frame: &PcmFrame) -> bool {
        self.offer(&frame.into())
    }

    /// Whether the next frame would be dropped.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.producer.is_full()
    }

    /// Whether the router has let this producer go, so that nothing will be played any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }

    /// Ends because another took its place: what waits is played until that one is ready, and no longer.
    pub fn give_way(self) {
        self.gauge.shared.gives_way.store(true, Relaxed);
    }

    /// The fill, for anyone.
    #[must_use]
    pub fn gauge(&self) -> BufferGauge {
        self.gauge.clone()
    }
}

/// The router's end.
#[derive(Debug)]
pub struct BufferReader {
    consumer: rtrb::Consumer<Box<Queued>>,
    returned: rtrb::Producer<Box<Queued>>,
    gauge: BufferGauge,
    gate: GateKeeper,
    gain: Gain,
}

impl BufferReader {
    /// Frames that wait.
    #[must_use]
    pub fn fill(&self) -> usize {
        self.consumer.slots()
    }

    /// Frames it holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.gauge.capacity()
    }

    /// One tick of the tower's clock has gone by.
    pub(crate) fn note_tick(&self) {
        self.gauge.shared.ticks.fetch_add(1, Relaxed);
    }

    /// Ticks that may come as one lump (see [`BufferGauge::expect_lumps`]).
    pub(crate) fn expected_lump_ticks(&self) -> usize {
        self.gauge.expected_lump_ticks() as usize
    }

    /// Frames that have ever come.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.gauge.offered()
    }

    /// Whether the producer has ended; what waits can still be played.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.consumer.is_abandoned()
    }

    /// Whether another took the producer's place (see [`BufferWriter::give_way`]).
    #[must_use]
    pub fn gives_way(&self) -> bool {
        self.gauge.shared.gives_way.load(Relaxed)
    }

    /// From now on this says when the producer counts as silent.
    pub const fn set_gate(&mut self, gate: SilenceGate) {
        self.gate.set(gate);
    }

    /// From now on levels, and what the gate judges by, are those of frames with this gain.
    pub fn set_gain(&mut self, gain: Gain) {
        self.gain = gain;
        self.gauge.shared.gain.store(gain.factor().to_bits(), Relaxed);
    }

    /// The gain that frames are to be mixed with. They leave the buffer as they came.
    #[must_use]
    pub const fn gain(&self) -> Gain {
        self.gain
    }

    /// Looks at what is about to be heard; after that [`Self::is_silent`] holds for this tick.
    pub fn judge_gate(&mut self) {
        let is_whole = self.fill() == self.capacity();
        let count = self.fill().min(RETURN_TICKS as usize);
        let Ok(chunk) = self.consumer.read_chunk(count) else { return };
        let is_silent = self.gate.judge(peaks(chunk.as_slices(), self.gain), is_whole);
        self.gauge.shared.is_silent.store(is_silent, Relaxed);
    }

    /// Whether the producer counts as silent: its gate is closed.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.gauge.is_silent()
    }

    /// One tick behind the closed gate: what is no sound passes unheard.
    pub fn pass_silence(&mut self) {
        let has_ended = self.ended();
        let count = if has_ended { self.fill() } else { self.fill().min(RETURN_TICKS as usize) };
        let Ok(chunk) = self.consumer.read_chunk(count) else { return };
        let passing = self.gate.passing(peaks(chunk.as_slices(), self.gain), has_ended);
        self.discard(passing);
    }

    /// Moves the oldest frame to `out`; false, and `out` untouched, if there is none.
    pub fn pop(&mut self, out: &mut AudioFrame) -> bool {
        self.next(|frame| *out = *frame)
    }

    fn next(&mut self, read: impl FnOnce(&AudioFrame)) -> bool {
        let Ok(queued) = self.consumer.pop() else { return false };
        read(&queued.frame);
        self.gate.pass(self.gain.of_peak(queued.peak));
        self.gauge.shared.taken.fetch_add(1, Relaxed);
        // There is room for all frames that were ever made.
        let _ = self.returned.push(queued);
        true
    }

    /// Samples per channel that wait, without the zeros at the end of the last frame: a producer that stopped in the
    /// middle of a frame is over where its audio is, not where its padding is.
    #[must_use]
    pub fn sounding_samples(&mut self) -> usize {
        let fill = self.fill();
        let Ok(chunk) = self.consumer.read_chunk(fill) else { return 0 };
        let (first, second) = chunk.as_slices();
        let Some(last) = second.last().or(first.last()) else { return 0 };
        let padding =
            last.frame.0.chunks_exact(CHANNELS).rev().take_while(|pair| pair.iter().all(|&v| v == 0.0)).count();
        fill * TICK_SAMPLES - padding
    }

    /// Throws away all but the newest `count` frames and returns how many were stale.
    pub fn keep_newest(&mut self, count: usize) -> usize {
        self.discard(self.fill().saturating_sub(count))
    }

    /// Throws away the oldest `count` frames.
    fn discard(&mut self, count: usize) -> usize {
        let discarded = (0..count).take_while(|_| self.next(|_| ())).count();
        self.gauge.shared.stale.fetch_add(discarded as u64, Relaxed);
        discarded
    }

    /// The fill, for anyone.
    #[must_use]
    pub fn gauge(&self) -> BufferGauge {
        self.gauge.clone()
    }
}

type Waiting<'a> = (&'a [Box<Queued>], &'a [Box<Queued>]);

fn peaks((first, second): Waiting<'_>, gain: Gain) -> impl Iterator<Item = f32> {
    first.iter().chain(second).map(move |queued| gain.of_peak(queued.peak))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(value: i16) -> AudioFrame {
        (&PcmFrame([value; crate::units::TICK_VALUES])).into()
    }

    #[test]
    fn a_full_buffer_drops_the_newest_and_counts_it() {
        let (mut writer, mut reader) = input_buffer(3);
        let taken: Vec<bool> = (0..5).map(|i| writer.offer(&frame(i))).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        let gauge = reader.gauge();
        assert_eq!((gauge.capacity(), gauge.count(), gauge.overflow_count()), (3, 3, 2));
        let mut out = AudioFrame::SILENCE;
        for i in 0..3 {
            assert!(reader.pop(&mut out));
            assert_eq!(out, frame(i));
        }
        assert!(!reader.pop(&mut out));
    }

    #[test]
    fn what_is_too_much_is_left_out_at_once_and_its_ends_are_crossed() {
        let (mut writer, mut reader) = input_buffer(40);
        let sine = |tick: usize| {
            let value = |index: usize| {
                let sample = ((tick * TICK_SAMPLES + index / CHANNELS) % 120) as f32;
                (sample * std::f32::consts::TAU / 120.0).sin() * 0.5
            };
            AudioFrame(std::array::from_fn(value))
        };
        let (mut heard, mut out, mut taken) = (Vec::new(), AudioFrame::SILENCE, Vec::new());
        // A source that is 10 % fast.
        for tick in 0..1100 {
            taken.push(writer.offer(&sine(tick)));
            if tick % 11 != 0 && reader.pop(&mut out) {
                heard.extend(out.0.iter().step_by(2).copied());
            }
        }
        let cuts = taken.windows(2).filter(|pair| pair[0] && !pair[1]).count();
        assert!((5..=8).contains(&cuts), "{cuts} cuts for 60 ticks too much");
        assert_eq!(reader.gauge().overflow_count(), taken.iter().filter(|taken| !**taken).count() as u64);
        let bend = |w: &[f32]| (w[0] - 2.0 * w[1] + w[2]).abs();
        let steady = 0.5 * (std::f32::consts::TAU / 120.0).powi(2);
        let worst = heard.windows(3).map(bend).fold(0.0, f32::max);
        assert!(worst < 2.0 * steady, "{worst} against {steady}");
    }

    #[test]
    fn off_air_only_the_freshest_stay() {
        let (mut writer, mut reader) = input_buffer(8);
        (0..8).for_each(|i| assert!(writer.offer(&frame(i))));
        assert_eq!(reader.keep_newest(2), 6);
        let mut out = AudioFrame::SILENCE;
        assert!(reader.pop(&mut out));
        assert_eq!(out, frame(6));
        assert_eq!(reader.gauge().stale_count(), 6);
        assert_eq!(reader.gauge().count(), 1);
    }

    #[test]
    fn what_comes_has_a_level_also_when_the_buffer_is_full() {
        let (mut writer, mut reader) = input_buffer(2);
        assert_eq!(reader.gauge().peak_dbfs(), None);
        writer.offer(&frame(0));
        assert_eq!(reader.gauge().peak_dbfs(), None);
        (0..3).for_each(|_| _ = writer.offer(&frame(-16_384)));
        let level = reader.gauge().peak_dbfs().unwrap();
        assert!((level + 6.02).abs() < 0.01, "{level}");
        reader.set_gain(Gain::from_db(-12.0));
        let level = reader.gauge().peak_dbfs().unwrap();
        assert!((level + 18.02).abs() < 0.01, "{level}");
    }

    #[test]
    fn as_many_frames_are_made_as_wait_at_the_same_time_and_none_is_lost() {
        let (mut writer, mut reader) = input_buffer(500);
        let mut out = AudioFrame::SILENCE;
        for round in 0..1000 {
            (0..10).for_each(|i| assert!(writer.offer(&frame(i))));
            assert_eq!(reader.keep_newest(7), 3);
            (3..10).for_each(|i| assert!(reader.pop(&mut out) && out == frame(i), "round {round}"));
        }
        let mut made = writer.spare.len();
        while writer.empty.pop().is_ok() {
            made += 1;
        }
        assert_eq!(made, 10);
        (0..600).for_each(|i| assert_eq!(writer.offer(&frame(i)), i < 500));
        while reader.pop(&mut out) {}
        (0..600).for_each(|i| assert_eq!(writer.offer(&frame(i)), i < 500));
    }

    #[test]
    fn padding_at_the_end_is_not_sound() {
        let (mut writer, mut reader) = input_buffer(4);
        assert_eq!(reader.sounding_samples(), 0);
        writer.offer(&frame(1));
        let mut partial = frame(1);
        partial.0[2 * 100..].fill(0.0);
        writer.offer(&partial);
        assert_eq!(reader.sounding_samples(), 1152 + 100);
        assert_eq!(reader.fill(), 2, "nothing was taken");
    }

    #[test]
    fn the_end_of_a_producer_is_seen_and_what_it_left_is_played() {
        let (mut writer, mut reader) = input_buffer(4);
        writer.offer(&frame(7));
        drop(writer);
        assert!(reader.ended());
        let mut out = AudioFrame::SILENCE;
        assert!(reader.pop(&mut out));
        assert_eq!(out, frame(7));
    }
}
