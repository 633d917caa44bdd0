//! Collects what is wrong with a configuration.

use super::limits::SOCKET_PATH_BYTES_MAX;
use std::path::Path;

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The keys involved, the likeliest culprit first.
    pub keys: Vec<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What has been found so far. Each part of the configuration adds what is wrong with it.
#[derive(Default)]
pub(super) struct Check {
    pub(super) found: Vec<Invalid>,
}

impl Check {
    pub(super) fn add(&mut self, keys: &[&str], message: String) {
        self.found.push(Invalid { keys: keys.iter().map(|&key| key.into()).collect(), message });
    }

    pub(super) fn socket_path(&mut self, key: &str, path: &Path) {
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.len() > SOCKET_PATH_BYTES_MAX || bytes.contains(&0) {
            let message = format!(
                "`{key}` is {} bytes long; the system takes at most {SOCKET_PATH_BYTES_MAX} for a socket",
                bytes.len()
            );
            self.add(&[key], message);
        }
    }

    /// One line that can stand in a response head.
    pub(super) fn line(&mut self, key: &str, text: &str, bytes_max: usize) {
        if text.len() > bytes_max || text.chars().any(char::is_control) {
            self.add(&[key], format!("`{key}` must be one line of at most {bytes_max} bytes"));
        }
    }
}
