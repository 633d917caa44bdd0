//! `cargo xtask test | prove | bench | tidy`.
fn main() {}
