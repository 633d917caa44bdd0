//! Seats: how many listeners there may be in all, at each mount and from each address, and the bits
//! a second that they may take together (SPEC LIS-6, LIS-8).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{FanoutConfig, MountConfig};
use crate::figures::Rate;

/// Bytes of a head at most.
pub(crate) const HEAD_BYTES_MAX: usize = u16::MAX as usize;

/// Why a listener was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedReason {
    /// All seats are taken, or too many are at the door at once.
    #[error("the fan-out is full: try again later, or raise listeners_max")]
    Full,
    /// All of the mount's seats are taken.
    #[error("the mount is full: try again later, or raise its listeners_max")]
    MountFull,
    /// All listeners together would take more bits a second than is allowed.
    #[error(
        "the listeners take {bps} bit/s of {bps_max}, and this one {wanted_bps} more: try again later, or raise the limit"
    )]
    RateExceeded {
        /// Bits a second of the listeners that are connected.
        bps: u64,
        /// Bits a second of this one.
        wanted_bps: u64,
        /// The limit.
        bps_max: u64,
    },
    /// All seats for its address are taken.
    #[error("the address has as many listeners as it may: stop one, or raise listeners_per_address_max")]
    AddressFull,
    /// The mount is closed.
    #[error("the mount is closed: join another")]
    Closed,
    /// Its head is longer than 65,535 bytes.
    #[error("the head is longer than {HEAD_BYTES_MAX} bytes: shorten it")]
    HeadTooLong,
    /// The fan-out has ended.
    #[error("the fan-out is shutting down: connect again later")]
    ShuttingDown,
}

pub(crate) struct Seats(Mutex<Plan>);

struct Plan {
    /// Listeners in all at most; never more than there are seats.
    in_all_max: usize,
    /// 0: none.
    per_address_max: usize,
    /// Bits a second of all listeners at most; 0: no limit.
    bps_max: u64,
    free: Vec<u32>,
    taken: usize,
    by_mount: Vec<OfMount>,
    /// By neighbourhood, if those are limited; as many entries as listeners at most.
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Clone, Copy, Default)]
struct OfMount {
    taken: usize,
    /// The most that ever were taken.
    peak: usize,
    /// 0: no limit but that in all.
    max: usize,
    /// Bits a second of each listener.
    listener_bps: u64,
}

impl OfMount {
    fn new(max: usize, listener_bps: u64) -> Self {
        Self { max, listener_bps, ..Self::default() }
    }
}

