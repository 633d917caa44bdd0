//! Who is connected: numbers for newcomers, their gauges for the API, and the ring to the pump.

use radio_signal::ingest::{BufferGauge, BufferReader, BufferWriter, input_buffer};
use radio_signal::router::{InputId, SourceId, SourceSpec};
use std::sync::{Mutex, PoisonError};

/// Newcomers that wait for the pump's next tick; more than the sources a router holds would be refused anyway.
pub const NEWCOMERS_MAX: usize = 32;

/// A producer's buffer on its way to the router.
pub struct Newcomer {
    /// Who it is.
    pub id: SourceId,
    /// How it is to be treated.
    pub spec: SourceSpec,
    /// Its PCM.
    pub reader: BufferReader,
}

/// One producer that is connected, or was the last to leave.
#[derive(Clone)]
pub struct ProducerEntry {
    /// Who it is.
    pub id: SourceId,
    /// The fill of its buffer.
    pub gauge: BufferGauge,
    /// Whether it is still connected.
    pub connected: bool,
}

/// Ticks of an input that were never heard; only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostTicks {
    /// Dropped because a buffer was full.
    pub overflow: u64,
    /// Thrown away off air because they were old.
    pub stale: u64,
}

impl LostTicks {
    fn add(&mut self, gauge: &BufferGauge) {
        self.overflow += gauge.overflow_count();
        self.stale += gauge.stale_count();
    }
}

/// The producers of all inputs.
pub struct Inputs {
    inner: Mutex<Inner>,
}

struct Inner {
    next_producer: u64,
    to_pump: rtrb::Producer<Newcomer>,
    entries: Vec<ProducerEntry>,
    /// What producers that are forgotten had lost, one entry for each input.
    forgotten: Vec<(InputId, LostTicks)>,
}

impl Inner {
    fn forget(&mut self, is_forgotten: impl Fn(&ProducerEntry) -> bool) {
        for entry in self.entries.extract_if(.., |entry| is_forgotten(entry)) {
            let input = entry.id.input;
            match self.forgotten.iter_mut().find(|(id, _)| *id == input) {
                Some((_, lost)) => lost.add(&entry.gauge),
                None => {
                    let mut lost = LostTicks::default();
                    lost.add(&entry.gauge);
                    self.forgotten.push((input, lost));
                }
            }
        }
    }
}

impl Inputs {
    /// The registry, and the end of the ring that the pump reads.
    #[must_use]
    pub fn new() -> (Self, rtrb::Consumer<Newcomer>) {
        let (to_pump, from_inputs) = rtrb::RingBuffer::new(NEWCOMERS_MAX);
        (
            Self { inner: Mutex::new(Inner { next_producer: 0, to_pump, entries: Vec::new(), forgotten: Vec::new() }) },
            from_inputs,
        )
    }

    /// Makes a buffer of `capacity_ticks` for a new producer and hands its other end to the pump. `None` when
    /// `producers_max` of this input are connected, or the pump has not taken the last newcomers yet.
    #[must_use]
    pub fn admit(
        &self,
        spec: SourceSpec,
        capacity_ticks: usize,
        producers_max: usize,
    ) -> Option<(SourceId, BufferWriter)> {
        let mut inner = self.lock();
        let connected = inner.entries.iter().filter(|e| e.connected && e.id.input == spec.input).count();
        if connected >= producers_max {
            return None;
        }
        let id = SourceId { input: spec.input, producer: inner.next_producer };
        let (writer, reader) = input_buffer(capacity_ticks);
        inner.to_pump.push(Newcomer { id, spec, reader }).ok()?;
        inner.next_producer += 1;
        inner.forget(|e| !e.connected && e.id.input == spec.input);
        inner.entries.push(ProducerEntry { id, gauge: writer.gauge(), connected: true });
        Some((id, writer))
    }

    /// Notes that a producer has left. The newest of its input is remembered until the next comes.
    pub fn left(&self, id: SourceId) {
        let mut inner = self.lock();
        let newest = inner.entries.iter().rev().find(|e| e.id.input == id.input).map(|e| e.id);
        if newest != Some(id) {
            inner.forget(|e| e.id == id);
        }
        if let Some(entry) = inner.entries.iter_mut().find(|e| e.id == id) {
            entry.connected = false;
        }
    }

    /// The producers of one input, in order of arrival; a last one that has left may be among them.
    #[must_use]
    pub fn of(&self, input: InputId) -> Vec<ProducerEntry> {
        self.lock().entries.iter().filter(|e| e.id.input == input).cloned().collect()
    }

    /// What all producers of one input have lost, as far as they could be followed: until they were forgotten.
    #[must_use]
    pub fn lost(&self, input: InputId) -> LostTicks {
        let inner = self.lock();
        let mut lost = inner.forgotten.iter().find(|(id, _)| *id == input).map_or_else(LostTicks::default, |(_, l)| *l);
        inner.entries.iter().filter(|e| e.id.input == input).for_each(|e| lost.add(&e.gauge));
        lost
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::ingest::{Gain, SilenceGate};
    use radio_signal::pcm::AudioFrame;
    use radio_signal::router::{Jitter, WhenFull};

    #[test]
    fn what_producers_lost_is_still_counted_when_they_are_forgotten() {
        let (inputs, mut newcomers) = Inputs::new();
        let input = InputId(0);
        let spec = SourceSpec {
            input,
            priority: 1,
            preroll_ticks: 1,
            when_full: WhenFull::Drop,
            grace_ticks: None,
            fade_samples: None,
            jitter: Jitter::NONE,
            gate: SilenceGate::default(),
            gain: Gain::UNITY,
        };
        for already_lost in [0, 2, 4] {
            assert_eq!(inputs.lost(input).overflow, already_lost);
            let (id, mut writer) = inputs.admit(spec, 2, 8).expect("there is a place");
            (0..4).for_each(|_| _ = writer.offer(&AudioFrame::SILENCE));
            assert_eq!(inputs.lost(input).overflow, already_lost + 2);
            inputs.left(id);
            assert!(newcomers.pop().is_ok());
        }
        assert_eq!(inputs.lost(InputId(1)), LostTicks::default());
    }
}
