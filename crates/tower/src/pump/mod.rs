//! The clock: one thread, one tick every 24 ms (SPEC PUMP).
//!
//! Each tick walks the whole signal path: the router gives one frame of PCM, every output's encoder is fed, every
//! output's broadcast releases what is due, and the shards are told that a tick has passed. Nothing on this thread
//! blocks, allocates or frees.
//!
//! Started by `serve`; orders reach it through `desk`. It knows no request, no file and no process.

pub mod clock;
mod figures;
mod orders;
mod realtime;
mod thread;

pub use figures::{Lateness, PumpFigures};
pub use orders::{Order, Retired, Stage};
pub use thread::{AudioPump, PumpHandle};

use crate::broadcast::BroadcastEvent;
use crate::broadcast::OutputId;
use radio_signal::router::RouterEvent;
use radio_signal::units::Serial;

/// What the pump has to tell; carried by a ring to the journal.
#[derive(Clone, Copy, Debug)]
pub enum PumpEvent {
    /// The router changed what is on air.
    Router(RouterEvent),
    /// An output's broadcast began or ended a hold.
    Broadcast {
        /// Which output.
        output: OutputId,
        /// When.
        tick: Serial,
        /// What.
        event: BroadcastEvent,
    },
    /// The schedule was re-anchored: the tower had been stopped for `lost_ms`.
    Reanchored {
        /// The first tick after it.
        tick: Serial,
        /// Time given up, in ms.
        lost_ms: u64,
    },
}
