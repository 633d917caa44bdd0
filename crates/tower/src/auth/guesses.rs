//! Login throttle: counts wrong passwords per address and user, and makes each further attempt
//! wait, longer each time.

use crate::request::neighbourhood;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong passwords without consequence: slips of the finger, and programs that try again by themselves.
const FREE: u32 = 5;
/// The longest that a user of an address waits.
const WAIT_MAX: Duration = Duration::from_secs(64);
/// After this long without a wrong password, a user of an address is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Addresses that are remembered; beyond, the one that was wrong longest ago is forgotten.
const ADDRESSES_MAX: usize = 4096;
/// Users that are told apart at one address, whether they exist or not; the others count as one,
/// called [`UNNAMED`].
const USERS_MAX: usize = 16;
/// Bytes of a user's name that are compared.
const NAME_BYTES_MAX: usize = 64;
/// What a password without a user's name is counted as.
pub const UNNAMED: &str = "";

/// An address is told of in the journal once in this time, and all addresses together a few times:
/// guesses must not push out of it what else happened.
const TOLD_PERIOD: Duration = Duration::from_secs(60);
/// Of all addresses, in that time.
const TOLD_MAX: usize = 5;

/// Wrong passwords for one user at one address.
#[derive(Clone, Copy, Debug)]
struct Record {
    wrong: u32,
    last: Instant,
}

impl Record {
    fn wait(&self) -> Duration {
        let doublings = self.wrong.saturating_sub(FREE);
        if doublings == 0 { Duration::ZERO } else { WAIT_MAX.min(Duration::from_secs(1 << doublings.min(6))) }
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        now >= self.last + FORGOTTEN_AFTER
    }
}

/// What is remembered of an address.
#[derive(Debug)]
struct Address {
    users: Vec<(Box<str>, Record)>,
    last: Instant,
    /// Wrong passwords that are not in the journal yet.
    untold: u32,
    told: Option<Instant>,
}

impl Address {
    /// Under which name `user` is counted here.
    fn counted_as<'a>(&self, user: &'a str) -> &'a str {
        let end = (0..=user.len().min(NAME_BYTES_MAX)).rev().find(|&end| user.is_char_boundary(end)).unwrap_or(0);
        let user = &user[..end];
        let is_known = self.users.iter().any(|(name, _)| **name == *user);
        if is_known || self.users.len() < USERS_MAX { user } else { UNNAMED }
    }

    fn note_wrong(&mut self, user: &str, now: Instant) {
        self.users.retain(|(_, record)| !record.is_forgotten(now));
        let user = self.counted_as(user);
        match self.users.iter_mut().find(|(name, _)| **name == *user) {
            Some((_, record)) => *record = Record { wrong: record.wrong.saturating_add(1), last: now },
            None => self.users.push((user.into(), Record { wrong: 1, last: now })),
        }
        self.last = now;
        self.untold = self.untold.saturating_add(1);
    }
}

/// Wrong passwords of all addresses.
#[derive(Debug, Default)]
pub struct Guesses {
    addresses: Mutex<HashMap<IpAddr, Address>>,
    told: Mutex<VecDeque<Instant>>,
}

impl Guesses {
    /// Whether `user` has to wait at `address`, right password or not: else the wait would be no
    /// hindrance.
    #[must_use]
    pub fn must_wait(&self, address: IpAddr, user: &str, now: Instant) -> bool {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(address) = addresses.get(&neighbourhood(address)) else { return false };
        let user = address.counted_as(user);
        let record = address.users.iter().find(|(name, _)| **name == *user);
        record.is_some_and(|(_, record)| now < record.last + record.wait())
    }

