//! What is known of one output while it is listened to.

use super::advice;
use crate::broadcast::OutputId;
use crate::ear::Histogram;
use crate::ear::output::OutputEar;
use crate::setup::OutputState;
use radio_config::AlarmLimits;
use radio_encoder::{EncoderStatus, Format};
use radio_signal::alarm::Strikes;
use std::sync::{Arc, PoisonError};

/// For so long after an encoder waited for the processor the machine counts as too busy.
const BUSY_MS: u64 = 5_000;

/// What belongs to one output.
pub(super) struct Ears {
    pub(super) id: OutputId,
    /// Where it listens.
    pub(super) output: Arc<OutputState>,
    pub(super) ear: OutputEar,
    pub(super) strikes: Strikes,
    pub(super) delays: Histogram,
    pub(super) differs_since_ms: Option<u64>,
    pub(super) silent_since_ms: Option<u64>,
    pub(super) late_since_ms: Option<u64>,
    pub(super) not_running_since_ms: Option<u64>,
    /// Holds and silent frames when it was looked at last.
    pub(super) trouble: u64,
    /// How often its encoder had been short of the processor when it was looked at last.
    shortages: u64,
    /// Since when it has been, and when it was last, on the clock of the wall.
    busy: Option<(u64, u64)>,
}

impl Ears {
    pub(super) fn new(output: &Arc<OutputState>, limits: AlarmLimits) -> anyhow::Result<Self> {
        Ok(Self {
            id: output.id,
            output: Arc::clone(output),
            ear: OutputEar::new(limits.silence_dbfs, Format::of(&output.config))?,
            strikes: Strikes::new(limits.damaged_frames, limits.clear_ms),
            delays: Histogram::of_arrivals(),
            differs_since_ms: None,
            silent_since_ms: None,
            late_since_ms: None,
            not_running_since_ms: None,
            trouble: 0,
            shortages: 0,
            busy: None,
        })
    }

    pub(super) fn encoder_status(&self) -> EncoderStatus {
        self.output.manager.lock().unwrap_or_else(PoisonError::into_inner).status()
    }

    /// Notes whether its encoder was short of the processor again.
    pub(super) fn look_at_processor(&mut self, shortages: u64, now_ms: u64) {
        if shortages > self.shortages {
            let since_ms = self.busy.map_or(now_ms, |(since_ms, _)| since_ms);
            self.busy = Some((since_ms, now_ms));
        }
        self.shortages = shortages;
        self.busy = self.busy.filter(|(_, last_ms)| now_ms.saturating_sub(*last_ms) < BUSY_MS);
    }

    pub(super) fn about<'a>(&self, encoder: &'a EncoderStatus) -> advice::Encoder<'a> {
        advice::Encoder {
            kind: encoder.kind,
            state: encoder.state,
            last_error: encoder.last_error.as_deref(),
            busy_ms: self.busy.map(|(since_ms, last_ms)| last_ms.saturating_sub(since_ms)),
        }
    }
}
