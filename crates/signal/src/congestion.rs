//! Tells a congested uplink from slow listeners: lag that begins at many listeners together is the
//! fault of what they share, and that is the uplink of this machine (SPEC LIS-8).
//!
//! The limits follow from listeners whose own lines fail independently of each other. Let each of
//! ten listeners fall behind once in ten minutes, which is a bad mobile network. Then three of them
//! begin within the same [`TOGETHER_MS`] in 0.07 % of all such windows; at once an hour, in four of
//! a million, that is once in a month. An alarm should wait some seconds more, in which independent
//! lag passes and congestion does not.
//!
//! - Fewer than [`LISTENERS_MIN`] listeners prove nothing: one of five is a fifth.
//! - A fifth, [`SHARE_TOGETHER`], must have begun within [`TOGETHER_MS`]: a line that fails takes
//!   all its listeners at once, but one that becomes a little too narrow takes them one after the
//!   other, by the room in their buffers. So half of all, [`SHARE_HALF`], count whenever they
//!   began.
//! - They must come from [`ADDRESSES_MIN`] addresses: a household, an office or a proxy has a line
//!   of its own.
//! - It lasts while a tenth, [`SHARE_LASTING`], is behind, so that listeners that catch up one by
//!   one do not end it at once.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Lag that begins within this time begins together.
pub const TOGETHER_MS: u64 = 10_000;
/// Fewer listeners than this prove nothing.
pub const LISTENERS_MIN: usize = 10;
/// Those that begin together must come from so many addresses.
pub const ADDRESSES_MIN: usize = 3;
/// One of so many listeners begins to lag together with the others.
const SHARE_TOGETHER: usize = 5;
/// One of so many listeners is behind, whenever that began.
const SHARE_HALF: usize = 2;
/// While one of so many listeners is behind, it lasts.
const SHARE_LASTING: usize = 10;

/// What is known of a congestion while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congested {
    /// Listeners that are behind.
    pub behind: usize,
    /// Of so many.
    pub listeners: usize,
    /// Addresses from which those that are behind come.
    pub addresses: usize,
    /// When the first of those that began together fell behind, on the caller's clock.
    pub since_ms: u64,
}

/// The listeners that are behind, and since when. Holds one entry for each of them.
#[derive(Clone, Debug, Default)]
pub struct Congestion {
    behind: HashMap<u64, Lag>,
    since_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Lag {
    since_ms: u64,
    address: Option<IpAddr>,
}

impl Congestion {
    /// Observes at `now_ms` that of `listeners` these are behind, each by its number and its
    /// address.
    pub fn observe(
        &mut self,
        now_ms: u64,
        listeners: usize,
        behind: impl Iterator<Item = (u64, Option<IpAddr>)>,
    ) -> Option<Congested> {
        let mut before = std::mem::take(&mut self.behind);
        let lag = |(id, address)| (id, before.remove(&id).unwrap_or(Lag { since_ms: now_ms, address }));
        self.behind = behind.map(lag).collect();
        let all = Group::of(self.behind.values());
        if self.since_ms.is_none() {
            let is_new = |lag: &&Lag| now_ms.saturating_sub(lag.since_ms) < TOGETHER_MS;
            let begun = Group::of(self.behind.values().filter(is_new));
            let together = [(begun, SHARE_TOGETHER), (all, SHARE_HALF)].into_iter().find(|(group, share)| {
                listeners >= LISTENERS_MIN && group.addresses >= ADDRESSES_MIN && group.count * share >= listeners
            });
            self.since_ms = together.map(|(group, _)| group.since_ms);
        } else if all.count == 0 || all.count * SHARE_LASTING < listeners {
            self.since_ms = None;
        }
        let Group { count, addresses, .. } = all;
        self.since_ms.map(|since_ms| Congested { behind: count, listeners, addresses, since_ms })
    }
}

/// Some of those that are behind.
#[derive(Clone, Copy, Debug)]
struct Group {
    count: usize,
    addresses: usize,
    since_ms: u64,
}

impl Group {
    fn of<'a>(lags: impl Iterator<Item = &'a Lag>) -> Self {
        let (mut count, mut since_ms, mut addresses) = (0, u64::MAX, HashSet::new());
        for lag in lags {
            count += 1;
            since_ms = since_ms.min(lag.since_ms);
            addresses.extend(lag.address);
        }
        Self { count, addresses: addresses.len(), since_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listener of each address, or of one of `addresses`.
    fn at(id: u64, addresses: u64) -> (u64, Option<IpAddr>) {
        (id, Some(IpAddr::from([192, 0, 2, (id % addresses) as u8])))
    }

    fn behind(ids: std::ops::Range<u64>) -> impl Iterator<Item = (u64, Option<IpAddr>)> {
        ids.map(|id| at(id, 200))
    }

    #[test]
    fn lag_that_begins_together_at_a_fifth_is_congestion_until_a_tenth_is_left() {
        let mut congestion = Congestion::default();
        assert_eq!(congestion.observe(0, 20, behind(0..1)), None);
        assert_eq!(congestion.observe(5000, 20, behind(0..3)), None);
        let congested = Congested { behind: 4, listeners: 20, addresses: 4, since_ms: 0 };
        assert_eq!(congestion.observe(9999, 20, behind(0..4)), Some(congested));
        assert_eq!(congestion.observe(30_000, 20, behind(2..4)).map(|congested| congested.behind), Some(2));
        assert_eq!(congestion.observe(31_000, 20, behind(3..4)), None);
        assert_eq!(congestion.observe(60_000, 20, behind(2..4)), None, "it does not begin with what keeps it up");
    }

    #[test]
    fn lag_that_begins_now_and_then_is_the_listeners_own_until_half_of_them_are_behind() {
        let mut congestion = Congestion::default();
        for count in 1..10 {
            assert_eq!(congestion.observe(count * 10_000, 20, behind(0..count)), None, "{count}");
        }
        let seen = congestion.observe(100_000, 20, behind(0..10));
        assert_eq!(seen, Some(Congested { behind: 10, listeners: 20, addresses: 10, since_ms: 10_000 }));
    }

    #[test]
    fn a_few_listeners_and_listeners_of_few_addresses_prove_nothing() {
        assert_eq!(Congestion::default().observe(0, 9, behind(0..9)), None);
        assert!(Congestion::default().observe(0, 10, behind(0..10)).is_some());
        assert_eq!(Congestion::default().observe(0, 100, (0..100).map(|id| at(id, 2))), None);
        assert!(Congestion::default().observe(0, 100, (0..100).map(|id| at(id, 3))).is_some());
        assert_eq!(Congestion::default().observe(0, 100, (0..100).map(|id| (id, None))), None);
    }

    #[test]
    fn listeners_that_catch_up_and_fall_behind_again_begin_anew_and_take_no_memory() {
        let mut congestion = Congestion::default();
        for second in 0..1000 {
            assert_eq!(congestion.observe(second * 1000, 100, behind(second % 7 * 10..second % 7 * 10 + 10)), None);
            assert_eq!(congestion.behind.len(), 10);
        }
        assert_eq!(congestion.observe(2_000_000, 100, behind(0..0)), None);
        assert!(congestion.behind.is_empty());
    }

    #[test]
    fn it_ends_when_all_have_left() {
        let mut congestion = Congestion::default();
        assert!(congestion.observe(0, 10, behind(0..10)).is_some());
        assert!(congestion.observe(1000, 3, behind(0..3)).is_some(), "it lasts among the few that are left");
        assert_eq!(congestion.observe(2000, 0, behind(0..0)), None);
    }
}
