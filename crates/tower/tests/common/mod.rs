//! What the end-to-end tests share: everything else is in `radio-proof`.

use radio_proof::tower::Setup;

/// The tower built for this test run, not yet started.
pub(crate) fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_tower"))
}
