//! Wrong passwords per address: whoever guesses has to wait, longer each time.

use crate::config::Role;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong passwords without consequence: slips of the finger, and programs that try again by themselves.
const FREE: u32 = 5;
/// The longest that an address waits.
const WAIT_MAX: Duration = Duration::from_secs(64);
/// After this long without a wrong password, an address is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Addresses that are remembered; beyond, the one that was wrong longest ago is forgotten.
const ADDRESSES_MAX: usize = 4096;

/// An address is told of in the journal once in this time, and all addresses together a few times: whoever guesses must
/// not push out of it what he wants forgotten.
const TOLD_PERIOD: Duration = Duration::from_secs(60);
/// Of all addresses, in that time.
const TOLD_MAX: usize = 5;

/// What is remembered of an address.
#[derive(Clone, Copy, Debug)]
struct Record {
    wrong: u32,
    last: Instant,
    /// Of the wrong ones, those that are not in the journal yet.
    untold: u32,
    told: Option<Instant>,
}

impl Record {
    fn wait(&self) -> Duration {
        let doublings = self.wrong.saturating_sub(FREE);
        if doublings == 0 { Duration::ZERO } else { WAIT_MAX.min(Duration::from_secs(1 << doublings.min(6))) }
    }
}

/// Who guessed, and how often.
#[derive(Debug, Default)]
pub struct Guesses {
    records: Mutex<HashMap<IpAddr, Record>>,
    told: Mutex<VecDeque<Instant>>,
}

impl Guesses {
    /// Whether `address` has to wait, right password or not: else the wait would be no hindrance.
    #[must_use]
    pub fn must_wait(&self, address: IpAddr, now: Instant) -> bool {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&neighbourhood(address)).is_some_and(|record| now < record.last + record.wait())
    }

    /// A wrong password came from `address`.
    pub fn note_wrong(&self, address: IpAddr, now: Instant) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let address = neighbourhood(address);
        if records.len() >= ADDRESSES_MAX && !records.contains_key(&address) {
            records.retain(|_, record| now < record.last + FORGOTTEN_AFTER);
            if records.len() >= ADDRESSES_MAX
                && let Some(oldest) = records.iter().min_by_key(|(_, record)| record.last).map(|(address, _)| *address)
            {
                records.remove(&oldest);
            }
        }
        let record = records.entry(address).or_insert(Record { wrong: 0, last: now, untold: 0, told: None });
        let wrong = if now < record.last + FORGOTTEN_AFTER { record.wrong.saturating_add(1) } else { 1 };
        *record = Record { wrong, last: now, untold: record.untold.saturating_add(1), told: record.told };
    }

    /// How many wrong passwords of `address` are to be put into the journal now, if any.
    #[must_use]
    pub fn untold(&self, address: IpAddr, now: Instant) -> Option<u32> {
        let is_over = |at: &Instant| now >= *at + TOLD_PERIOD;
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.get_mut(&neighbourhood(address))?;
        if record.untold == 0 || !record.told.as_ref().is_none_or(is_over) {
            return None;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|at| !is_over(at));
        if told.len() >= TOLD_MAX {
            return None;
        }
        told.push_back(now);
        record.told = Some(now);
        Some(std::mem::take(&mut record.untold))
    }

    /// The right password came from `address`. Only that of an administrator counts: whoever knows a lesser one could
    /// otherwise guess the others for ever, giving his own in between.
    pub fn note_right(&self, address: IpAddr, role: Role) {
        if role < Role::Admin {
            return;
        }
        self.records.lock().unwrap_or_else(PoisonError::into_inner).remove(&neighbourhood(address));
    }
}

/// An IPv6 network of 64 bits belongs to one household.
pub(super) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_few_slips_are_free_and_guessing_takes_longer_each_time() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        (0..FREE).for_each(|_| guesses.note_wrong(A, start));
        assert!(!guesses.must_wait(A, start));
        let mut waits = Vec::new();
        for _ in 0..8 {
            guesses.note_wrong(A, start);
            waits.push((0..100).find(|&s| !guesses.must_wait(A, start + s * S)).unwrap());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 64]);
        assert!(!guesses.must_wait("192.0.2.2".parse().unwrap(), start), "a neighbour may come in");
    }

    #[test]
    fn the_administrators_password_and_time_make_all_forgotten() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        (0..20).for_each(|_| guesses.note_wrong(A, start));
        assert!(guesses.must_wait(A, start + 63 * S));
        guesses.note_wrong(A, start + FORGOTTEN_AFTER);
        assert!(!guesses.must_wait(A, start + FORGOTTEN_AFTER));
        (0..20).for_each(|_| guesses.note_wrong(A, start + FORGOTTEN_AFTER));
        [Role::Observer, Role::Operator].into_iter().for_each(|role| guesses.note_right(A, role));
        assert!(guesses.must_wait(A, start + FORGOTTEN_AFTER), "he may be guessing a higher one");
        guesses.note_right(A, Role::Admin);
        assert!(!guesses.must_wait(A, start + FORGOTTEN_AFTER));
    }

    #[test]
    fn the_journal_is_told_once_a_minute_of_an_address_and_a_few_times_of_all() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        assert_eq!(guesses.untold(A, start), None);
        guesses.note_wrong(A, start);
        assert_eq!([guesses.untold(A, start), guesses.untold(A, start)], [Some(1), None]);
        (0..3).for_each(|_| guesses.note_wrong(A, start + S));
        assert_eq!([1, 59, 60, 121].map(|s| guesses.untold(A, start + s * S)), [None, None, Some(3), None]);
        let from = |number: u32| IpAddr::V4(number.into());
        let later = start + 1000 * S;
        let told = (0..1000).filter(|&number| {
            guesses.note_wrong(from(number), later);
            guesses.untold(from(number), later).is_some()
        });
        assert_eq!(told.count(), TOLD_MAX);
        assert_eq!(guesses.untold(from(999), later + TOLD_PERIOD), Some(1), "it is told when there is room");
    }

    #[test]
    fn a_household_of_ipv6_is_one_and_memory_is_bounded() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        (0..10).for_each(|i| guesses.note_wrong(v6(&format!("2001:db8::{i}")), start));
        assert!(guesses.must_wait(v6("2001:db8::ffff"), start));
        assert!(!guesses.must_wait(v6("2001:db8:0:1::1"), start));
        for i in 0..10_000u32 {
            guesses.note_wrong(IpAddr::V4(i.into()), start + i * S / 1000);
        }
        assert!(guesses.records.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
