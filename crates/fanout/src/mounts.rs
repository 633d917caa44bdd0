//! The mounts that are open, by number. A shard has its own list and hears of changes through its inbox; this one is for
//! everyone who asks.

use std::sync::{PoisonError, RwLock};

use crate::config::MOUNTS_MAX;
use crate::mount::Mount;

pub(crate) struct Mounts(RwLock<Vec<Place>>);

enum Place {
    Open(Mount),
    /// Its listeners may not all have left.
    Closed,
}

impl Mounts {
    pub(crate) fn new(mounts: Vec<Mount>) -> Self {
        Self(RwLock::new(mounts.into_iter().map(Place::Open).collect()))
    }

    /// Those that are open, in the order of their numbers.
    pub(crate) fn open(&self) -> Vec<Mount> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        places.iter().filter_map(Place::mount).cloned().collect()
    }

    pub(crate) fn at(&self, index: usize) -> Option<Mount> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        places.get(index).and_then(Place::mount).cloned()
    }

    pub(crate) fn is_open(&self, mount: &Mount) -> bool {
        self.at(mount.index()).is_some_and(|other| other.is(mount))
    }

    /// Opens the mount that `make` makes of its number: that of one whose listeners have all left, as `is_empty` says, or
    /// a new one. `None`: there are too many.
    pub(crate) fn add<T>(
        &self,
        is_empty: impl Fn(usize) -> bool,
        make: impl FnOnce(usize) -> (Mount, T),
    ) -> Option<(Mount, T)> {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let left = { 0..places.len() }.find(|&index| places[index].mount().is_none() && is_empty(index));
        let index = left.unwrap_or(places.len());
        if index >= MOUNTS_MAX {
            return None;
        }
        let (mount, rest) = make(index);
        let place = Place::Open(mount.clone());
        if index == places.len() {
            places.push(place);
        } else {
            places[index] = place;
        }
        Some((mount, rest))
    }

    /// Closes a mount; false if it is closed already.
    pub(crate) fn close(&self, mount: &Mount) -> bool {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let place = places.get_mut(mount.index()).filter(|place| place.mount().is_some_and(|other| other.is(mount)));
        place.map(|place| *place = Place::Closed).is_some()
    }
}

impl Place {
    const fn mount(&self) -> Option<&Mount> {
        match self {
            Self::Open(mount) => Some(mount),
            Self::Closed => None,
        }
    }
}
