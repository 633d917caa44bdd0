//! Panics that are expected and print nothing.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static IS_MUTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` if it panics. The panic hook stays silent for this thread meanwhile, and only for it.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_MUTED.get() {
                before(panic);
            }
        }));
    });
    IS_MUTED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    IS_MUTED.set(false);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_later_ones_are_heard_again() {
        assert_eq!(catch(|| 5), Some(5));
        assert_eq!(catch(|| -> u8 { panic!("expected") }), None);
        assert!(!IS_MUTED.get());
    }
}
