//! How often somebody may do something that others hear of: so often a second, each address for itself.

use super::neighbourhood;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are remembered; beyond, the one is forgotten that has been still for longest.
const ADDRESSES_MAX: usize = 1024;

/// A second's worth may come at once; what comes faster than that is refused, and costs nothing.
#[derive(Debug)]
pub struct Pace {
    /// Between two, in the long run.
    interval: Duration,
    /// By when an address has used up what it has done. What lies in the past says nothing.
    used_until: Mutex<HashMap<IpAddr, Instant>>,
}

impl Pace {
    /// So often a second, which must not be 0.
    #[must_use]
    pub fn per_second(times: u32) -> Self {
        Self { interval: Duration::from_secs(1) / times.max(1), used_until: Mutex::default() }
    }

    /// Whether `address` may do it once more `now`; if so, that counts.
    #[must_use]
    pub fn allows(&self, address: IpAddr, now: Instant) -> bool {
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let address = neighbourhood(address);
        if used_until.len() >= ADDRESSES_MAX && !used_until.contains_key(&address) {
            used_until.retain(|_, until| now < *until);
            if used_until.len() >= ADDRESSES_MAX
                && let Some(stillest) = used_until.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address)
            {
                used_until.remove(&stillest);
            }
        }
        let until = used_until.entry(address).or_insert(now);
        let next = now.max(*until) + self.interval;
        let is_allowed = next <= now + Duration::from_secs(1);
        if is_allowed {
            *until = next;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_second_s_worth_may_come_at_once_and_then_as_often_as_it_says() {
        let (pace, start) = (Pace::per_second(10), Instant::now());
        let allowed = |at: Instant| (0..1000).filter(|_| pace.allows(A, at)).count();
        assert_eq!(allowed(start), 10);
        assert_eq!((allowed(start + 99 * MS), allowed(start + 100 * MS)), (0, 1));
        // Ten seconds of asking each millisecond.
        let asked = (101..=10_100).filter(|&ms| pace.allows(A, start + ms * MS)).count();
        assert_eq!(asked, 100);
        assert_eq!(allowed(start + 60_000 * MS), 10, "whoever was still may come with a second's worth again");
    }

    #[test]
    fn nobody_is_held_up_by_another_and_memory_is_bounded() {
        let (pace, start) = (Pace::per_second(1), Instant::now());
        assert!(pace.allows(A, start) && !pace.allows(A, start));
        assert!(pace.allows("192.0.2.2".parse().unwrap(), start));
        (0..10_000u32).for_each(|n| assert!(pace.allows(IpAddr::V4(n.into()), start)));
        assert!(pace.used_until.lock().unwrap().len() <= ADDRESSES_MAX);
        assert!(pace.allows(A, start + 1000 * MS));
    }
}
