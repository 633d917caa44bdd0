//! The encoder manager and `tower encode`, without a tower around them.

mod command;
mod faults;
mod frames;
mod replay_case;
mod replays;
mod rig;
