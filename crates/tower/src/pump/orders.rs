//! What others want of the pump, and what it gives back to be freed, since it frees nothing itself.

use crate::broadcast::Broadcast;
use crate::broadcast::OutputId;
use radio_encoder::PcmFeed;
use radio_signal::ingest::BufferReader;
use radio_signal::router::{Command, SourceSpec};

/// One output on the pump's thread: the way into its encoder and, its playout delay later, the way out to its listeners.
pub struct Stage {
    /// Which output.
    pub output: OutputId,
    /// Into its encoder.
    pub feed: PcmFeed,
    /// To its listeners.
    pub broadcast: Broadcast,
}

/// Something to be done at the next tick.
pub enum Order {
    /// What the operator wants of the router.
    Router(Command),
    /// The sources of an input are treated in another way.
    Treat(SourceSpec),
    /// The silence between programme and fallback has another length, in ticks.
    Grace(u64),
    /// Another fallback file, or none.
    FallbackFile(Option<BufferReader>),
    /// One more output. It is boxed, so that taking it in neither allocates nor frees.
    Join(Box<Stage>),
    /// An output goes.
    Leave(OutputId),
}

/// What is to be freed elsewhere.
pub enum Retired {
    /// The buffer of a producer that has left, or of a file that was replaced.
    Buffer(BufferReader),
    /// An output.
    Stage(Box<Stage>),
}
