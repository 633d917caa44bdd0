//! How busy the machine was: without that, lateness says nothing of who was late.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Length of the stretches that are looked at.
const STRETCH: Duration = Duration::from_millis(500);

/// Processor time of the work that is done to see how long it takes.
const WORK_S: f64 = 0.1;

/// From this share of its processors' time on, in thousandths, who needs some has to wait for it.
const CROWDED_PERMILLE: u32 = 800;

/// Watches `/proc/stat` until dropped.
pub struct Watch {
    begun: Times,
    busiest_permille: Arc<AtomicU32>,
    most_stolen_permille: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// Begins.
    #[must_use]
    pub fn start() -> Self {
        let watch = Self {
            begun: times(),
            busiest_permille: Arc::default(),
            most_stolen_permille: Arc::default(),
            stop: Arc::default(),
        };
        let (busiest, stop) = (Arc::clone(&watch.busiest_permille), Arc::clone(&watch.stop));
        let most_stolen = Arc::clone(&watch.most_stolen_permille);
        std::thread::spawn(move || {
            let mut before = times();
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(STRETCH);
                let now = times();
                busiest.fetch_max(now.busy_permille(before), Ordering::Relaxed);
                most_stolen.fetch_max(now.stolen_permille(before), Ordering::Relaxed);
                before = now;
            }
        });
        watch
    }

    /// The share of all processors' time that was used so far, in thousandths.
    #[must_use]
    pub fn mean_permille(&self) -> u32 {
        times().busy_permille(self.begun)
    }

    /// The busiest half second so far: the share of all processors' time that was used, in thousandths.
    #[must_use]
    pub fn busiest_permille(&self) -> u32 {
        self.busiest_permille.load(Ordering::Relaxed)
    }

    /// The half second so far of which the machine's own host took most: the share of all processors' time that whoever ran
    /// on them had to do without, in thousandths.
    #[must_use]
    pub fn most_stolen_permille(&self) -> u32 {
        self.most_stolen_permille.load(Ordering::Relaxed)
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

/// How many times as long as on an idle machine work takes now: some of it is done to see.
#[must_use]
pub fn stretch() -> f64 {
    let ran = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = |time: rustix::time::Timespec| time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9;
    let (begun, from) = (Instant::now(), seconds(ran()));
    loop {
        let work = seconds(ran()) - from;
        if work >= WORK_S {
            return (begun.elapsed().as_secs_f64() / work).max(1.0);
        }
    }
}

/// The share of all processors' time that is used from now on for so long, in thousandths.
#[must_use]
pub fn busy_permille_for(stretch: Duration) -> u32 {
    let before = times();
    std::thread::sleep(stretch);
    times().busy_permille(before)
}

/// Time of all processors so far, in hundredths of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Times {
    idle: u64,
    stolen: u64,
    all: u64,
}

impl Times {
    fn busy_permille(self, before: Self) -> u32 {
        self.permille(before, |times| times.all - times.idle)
    }

    fn stolen_permille(self, before: Self) -> u32 {
        self.permille(before, |times| times.stolen)
    }

    /// The share of some of it in all since `before`.
    fn permille(self, before: Self, some: impl Fn(Self) -> u64) -> u32 {
        let (part, all) = (some(self).saturating_sub(some(before)), self.all.saturating_sub(before.all));
        u32::try_from((part * 1000).checked_div(all).unwrap_or(0)).map_or(1000, |share| share.min(1000))
    }
}

/// What the system tells; none where it does not.
fn times() -> Times {
    parse(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// `cpu user nice system idle iowait irq softirq steal ...`. What runs at a lower priority than all others keeps none of them
/// waiting: its time counts as idle.
fn parse(stat: &str) -> Times {
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let times: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
    let idle = times.iter().skip(1).take(1).chain(times.iter().skip(3).take(2)).sum();
    Times { idle, stolen: times.get(7).copied().unwrap_or(0), all: times.iter().sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_the_lowest_priority_is_idle() {
        let (before, now) = (parse("cpu 10 0 0 90 0 0 0 0"), parse("cpu 30 60 0 110 0 0 0 0"));
        assert_eq!(now.busy_permille(before), 200);
    }

    #[test]
    fn waiting_for_a_disk_is_idle_and_work_is_not_nor_is_what_others_took() {
        let (before, now) = (parse("cpu 10 0 10 70 10 0 0 0 0 0\ncpu0 1"), parse("cpu 30 0 20 110 30 0 0 10 0 0\n"));
        assert_eq!(before, Times { idle: 80, stolen: 0, all: 100 });
        assert_eq!((now.busy_permille(before), now.stolen_permille(before)), (400, 100));
        assert_eq!((now.busy_permille(now), now.stolen_permille(now)), (0, 0));
    }
}
