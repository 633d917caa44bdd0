//! What a fan-out is told at its start, and the bounds of it.

use std::io;
use std::thread::available_parallelism;

use crate::lag::SKIPS_MAX;

/// Most shards that may be asked for.
pub(crate) const SHARDS_MAX: usize = 64;
/// Frames that may come out of turn between two looks at a listener.
const BRINK_MARGIN: u64 = 8;
/// Most listeners that may be asked for.
const LISTENERS_MAX: usize = 1_000_000;
/// Most mounts that may be asked for.
pub(crate) const MOUNTS_MAX: usize = 256;

/// Settings of the whole fan-out.
#[derive(Clone, Debug)]
pub struct FanoutConfig {
    /// Threads that own the sockets.
    pub shards: usize,
    /// Length of one tick; with it the limits in milliseconds become ticks, rounded down.
    pub tick_ms: u64,
    /// Listeners in all; one more is refused.
    pub listeners_max: usize,
    /// Listeners from one address (of IPv6, one /64); one more is refused. 0: no such limit.
    pub listeners_per_address_max: usize,
    /// Bits a second that all listeners together may take; a newcomer that would exceed it is
    /// refused. 0: no such limit.
    pub rate_bps_max: u64,
    /// A shard with more listeners than this serves them at the longer period of their mounts,
    pub crowd_above: usize,
    /// and with fewer than this at the shorter one again.
    pub crowd_below: usize,
    /// A listener whose socket takes nothing for this long is dropped.
    pub stall_ms_max: u64,
    /// Skips that a listener may make within `skips_window_ms`, at most 2; one more and it is dropped.
    pub skips_max: usize,
    /// The window in which skips are counted.
    pub skips_window_ms: u64,
    /// Kernel send buffer of each socket; two send periods of the mount if those are larger.
    pub sndbuf_bytes: usize,
}

impl Default for FanoutConfig {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            shards: cores.saturating_sub(1).clamp(1, 8),
            tick_ms: 24,
            listeners_max: 10_000,
            listeners_per_address_max: 0,
            rate_bps_max: 0,
            crowd_above: 4000,
            crowd_below: 3500,
            stall_ms_max: 60_000,
            skips_max: 2,
            skips_window_ms: 300_000,
            sndbuf_bytes: 64 * 1024,
        }
    }
}

/// Settings of one mount.
#[derive(Clone, Debug)]
pub struct MountConfig {
    /// Its name, unique among the mounts.
    pub name: String,
    /// Listeners of this mount; one more is refused. 0: no limit but that in all.
    pub listeners_max: usize,
    /// Bits a second that one listener takes, protocol headers included; counts towards
    /// [`FanoutConfig::rate_bps_max`].
    pub listener_bps: u64,
    /// Bytes of history.
    pub ring_bytes: usize,
    /// Frames of history.
    pub ring_frames: usize,
    /// Ticks between two sends to one listener: 21 is 504 ms, 1 is each tick.
    pub period_ticks: u64,
    /// So many of these periods lie between two sends while a shard is crowded; 1 where it shall make no difference.
    pub crowd_stretch: u64,
    /// A listener that lost its place goes on this many frames behind the newest.
    pub skip_back_frames: u64,
    /// Number of the first frame to be published.
    pub first_frame: u64,
}

impl MountConfig {
    /// A mount for `ring_frames` frames of at most `frame_bytes` bytes, served each 21 ticks, skipping to 84 frames (2 s) behind.
    pub fn new(name: impl Into<String>, frame_bytes: usize, ring_frames: usize) -> Self {
        Self {
            name: name.into(),
            listeners_max: 0,
            listener_bps: 0,
            ring_bytes: frame_bytes * ring_frames,
            ring_frames,
            period_ticks: 21,
            crowd_stretch: 2,
            skip_back_frames: 84.min(ring_frames as u64 / 2).max(1),
            first_frame: 0,
        }
    }

    /// Ticks between two sends to one listener at most.
    pub(crate) fn period_ticks_max(&self) -> u64 {
        self.period_ticks * self.crowd_stretch
    }

    /// A listener this near to the oldest frame is about to lose its place: at its next turn it may be gone.
    pub(crate) fn brink_frames(&self) -> u64 {
        (2 * self.period_ticks_max() + BRINK_MARGIN).min(self.ring_frames as u64 / 8).max(1)
    }
}

/// Says what is wrong with the settings, and what would be right.
pub(crate) fn check(config: &FanoutConfig, mounts: &[MountConfig]) -> io::Result<()> {
    let bad = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if !(1..=SHARDS_MAX).contains(&config.shards) {
        return bad(format!("shards = {}: give 1 to {SHARDS_MAX}", config.shards));
    }
    if config.tick_ms == 0 {
        return bad("tick_ms = 0: give at least 1".into());
    }
    if config.listeners_max > LISTENERS_MAX {
        return bad(format!("listeners_max = {}: give at most {LISTENERS_MAX}", config.listeners_max));
    }
    if config.skips_max > SKIPS_MAX {
        return bad(format!("skips_max = {}: give at most {SKIPS_MAX}", config.skips_max));
    }
    if config.crowd_below > config.crowd_above {
        let most = config.crowd_above;
        return bad(format!("crowd_below = {}: give at most crowd_above, {most}", config.crowd_below));
    }
    if mounts.len() > MOUNTS_MAX {
        return bad(format!("{} mounts: give at most {MOUNTS_MAX}", mounts.len()));
    }
    for (i, mount) in mounts.iter().enumerate() {
        let name = &mount.name;
        if mounts[..i].iter().any(|other| other.name == *name) {
            return bad(format!("mount {name}: the name is used twice; give each mount its own"));
        }
        check_mount(mount)?;
    }
    Ok(())
}

/// The same of one mount alone.
pub(crate) fn check_mount(mount: &MountConfig) -> io::Result<()> {
    let bad = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    let name = &mount.name;
    if mount.ring_bytes == 0 || mount.ring_frames == 0 {
        return bad(format!("mount {name}: the ring is empty; give it at least one frame"));
    }
    if mount.period_ticks == 0 || mount.period_ticks > 1024 {
        return bad(format!("mount {name}: period_ticks = {}: give 1 to 1024", mount.period_ticks));
    }
    if !(1..=8).contains(&mount.crowd_stretch) {
        return bad(format!("mount {name}: crowd_stretch = {}: give 1 to 8", mount.crowd_stretch));
    }
    if !(1..=mount.ring_frames as u64).contains(&mount.skip_back_frames) {
        let most = mount.ring_frames;
        return bad(format!("mount {name}: skip_back_frames = {}: give 1 to {most}", mount.skip_back_frames));
    }
    Ok(())
}
