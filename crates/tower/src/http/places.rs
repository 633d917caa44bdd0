//! Places of subscribers, shared among addresses: while there are places none is refused; then an
//! address that has many gives one up to an address that has few.

use crate::request::neighbourhood;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// So many places.
#[derive(Debug)]
pub struct Places {
    max: usize,
    /// Those that are taken, oldest first.
    taken: Mutex<Vec<Taken>>,
}

#[derive(Debug)]
struct Taken {
    /// None: the socket of the command line.
    whose: Option<IpAddr>,
    displaced: Arc<Notify>,
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    displaced: Arc<Notify>,
}

impl Places {
    /// None is taken.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// A place for this address, if there is one, or if another address has more than one more:
    /// then the oldest of that address is told to go.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let whose = address.map(neighbourhood);
        let mut taken = self.lock();
        if taken.len() >= self.max {
            let count = |whose: Option<IpAddr>| taken.iter().filter(|other| other.whose == whose).count();
            let most = taken.iter().map(|other| other.whose).max_by_key(|other| count(*other))?;
            if count(most) <= count(whose) + 1 {
                return None;
            }
            let oldest = taken.iter().position(|other| other.whose == most)?;
            taken.remove(oldest).displaced.notify_one();
        }
        let displaced = Arc::new(Notify::new());
        taken.push(Taken { whose, displaced: Arc::clone(&displaced) });
        Some(Place { places: Arc::clone(self), displaced })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until another address needs the place.
    pub async fn displaced(&self) {
        self.displaced.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().retain(|taken| !Arc::ptr_eq(&taken.displaced, &self.displaced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_displaced(place: &Place) -> bool {
        place.displaced().now_or_never().is_some()
    }

    fn address(number: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, number]))
    }

    #[test]
    fn while_there_are_places_nobody_is_refused_and_each_comes_back() {
        let places = Places::new(3);
        let mut held: Vec<Place> = (0..3).map(|_| places.take(address(1)).expect("a place")).collect();
        assert!(places.take(address(1)).is_none(), "an address displaces none of its own");
        held.pop();
        held.push(places.take(address(1)).expect("the place that was left"));
        assert!(held.iter().all(|place| !is_displaced(place)));
    }

    #[test]
    fn an_address_with_many_gives_its_oldest_up_to_one_with_few_until_they_have_as_many() {
        let places = Places::new(4);
        let greedy: Vec<Place> = (0..4).map(|_| places.take(address(1)).expect("a place")).collect();
        let _first = places.take(address(2)).expect("the oldest of the other");
        assert_eq!(greedy.iter().map(is_displaced).collect::<Vec<_>>(), [true, false, false, false]);
        let _second = places.take(address(2)).expect("3 and 1");
        assert!(places.take(address(2)).is_none(), "2 and 2");
        let _other = places.take(None).expect("the command line has none yet");
        drop(greedy);
        let _again = places.take(address(1)).expect("a place that was given back");
        assert_eq!(places.lock().len(), 4 - 1, "one of those with two gave its place to the command line");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let places = Places::new(2);
        let v6 = |text: &str| Some(text.parse().unwrap());
        let _held = [places.take(v6("2001:db8::1")), places.take(v6("2001:db8::2"))];
        assert!(places.take(v6("2001:db8::3")).is_none());
        assert!(places.take(v6("2001:db8:0:1::1")).is_some());
    }
}