    /// A wrong password for `user` came from `address`.
    pub fn note_wrong(&self, address: IpAddr, user: &str, now: Instant) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let address = neighbourhood(address);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            addresses.retain(|_, known| now < known.last + FORGOTTEN_AFTER);
            if addresses.len() >= ADDRESSES_MAX
                && let Some(oldest) = addresses.iter().min_by_key(|(_, known)| known.last).map(|(address, _)| *address)
            {
                addresses.remove(&oldest);
            }
        }
        let new = || Address { users: Vec::new(), last: now, untold: 0, told: None };
        addresses.entry(address).or_insert_with(new).note_wrong(user, now);
    }

    /// How many wrong passwords of `address` are to be put into the journal now, if any.
    #[must_use]
    pub fn untold(&self, address: IpAddr, now: Instant) -> Option<u32> {
        let is_over = |at: &Instant| now >= *at + TOLD_PERIOD;
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let address = addresses.get_mut(&neighbourhood(address))?;
        if address.untold == 0 || !address.told.as_ref().is_none_or(is_over) {
            return None;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|at| !is_over(at));
        if told.len() >= TOLD_MAX {
            return None;
        }
        told.push_back(now);
        address.told = Some(now);
        Some(std::mem::take(&mut address.untold))
    }

    /// The right password of `user` came from `address`: the wrong ones for the same user are
    /// forgotten. Those for others stay, or a user could guess the others' passwords for ever,
    /// giving its own in between.
    pub fn note_right(&self, address: IpAddr, user: &str) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = addresses.get_mut(&neighbourhood(address)) {
            address.users.retain(|(name, _)| **name != *user);
        }
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
        (0..FREE).for_each(|_| guesses.note_wrong(A, "admin", start));
        assert!(!guesses.must_wait(A, "admin", start));
        let mut waits = Vec::new();
        for _ in 0..8 {
            guesses.note_wrong(A, "admin", start);
            waits.push((0..100).find(|&s| !guesses.must_wait(A, "admin", start + s * S)).unwrap());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 64]);
        assert!(!guesses.must_wait("192.0.2.2".parse().unwrap(), "admin", start), "another address may come in");
        assert!(!guesses.must_wait(A, "ann", start), "and so may another user of the same one");
    }

    #[test]
    fn the_users_own_password_and_time_make_wrong_ones_forgotten() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let guess = |at: Instant| (0..20).for_each(|_| guesses.note_wrong(A, "admin", at));
        guess(start);
        assert!(guesses.must_wait(A, "admin", start + 63 * S));
        guesses.note_wrong(A, "admin", start + FORGOTTEN_AFTER);
        assert!(!guesses.must_wait(A, "admin", start + FORGOTTEN_AFTER));
        guess(start + FORGOTTEN_AFTER);
        guesses.note_right(A, "ann");
        assert!(guesses.must_wait(A, "admin", start + FORGOTTEN_AFTER), "ann may be guessing");
        guesses.note_right(A, "admin");
        assert!(!guesses.must_wait(A, "admin", start + FORGOTTEN_AFTER));
    }

    #[test]
    fn many_names_are_no_way_round_the_wait_and_a_wait_does_not_tell_which_names_there_are() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        (0..6).for_each(|_| guesses.note_wrong(A, "admin", start));
        for number in 0..1000 {
            guesses.note_wrong(A, &format!("user{number}"), start);
        }
        assert!(guesses.must_wait(A, "admin", start + S), "no name pushes another out");
        assert!(guesses.must_wait(A, "user999", start + S) && guesses.must_wait(A, "ann", start + S));
        assert!(!guesses.must_wait(A, "user3", start + S));
        assert_eq!(guesses.addresses.lock().unwrap()[&A].users.len(), USERS_MAX + 1);
        guesses.note_wrong(A, &"\u{e9}".repeat(1000), start + FORGOTTEN_AFTER);
        assert!(guesses.addresses.lock().unwrap()[&A].users.iter().all(|(name, _)| name.len() <= NAME_BYTES_MAX));
    }

    #[test]
    fn the_journal_is_told_once_a_minute_of_an_address_and_a_few_times_of_all() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        assert_eq!(guesses.untold(A, start), None);
        guesses.note_wrong(A, "admin", start);
        assert_eq!([guesses.untold(A, start), guesses.untold(A, start)], [Some(1), None]);
        ["admin", "ann", UNNAMED].iter().for_each(|user| guesses.note_wrong(A, user, start + S));
        assert_eq!([1, 59, 60, 121].map(|s| guesses.untold(A, start + s * S)), [None, None, Some(3), None]);
        let from = |number: u32| IpAddr::V4(number.into());
        let later = start + 1000 * S;
        let told = (0..1000).filter(|&number| {
            guesses.note_wrong(from(number), "admin", later);
            guesses.untold(from(number), later).is_some()
        });
        assert_eq!(told.count(), TOLD_MAX);
        assert_eq!(guesses.untold(from(999), later + TOLD_PERIOD), Some(1), "it is told when there is room");
    }

    #[test]
    fn a_household_of_ipv6_is_one_and_memory_is_bounded() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        (0..10).for_each(|i| guesses.note_wrong(v6(&format!("2001:db8::{i}")), "admin", start));
        assert!(guesses.must_wait(v6("2001:db8::ffff"), "admin", start));
        assert!(!guesses.must_wait(v6("2001:db8:0:1::1"), "admin", start));
        for i in 0..10_000u32 {
            guesses.note_wrong(IpAddr::V4(i.into()), "admin", start + i * S / 1000);
        }
        assert!(guesses.addresses.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