impl Seats {
    pub(crate) fn new(config: &FanoutConfig, mounts: &[MountConfig]) -> Self {
        Self(Mutex::new(Plan {
            in_all_max: config.listeners_max,
            per_address_max: config.listeners_per_address_max,
            bps_max: config.rate_bps_max,
            // The first seats are taken first.
            free: (0..config.listeners_max as u32).rev().collect(),
            taken: 0,
            by_mount: mounts.iter().map(|mount| OfMount::new(mount.listeners_max, mount.listener_bps)).collect(),
            by_address: HashMap::new(),
        }))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, if there is one left in all, at this mount and for this address.
    pub(crate) fn take(&self, mount: usize, address: Option<IpAddr>) -> Result<usize, RefusedReason> {
        let mut plan = self.plan();
        let of_mount = plan.by_mount[mount];
        if of_mount.max > 0 && of_mount.taken >= of_mount.max {
            return Err(RefusedReason::MountFull);
        }
        let address = plan.limited(address);
        if address.is_some_and(|address| plan.by_address.get(&address).is_some_and(|n| *n >= plan.per_address_max)) {
            return Err(RefusedReason::AddressFull);
        }
        if plan.taken >= plan.in_all_max {
            return Err(RefusedReason::Full);
        }
        let Rate { bps, bps_max } = plan.rate();
        let wanted_bps = of_mount.listener_bps;
        if bps_max > 0 && bps.saturating_add(wanted_bps) > bps_max {
            return Err(RefusedReason::RateExceeded { bps, wanted_bps, bps_max });
        }
        let seat = plan.free.pop().ok_or(RefusedReason::Full)?;
        plan.seated(mount, address);
        Ok(seat as usize)
    }

    /// Takes the seats of listeners that are there already; whatever the limits are now, they stay.
    pub(crate) fn take_these(&self, listeners: impl Iterator<Item = (usize, usize, Option<IpAddr>)>) {
        let mut plan = self.plan();
        let mut gone = std::collections::HashSet::new();
        for (seat, mount, address) in listeners {
            gone.insert(seat as u32);
            let address = plan.limited(address);
            plan.seated(mount, address);
        }
        plan.free.retain(|seat| !gone.contains(seat));
    }

    pub(crate) fn give_back(&self, seat: usize, mount: usize, address: Option<IpAddr>) {
        let mut plan = self.plan();
        plan.free.push(seat as u32);
        plan.taken -= 1;
        plan.by_mount[mount].taken -= 1;
        if let Some(address) = plan.limited(address)
            && let Some(count) = plan.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                plan.by_address.remove(&address);
            }
        }
    }

    /// Seats still free in all.
    pub(crate) fn free(&self) -> usize {
        let plan = self.plan();
        plan.in_all_max.saturating_sub(plan.taken)
    }

    /// Listeners in all at most.
    pub(crate) fn in_all_max(&self) -> usize {
        self.plan().in_all_max
    }

    /// Seats taken at a mount.
    pub(crate) fn taken_at(&self, mount: usize) -> usize {
        self.plan().by_mount.get(mount).map_or(0, |of_mount| of_mount.taken)
    }

    /// The most seats that ever were taken at a mount.
    pub(crate) fn peak_at(&self, mount: usize) -> usize {
        self.plan().by_mount.get(mount).map_or(0, |of_mount| of_mount.peak)
    }

    /// Changes the limits of all mounts together; nobody who is there has to leave. `addresses` are those of the listeners
    /// who are there, to be counted if addresses were not limited before.
    pub(crate) fn limit(&self, in_all_max: usize, per_address_max: usize, addresses: impl Iterator<Item = IpAddr>) {
        let mut plan = self.plan();
        plan.in_all_max = in_all_max.min(plan.free.len() + plan.taken);
        let was_limited = std::mem::replace(&mut plan.per_address_max, per_address_max) > 0;
        if per_address_max == 0 {
            plan.by_address = HashMap::new();
        } else if !was_limited {
            addresses.for_each(|address| *plan.by_address.entry(neighbourhood(address)).or_insert(0) += 1);
        }
    }

    /// Bits a second of all listeners, and their limit.
    pub(crate) fn rate(&self) -> Rate {
        self.plan().rate()
    }

    /// Changes the limit of bits a second; listeners that are connected stay.
    pub(crate) fn limit_rate(&self, bps_max: u64) {
        self.plan().bps_max = bps_max;
    }

    /// Gives a new mount its seats.
    pub(crate) fn open_mount(&self, mount: usize, max: usize, listener_bps: u64) {
        let mut plan = self.plan();
        if plan.by_mount.len() <= mount {
            plan.by_mount.resize(mount + 1, OfMount::default());
        }
        plan.by_mount[mount] = OfMount::new(max, listener_bps);
    }

    /// Changes the limit of one mount.
    pub(crate) fn limit_mount(&self, mount: usize, max: usize) {
        if let Some(of_mount) = self.plan().by_mount.get_mut(mount) {
            of_mount.max = max;
        }
    }
}

impl Plan {
    fn seated(&mut self, mount: usize, address: Option<IpAddr>) {
        self.taken += 1;
        let of_mount = &mut self.by_mount[mount];
        of_mount.taken += 1;
        of_mount.peak = of_mount.peak.max(of_mount.taken);
        if let Some(address) = address {
            *self.by_address.entry(address).or_insert(0) += 1;
        }
    }

    fn rate(&self) -> Rate {
        let bps = self.by_mount.iter().map(|of_mount| of_mount.taken as u64 * of_mount.listener_bps).sum();
        Rate { bps, bps_max: self.bps_max }
    }

    fn limited(&self, address: Option<IpAddr>) -> Option<IpAddr> {
        address.filter(|_| self.per_address_max > 0).map(neighbourhood)
    }
}

/// What counts as one address: of IPv6 the /64 that a household is given.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}
