//! What an encoder's driver has to tell.

use super::status::ReplayReport;
use radio_signal::supervisor::Change;
use radio_signal::units::Serial;
use std::fmt;

/// Something that happened to an output's encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncoderNews {
    /// The configured encoder changed its state.
    State(Change),
    /// A tick of PCM killed one process after the other; it is silence now.
    Poison {
        /// Which.
        tick: Serial,
    },
    /// The encoder promises that a restarted process gives the same bytes, and no frame of a
    /// replay was equal.
    Unmatched(ReplayReport),
    /// The configured encoder runs, so it can be compared with its stand-in.
    CanBeCompared,
}

impl fmt::Display for EncoderNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(change) => change.fmt(f),
            Self::Poison { tick } => write!(
                f,
                "ALARM: the PCM of tick {tick} is poison: it kills the encoder and was replaced by silence; keep the recording of that \
                 moment and report it to the encoder's makers"
            ),
            Self::Unmatched(ReplayReport { start_tick, compared, next_frame, .. }) => write!(
                f,
                "ALARM: a restarted encoder does not give the promised bytes: of {compared} frames replayed from tick \
                 {start_tick} on, none is equal to the one that was sent; no sample is missing, but listeners hear \
                 another encode from frame {next_frame} on; for an encoder of kind \"command\" set replay = \
                 \"approx\", for another one run `tower doctor` and report its version with the recording of that \
                 moment"
            ),
            Self::CanBeCompared => f.write_str("the encoder runs and is compared with its stand-in"),
        }
    }
}
