//! Who asks, and whether the password is right.
//!
//! - [`credentials`]: the users of the configuration and what a request gives. - [`who`]: who did
//!   something, for the journal.
//! - [`session`]: a browser that is logged in. - [`foreign`]: what a page of another site makes a
//!   browser ask.
//! - [`guesses`]: login throttle.
//!
//! Used by `source`, `setup` and `http`. It knows no route, no mount and no tower.

pub mod credentials;
pub mod foreign;
pub mod guesses;
pub mod session;
pub mod who;
