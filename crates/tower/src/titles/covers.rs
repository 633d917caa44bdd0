//! Pictures of the files that were played last, for the players and pages that show a title.

use radio_decode::media::file::tags::Cover;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pictures that are kept, each of at most 1 MiB: those that are decoded ahead, on air, and just
/// gone.
const COVERS_MAX: usize = 8;

/// Address at which a picture is served, but for its name.
pub const ADDRESS: &str = "/api/cover?id=";

/// By what they hold, so that a name never comes to mean another picture.
#[derive(Debug, Default)]
pub struct Covers(Mutex<VecDeque<(String, Cover)>>);

impl Covers {
    /// Keeps `cover`; returns the address at which it is served.
    pub fn keep(&self, cover: &Cover) -> String {
        let digest = Sha256::digest(&cover.bytes);
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let address = format!("{ADDRESS}{name}");
        let mut covers = self.lock();
        covers.retain(|(other, _)| *other != name);
        if covers.len() == COVERS_MAX {
            covers.pop_front();
        }
        covers.push_back((name, cover.clone()));
        address
    }

    /// The picture of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cover> {
        self.lock().iter().find(|(other, _)| other == name).map(|(_, cover)| cover.clone())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Cover)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pictures_are_kept_by_what_they_hold() {
        let covers = Covers::default();
        let picture = |n: u8| Cover::of(&[0xFF, 0xD8, 0xFF, n]).expect("a picture");
        let addresses: Vec<String> = (0..20).map(|n| covers.keep(&picture(n))).collect();
        assert_eq!(covers.keep(&picture(19)), addresses[19]);
        let kept = addresses.iter().filter(|address| covers.get(&address[ADDRESS.len()..]).is_some());
        assert_eq!(kept.count(), COVERS_MAX);
        let last = covers.get(&addresses[19][ADDRESS.len()..]).expect("the last");
        assert_eq!((last.media_type, last), ("image/jpeg", picture(19)));
        assert!(covers.get("").is_none());
    }
}
