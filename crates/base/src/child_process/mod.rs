//! Child processes: how encoders, decoders and commands are started, limited and watched.
//!
//! - [`spawn`]: starts one, with its pipes and limits, in the [`environment`] that it gets.
//! - [`diagnostics`]: what one complains of on stderr.
//! - [`processor`]: what one has had of the processor.
//!
//! It knows nothing of what they are started for.

pub mod diagnostics;
pub mod environment;
pub mod processor;
pub mod spawn;
