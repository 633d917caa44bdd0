//! The encoder manager and `tower encode`, without a tower around them.

mod command;
mod faults;
mod frames;
mod rig;
