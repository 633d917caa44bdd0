//! Seats: how many listeners there may be in all, at each mount and from each address (SPEC LIS-6).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{FanoutConfig, MountConfig};
use crate::fanout::RefusedReason;

pub(crate) struct Seats {
    limits: Limits,
    taken: Mutex<Taken>,
}

struct Limits {
    per_address: usize,
    /// 0: none.
    per_mount: Box<[usize]>,
}

struct Taken {
    free: Vec<u32>,
    by_mount: Box<[usize]>,
    /// By neighbourhood, if those are limited; as many entries as listeners at most.
    by_address: HashMap<IpAddr, usize>,
}

impl Seats {
    pub fn new(config: &FanoutConfig, mounts: &[MountConfig]) -> Self {
        let per_mount: Box<[usize]> = mounts.iter().map(|mount| mount.listeners_max).collect();
        // The first seats are taken first.
        let free = (0..config.listeners_max as u32).rev().collect();
        let by_mount = vec![0; per_mount.len()].into();
        Self {
            limits: Limits { per_address: config.listeners_per_address_max, per_mount },
            taken: Mutex::new(Taken { free, by_mount, by_address: HashMap::new() }),
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, if there is one left in all, at this mount and for this address.
    pub fn take(&self, mount: usize, address: Option<IpAddr>) -> Result<usize, RefusedReason> {
        let mut taken = self.taken();
        let per_mount = self.limits.per_mount[mount];
        if per_mount > 0 && taken.by_mount[mount] >= per_mount {
            return Err(RefusedReason::MountFull);
        }
        let address = self.limited(address);
        if address.is_some_and(|address| taken.by_address.get(&address).is_some_and(|n| *n >= self.limits.per_address))
        {
            return Err(RefusedReason::AddressFull);
        }
        let seat = taken.free.pop().ok_or(RefusedReason::Full)?;
        taken.seated(mount, address);
        Ok(seat as usize)
    }

    /// Takes the seats of listeners that are there already; whatever the limits are now, they stay.
    pub fn take_these(&self, listeners: impl Iterator<Item = (usize, usize, Option<IpAddr>)>) {
        let mut taken = self.taken();
        let mut gone = std::collections::HashSet::new();
        for (seat, mount, address) in listeners {
            gone.insert(seat as u32);
            taken.seated(mount, self.limited(address));
        }
        taken.free.retain(|seat| !gone.contains(seat));
    }

    pub fn give_back(&self, seat: usize, mount: usize, address: Option<IpAddr>) {
        let mut taken = self.taken();
        taken.free.push(seat as u32);
        taken.by_mount[mount] -= 1;
        if let Some(address) = self.limited(address)
            && let Some(count) = taken.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&address);
            }
        }
    }

    /// Seats still free in all.
    pub fn free(&self) -> usize {
        self.taken().free.len()
    }

    fn limited(&self, address: Option<IpAddr>) -> Option<IpAddr> {
        address.filter(|_| self.limits.per_address > 0).map(neighbourhood)
    }
}

impl Taken {
    fn seated(&mut self, mount: usize, address: Option<IpAddr>) {
        self.by_mount[mount] += 1;
        if let Some(address) = address {
            *self.by_address.entry(address).or_insert(0) += 1;
        }
    }
}

/// What counts as one address: of IPv6 the /64 that a household is given.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}
