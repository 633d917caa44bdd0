//! Locks between tests that run in processes of their own.

use std::fs::{self, File};
use std::path::Path;

/// Held until dropped.
#[must_use]
pub struct Exclusive(#[expect(dead_code, reason = "closing it gives the lock up")] File);

/// Waits until no other test of this checkout holds `name`, and holds it.
///
/// # Panics
///
/// `target/` cannot be written.
#[track_caller]
pub fn hold(name: &str) -> Exclusive {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/locks");
    fs::create_dir_all(&folder).expect("target/ can be written");
    let file = File::create(folder.join(name)).expect("target/ can be written");
    file.lock().expect("a lock on our own file");
    Exclusive(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_held_by_one_at_a_time() {
        let name = format!("test-{}", std::process::id());
        let first = hold(&name);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/locks").join(&name);
        let other = File::open(&path).expect("the lock's file");
        assert!(other.try_lock().is_err());
        drop(first);
        assert!(other.try_lock().is_ok());
        fs::remove_file(path).expect("our own file");
    }
}
