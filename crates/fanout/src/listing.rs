//! Who is there and what each was sent: read from the records, without asking or delaying a shard (SPEC LIS-7).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::config::MOUNTS_MAX;
use crate::figures::{
    BEHIND_BOUND, LAG_FRAMES, Laggard, ListenerId, ListenerPage, ListenerRow, MountFigures, PageCursor,
};
use crate::lag::Lag;
use crate::mount::Mount;
use crate::record::{NO_JUMP, Record};
use crate::seats::neighbourhood;
use crate::shared::Shared;

/// Rows of one page of listeners at most.
const PAGE_MAX: usize = 1000;
/// Looks at a record whose shard is changing it.
const LOOKS_MAX: usize = 16;

impl Shared {
    /// At most `limit` listeners from `from` on.
    pub(crate) fn page(&self, from: PageCursor, limit: usize) -> ListenerPage {
        let mut page = ListenerPage::default();
        for seat in from.0..self.config.listeners_max {
            if page.rows.len() == limit.min(PAGE_MAX) {
                page.next = Some(PageCursor(seat));
                break;
            }
            page.rows.extend(self.row(seat));
        }
        page
    }

    /// The listener with this number.
    pub(crate) fn row_of(&self, id: ListenerId) -> Option<ListenerRow> {
        let is_his = |seat: &usize| Record::load(self.parts.record(*seat)).id == id.0;
        let seat = (0..self.config.listeners_max).find(is_his).filter(|_| id.0 != 0)?;
        self.row(seat).filter(|row| row.id == id)
    }

    /// The figures of each mount.
    pub(crate) fn mount_figures(&self) -> Vec<MountFigures> {
        let mounts = self.mounts.open();
        let new = |mount: &Mount| MountFigures {
            index: mount.index(),
            name: mount.name().to_owned(),
            listeners: 0,
            listeners_peak: self.seats.peak_at(mount.index()) as u64,
            lag: Default::default(),
            behind_frames: 0,
            next_frame: mount.frames().end,
        };
        let mut figures: Vec<_> = mounts.iter().map(|mount| (new(mount), Bounds::of(mount), 0u64)).collect();
        // By number, which need not be the place among those that are open.
        let mut places = [usize::MAX; MOUNTS_MAX];
        mounts.iter().zip(0..).for_each(|(mount, place)| places[mount.index()] = place);
        // The lowest seats are taken first, so the listeners are together, but for those that have left.
        let mut left = self.listeners.load(Ordering::Relaxed);
        for seat in 0..self.config.listeners_max {
            if left == 0 {
                break;
            }
            let record = Record::load(self.parts.record(seat));
            if record.id == 0 {
                continue;
            }
            left = left.saturating_sub(1);
            let place = places.get(record.mount()).copied().unwrap_or(usize::MAX);
            if let Some((figures, bounds, behind_bytes)) = figures.get_mut(place) {
                figures.listeners += 1;
                *behind_bytes += bounds.newest.saturating_sub(record.position());
                figures.lag[bounds.lag.partition_point(|&bound| record.position() < bound)] += 1;
            }
        }
        let in_frames = |(figures, bounds, behind_bytes): (MountFigures, Bounds, u64)| MountFigures {
            behind_frames: bounds.frames(behind_bytes),
            ..figures
        };
        figures.into_iter().map(in_frames).collect()
    }

    /// Listeners further behind than a healthy one can be, without those admitted less than
    /// `connected_ticks_min` ago.
    pub(crate) fn laggards(&self, connected_ticks_min: u64) -> Vec<Laggard> {
        let mut healthy_from = [0; MOUNTS_MAX];
        self.mounts.open().iter().for_each(|mount| healthy_from[mount.index()] = healthy_from_position(mount));
        let tick = self.tick().unwrap_or(0);
        let mut left = self.listeners.load(Ordering::Relaxed);
        let mut laggards = Vec::new();
        for seat in 0..self.config.listeners_max {
            if left == 0 {
                break;
            }
            let record = Record::load(self.parts.record(seat));
            if record.id == 0 {
                continue;
            }
            left = left.saturating_sub(1);
            let is_behind = healthy_from.get(record.mount()).is_some_and(|&from| record.position() < from);
            if is_behind
                && tick.saturating_sub(Lag::load(self.parts.lag(seat)).admitted_tick) >= connected_ticks_min
                && let Some(guest) = self.guests.lock(seat).as_ref()
            {
                let address = guest.address.map(|address| neighbourhood(address.ip()));
                laggards.push(Laggard { id: ListenerId(record.id), address });
            }
        }
        laggards
    }

