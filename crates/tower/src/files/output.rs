//! The way of a player's sound from its decoders to its buffer: over the seam between two decoder
//! processes, through the joins between songs, in whole frames.

use super::handle::Shared;
use super::join::{Begin, Join};
use super::songs::Song;
use super::succession::Joined;
use radio_decode::media::seam::Seam;
use radio_signal::ingest::BufferWriter;
use radio_signal::pcm::AudioFrame;
use radio_signal::units::{SAMPLE_RATE_HZ, TICK_MS, TICK_SAMPLES, TICK_VALUES};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Decoded values that wait for room in the buffer, beyond one read.
const WAITING_VALUES_MAX: usize = 2 * TICK_VALUES;
/// With no more ticks than this in the buffer,
const LOW_TICKS: usize = 10;
/// and after so long without a sample, the end of a song is not held back for its crossfade.
const LATE: Duration = Duration::from_millis(100);

/// Is told of each song that begins, and of its position in the buffer.
pub(super) type Started = Box<dyn FnMut(u64, &Song) + Send>;

/// What has been decoded and is not in the buffer yet.
pub(super) struct Output {
    seam: Seam,
    join: Join<Arc<Song>>,
    /// Between the two.
    joining: Vec<f32>,
    /// Not yet a whole frame, or waiting for room.
    samples: Vec<f32>,
    writer: BufferWriter,
    /// Frames that were in the buffer before all that is counted here.
    first: u64,
    last_sound: Instant,
    started: Started,
    shared: Arc<Shared>,
}

impl Output {
    pub(super) fn new(writer: BufferWriter, crossfade_samples: usize, started: Started, shared: Arc<Shared>) -> Self {
        let crossfade_ms = crossfade_samples as u64 * 1000 / u64::from(SAMPLE_RATE_HZ);
        shared.songs.play_from(writer.gauge(), crossfade_ms);
        Self {
            seam: Seam::default(),
            join: Join::new(crossfade_samples),
            joining: Vec::new(),
            samples: Vec::with_capacity(4 * TICK_VALUES),
            first: writer.gauge().offered(),
            writer,
            last_sound: Instant::now(),
            started,
            shared,
        }
    }

    /// Whether decoded sound is wanted.
    pub(super) fn wants_more(&self) -> bool {
        self.samples.len() < WAITING_VALUES_MAX
    }

    /// Nobody will play what is decoded.
    pub(super) fn is_abandoned(&self) -> bool {
        self.writer.is_abandoned()
    }

    /// A song begins behind all that was pushed.
    pub(super) fn begin(&mut self, song: Song, joined: Joined) {
        let Joined { gain, follows, kept } = joined;
        self.join.begin(self.seam.held_samples(), Begin { song: Arc::new(song), gain, follows, kept });
    }

    /// Takes what a decoder gives, with a full scale of 1.
    pub(super) fn push(&mut self, values: &[f32]) {
        self.last_sound = Instant::now();
        self.seam.push(values, &mut self.joining);
        self.join();
    }

    /// The decoder is lost, and another goes on.
    pub(super) fn cut(&mut self) {
        self.seam.cut(&mut self.joining);
        self.join();
    }

    /// Nothing follows for now.
    pub(super) fn finish(&mut self) {
        self.seam.finish(&mut self.joining);
        self.join();
        self.join.finish(&mut self.samples);
        self.announce();
    }

    fn join(&mut self) {
        self.join.push(&self.joining, &mut self.samples);
        self.joining.clear();
        self.announce();
    }

    fn announce(&mut self) {
        while let Some((sample, song)) = self.join.heard() {
            let position = self.first + sample / TICK_SAMPLES as u64;
            self.shared.songs.begins(position, Arc::clone(&song));
            (self.started)(position, &song);
        }
    }

    /// Hands over whole frames, as many as there is room for; what is left of the last one waits
    /// for the next samples, of whatever song.
    pub(super) fn offer_frames(&mut self) {
        if self.is_late() {
            self.join.release(TICK_SAMPLES, &mut self.samples);
            self.announce();
        }
        let (mut offered, mut frame) = (0, AudioFrame::SILENCE);
        for values in self.samples.chunks_exact(TICK_VALUES) {
            if self.writer.is_full() {
                break;
            }
            frame.0.copy_from_slice(values);
            self.writer.offer(&frame);
            offered += TICK_VALUES;
        }
        self.samples.drain(..offered);
    }

    /// The buffer is about to be empty while the end of a song is held back.
    fn is_late(&self) -> bool {
        self.is_low() && self.last_sound.elapsed() >= LATE && self.samples.len() < TICK_VALUES
    }

    fn is_low(&self) -> bool {
        self.join.holds() && self.writer.gauge().count() <= LOW_TICKS
    }

    /// In how many ms it must be looked at again.
    pub(super) fn wait_ms(&self) -> Option<u64> {
        if self.samples.len() >= TICK_VALUES {
            // The buffer empties by one frame a tick; a long one is not looked at for each.
            let room_ticks = (self.writer.gauge().capacity() / 10).clamp(1, 20) as u64;
            return Some(TICK_MS * room_ticks / 2);
        }
        let ms = if self.is_low() { TICK_MS / 2 } else { TICK_MS * LOW_TICKS as u64 / 2 };
        self.join.holds().then_some(ms)
    }

    /// The player ends. Where another plays on in its place, what waits in the buffer is not
    /// played.
    pub(super) fn end(self) {
        if self.shared.gives_way() {
            self.writer.give_way();
        }
    }
}
