//! `tower serve`: on air until told to stop. The wiring is in [`crate::serve`].

pub use crate::serve::run;
