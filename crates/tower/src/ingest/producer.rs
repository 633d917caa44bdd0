//! One connection of the PCM socket: bytes in any sizes, cut into ticks, into this producer's own buffer (SPEC IN-2 to
//! IN-5).

use super::names::STATION_ID;
use super::registry::Inputs;
use super::socket::Acceptor;
use radio_base::journal::event::Event;
use radio_config::{Pacing, Station, WhenFull};
use radio_signal::ingest::{Accumulator, BufferWriter, CORRECTION_PPM_MAX, DriftResampler, Gain, SilenceGate};
use radio_signal::pcm::{AudioFrame, SampleFormat};
use radio_signal::router::{Jitter, SourceId, SourceSpec};
use radio_signal::units::{TICK_BYTES, TICK_MS, samples_in_ms, ticks_in_ms};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;

/// Accepts producers until the task is dropped. `station` gives the configuration in force; `note`
/// takes what operators want to know.
pub async fn serve(mut socket: Acceptor, inputs: Arc<Inputs>, station: impl Fn() -> Station, note: impl Fn(Event)) {
    loop {
        let stream = match socket.accept(&note).await {
            Ok(stream) => stream,
            Err(error) => {
                // Out of file descriptors, usually: the next attempt may succeed, a busy loop would not help.
                tracing::warn!(%error, "a PCM producer could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let station = station();
        let Some((id, writer)) = inputs.admit(spec(&station), station.capacity_ticks, station.producers_max) else {
            tracing::warn!(
                limit = station.producers_max,
                "a PCM producer was refused: as many as allowed are connected"
            );
            continue;
        };
        tracing::info!(producer = id.producer, "a PCM producer connected");
        if let Err(error) = receive_on_a_thread(stream, id, writer, Arc::clone(&inputs), station) {
            inputs.left(id);
            tracing::warn!(%error, "a PCM producer could not be served");
        }
    }
}

/// How the router treats the producers of the PCM socket.
#[must_use]
pub fn spec(station: &Station) -> SourceSpec {
    SourceSpec {
        input: STATION_ID,
        priority: station.priority,
        preroll_ticks: station.preroll_ticks,
        when_full: station.when_full.into(),
        grace_ticks: station.grace_ms.map(ticks_in_ms),
        fade_samples: station.fade_ms.map(samples_in_ms),
        jitter: Jitter::NONE,
        gate: SilenceGate::new(ticks_in_ms(station.silence_gate_ms), station.silence_gate_dbfs),
        gain: Gain::from_db(station.gain_db),
    }
}

/// Each producer has a thread, since there are few of them and each wakes the tower 47 times a second: a thread that
/// waits in `read` is woken for half of what an event loop takes.
fn receive_on_a_thread(
    stream: UnixStream,
    id: SourceId,
    writer: BufferWriter,
    inputs: Arc<Inputs>,
    station: Station,
) -> std::io::Result<()> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    std::thread::Builder::new().name("producer".into()).spawn(move || {
        let resampler = (station.pacing == Pacing::Resample).then(|| DriftResampler::new(station.preroll_ticks.max(2)));
        let dropped = receive("station", stream, writer, station.when_full, resampler);
        inputs.left(id);
        tracing::info!(producer = id.producer, frames_dropped = dropped, "a PCM producer left");
    })?;
    Ok(())
}

/// Reads PCM of the input `name` until there is no more; returns the frames that found the buffer
/// full. With a `resampler` the clock of a producer that does not wait is followed.
pub fn receive(
    name: &str,
    mut stream: impl Read,
    writer: BufferWriter,
    when_full: WhenFull,
    resampler: Option<DriftResampler>,
) -> u64 {
    let waits = when_full == WhenFull::Wait;
    // A producer that waits is read a tick at a time, so that a read never yields more than the one frame that fits.
    let mut bytes = vec![0; if waits { TICK_BYTES } else { 16 * TICK_BYTES }];
    let mut accumulator = Accumulator::new(SampleFormat::S16Le);
    let mut sink = Sink { writer, waits, resampler, warning: ClockWarning::new(name) };
    loop {
        while waits && sink.writer.is_full() && !sink.writer.is_abandoned() {
            std::thread::sleep(Duration::from_millis(TICK_MS / 2));
        }
        match stream.read(&mut bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(count) => accumulator.push(&bytes[..count], |frame| sink.take(frame)),
        }
    }
    accumulator.finish(|frame| sink.take(frame));
    sink.finish()
}

/// Where a producer's frames go: straight into its buffer, or through the resampler that follows its clock.
struct Sink {
    writer: BufferWriter,
    /// The producer waits for room.
    waits: bool,
    resampler: Option<DriftResampler>,
    warning: ClockWarning,
}

impl Sink {
    /// Passes on what the resampler still holds; returns the frames that found the buffer full.
    fn finish(mut self) -> u64 {
        if let Some(resampler) = self.resampler {
            resampler.finish(|frame| _ = self.writer.offer(frame));
        }
        self.writer.gauge().overflow_count()
    }

    fn take(&mut self, frame: &AudioFrame) {
        match &mut self.resampler {
            None => _ = self.writer.offer(frame),
            Some(resampler) => {
                if self.waits {
                    resampler.forget();
                }
                let state = self.writer.gauge().state();
                let writer = &mut self.writer;
                resampler.push(frame, state, |frame| _ = writer.offer(frame));
                self.warning.check(resampler);
            }
        }
    }
}

/// Says once of a source that its clock is further off than can be corrected.
pub struct ClockWarning {
    whose: String,
    is_told: bool,
}

impl ClockWarning {
    /// Of the source of the input `whose`.
    #[must_use]
    pub fn new(whose: &str) -> Self {
        Self { whose: whose.into(), is_told: false }
    }

    /// Warns, if that is due.
    pub fn check(&mut self, resampler: &DriftResampler) {
        if self.is_told {
            return;
        }
        let Some(offset_ppm) = resampler.uncorrected_ppm() else { return };
        self.is_told = true;
        let percent = format!("{:.1}", offset_ppm.abs() / 1e4);
        let (input, most) = (&self.whose, CORRECTION_PPM_MAX / 1e4);
        if offset_ppm > 0.0 {
            tracing::warn!(
                %input,
                "the clock of the source is {percent} % fast and {most} % is corrected: what is too much is left out in one \
                 piece now and then; set the sample rate of its program and sound card right"
            );
        } else {
            tracing::warn!(
                %input,
                "the clock of the source is {percent} % slow and {most} % is corrected: it runs dry now and then and waits for \
                 its pre-roll; set the sample rate of its program and sound card right"
            );
        }
    }
}
