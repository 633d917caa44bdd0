//! Foreign bytes to sound. Used inside the decoder process only.
//!
//! [`stream`]: live streams, whatever they change to on the way.

pub mod stream;
