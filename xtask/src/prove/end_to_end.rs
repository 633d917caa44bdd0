//! The tests at full length: live towers for minutes each, half days in virtual time, fuzz targets thirty times as long.

use crate::steps::Tally;
use crate::suite::{self, Selection};
use anyhow::Result;

/// How long they take on two cores.
pub(super) const MINUTES: f64 = 45.0;

/// Tests without a live tower that have a longer form.
const PURE: [&str; 2] = ["offline source_clocks::", "radio-fuzz-targets/corpora "];

/// Runs all of them, though one fails.
///
/// # Errors
/// They do not build, or a test failed.
pub(super) fn full_length() -> Result<()> {
    let selection = Selection {
        cargo: suite::ALL.map(str::to_owned).to_vec(),
        environment: vec![("RADIO_PROVE".to_owned(), "1".to_owned())],
        full_length: true,
        ..Selection::default()
    };
    let live = Selection { live: true, ..selection.clone() };
    let pure = Selection { pure: true, filters: PURE.map(str::to_owned).to_vec(), ..selection };
    let mut tally = Tally::default();
    let live = suite::run(&live, &mut tally);
    suite::run(&pure, &mut tally).and(live)
}
