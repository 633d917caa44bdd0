//! How busy the machine was: without that, lateness says nothing of who was late.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Length of the stretches that are looked at.
const STRETCH: Duration = Duration::from_millis(500);

/// From this share of its processors' time on, in thousandths, who needs some has to wait for it.
const CROWDED_PERMILLE: u32 = 800;

/// Watches `/proc/stat` until dropped.
pub struct Watch {
    busiest_permille: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// Begins.
    #[must_use]
    pub fn start() -> Self {
        let watch = Self { busiest_permille: Arc::default(), stop: Arc::default() };
        let (busiest, stop) = (Arc::clone(&watch.busiest_permille), Arc::clone(&watch.stop));
        std::thread::spawn(move || {
            let mut before = times();
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(STRETCH);
                let now = times();
                busiest.fetch_max(busy_permille(before, now), Ordering::Relaxed);
                before = now;
            }
        });
        watch
    }

    /// The busiest half second so far: the share of all processors' time that was used, in thousandths.
    #[must_use]
    pub fn busiest_permille(&self) -> u32 {
        self.busiest_permille.load(Ordering::Relaxed)
    }

    /// Whether there was a time in which whoever was late may have waited for a processor.
    #[must_use]
    pub fn was_crowded(&self) -> bool {
        self.busiest_permille() >= CROWDED_PERMILLE
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Idle and all time of all processors so far; none where the system does not tell.
fn times() -> (u64, u64) {
    parse(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// `cpu user nice system idle iowait irq ...`
fn parse(stat: &str) -> (u64, u64) {
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let times: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
    (times.iter().skip(3).take(2).sum(), times.iter().sum())
}

fn busy_permille(before: (u64, u64), now: (u64, u64)) -> u32 {
    let (idle, all) = (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1));
    u32::try_from((all.saturating_sub(idle) * 1000).checked_div(all).unwrap_or(0)).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_is_idle_and_work_is_not() {
        let (before, now) = (parse("cpu 10 0 10 70 10 0 0 0 0 0\ncpu0 1"), parse("cpu 40 0 20 110 30 0 0 0 0 0\n"));
        assert_eq!((before, now), ((80, 100), (140, 200)));
        assert_eq!(busy_permille(before, now), 400);
        assert_eq!(busy_permille(now, now), 0);
    }
}
