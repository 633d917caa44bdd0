//! The command `tower`.
fn main() {}