    fn row(&self, seat: usize) -> Option<ListenerRow> {
        let (record, lag) = self.look(seat)?;
        let mount = self.mounts.at(record.mount())?;
        let (address, user_agent, shard) = {
            let guest = self.guests.lock(seat);
            let guest = guest.as_ref()?;
            (guest.address, Arc::clone(&guest.user_agent), guest.shard)
        };
        let is_crowded = self.shards[shard].is_crowded.load(Ordering::Relaxed);
        let through = sent_through(&mount, &record, &lag);
        let ticks = self.tick().unwrap_or(0).saturating_sub(lag.admitted_tick);
        let config = mount.config();
        Some(ListenerRow {
            id: ListenerId(record.id),
            address,
            user_agent,
            mount: mount.name().to_owned(),
            joined_frame: record.joined_frame,
            sent_through_frame: through.checked_sub(1).filter(|&through| through >= record.joined_frame),
            skipped_frames: lag.skipped_frames,
            bytes: record.written,
            lag_frames: mount.frames().end.saturating_sub(through),
            period_ticks: if is_crowded { config.period_ticks_max() } else { config.period_ticks },
            metaint: record.metaint(),
            connected_secs: ticks * self.config.tick_ms / 1000,
        })
    }

    /// A record and its lag as they were together at one moment.
    fn look(&self, seat: usize) -> Option<(Record, Lag)> {
        let look = || (Record::load(self.parts.record(seat)), Lag::load(self.parts.lag(seat)));
        let mut seen = look();
        for _ in 0..LOOKS_MAX {
            let again = look();
            if again == seen {
                break;
            }
            seen = again;
        }
        (seen.0.id != 0).then_some(seen)
    }
}

/// A listener whose position is before this one is further behind than a healthy one can be.
fn healthy_from_position(mount: &Mount) -> u64 {
    let frames = mount.frames();
    let behind = LAG_FRAMES[BEHIND_BOUND].max(2 * mount.config().period_ticks_max());
    mount.ring().position(frames.end.saturating_sub(behind).max(frames.start)).unwrap_or(0)
}

/// The frame after the last one that was sent as a whole.
fn sent_through(mount: &Mount, record: &Record, lag: &Lag) -> u64 {
    let position = record.position();
    if record.jump != NO_JUMP && (position <= record.jump || position == lag.target) {
        let is_whole = position >= record.jump;
        return lag.jump_frame.saturating_sub(u64::from(!is_whole));
    }
    mount.ring().frame_at(position).map_or(record.joined_frame, |(frame, _)| frame)
}

/// Where a mount's ring is.
struct Bounds {
    /// Positions so far behind the newest frame as `LAG_FRAMES` says.
    lag: [u64; LAG_FRAMES.len()],
    /// Position of the byte that comes next.
    newest: u64,
    /// Frames in the ring, and their bytes.
    held: (u64, u64),
}

impl Bounds {
    fn of(mount: &Mount) -> Self {
        let (frames, newest) = (mount.frames(), mount.ring().live());
        let position = |frame| mount.ring().position(frame).unwrap_or(0);
        let lag = LAG_FRAMES.map(|behind| position(frames.end.saturating_sub(behind).max(frames.start)));
        Self { lag, newest, held: (frames.end - frames.start, newest.saturating_sub(position(frames.start))) }
    }

    /// So many bytes in frames of mean length.
    fn frames(&self, bytes: u64) -> u64 {
        let (frames, held_bytes) = self.held;
        let frames = u128::from(bytes) * u128::from(frames) / u128::from(held_bytes.max(1));
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}
