//! What an encoder's driver has to tell.

use super::status::ReplayReport;
use radio_signal::supervisor::Change;
use radio_signal::units::Serial;

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
