//! The last changes of an encoder's state, for whoever asks what became of it.

use super::news::EncoderNews;
use radio_signal::units::Serial;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Changes that are remembered; the journal has more.
const CHANGES_MAX: usize = 16;

/// One change of state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PastChange {
    /// When, in seconds since 1970.
    pub time: f64,
    /// At which tick.
    pub tick: Serial,
    /// What it was after it.
    pub state: String,
    /// From what to what, and why.
    pub text: String,
}

/// The last of them.
#[derive(Debug, Default)]
pub struct Past(Mutex<VecDeque<PastChange>>);

impl Past {
    /// Takes in news, at this tick.
    pub fn note(&self, tick: Serial, news: &EncoderNews) {
        let EncoderNews::State(change) = news else { return };
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() == CHANGES_MAX {
            changes.pop_front();
        }
        changes.push_back(PastChange { time, tick, state: change.to.to_string(), text: change.to_string() });
    }

    /// Oldest first, at most 16.
    #[must_use]
    pub fn changes(&self) -> Vec<PastChange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
