//! Whether the machine is too busy for the encoders: what they get of the processor, and for how
//! long they wait for it (SPEC ENC-13).
//!
//! An encoder that keeps up runs for as long as its frames need, waits for a processor, and sleeps
//! for the rest. One that no longer sleeps falls behind. With half of the time spent waiting it
//! could get twice what it needs, and no more: that is where pressure begins ([`WAITS_BEGIN`]), and
//! it ends at half of that. The clock's own ticks tell the same of the thread of the pump, where
//! that has no real-time priority.
//!
//! Where the waits of processes cannot be read, those of the tower's control group count.

use crate::supervisor::ProcessorTime;
use std::collections::VecDeque;

/// Pressure begins when an encoder waits for this part of the time, and ends below half of it.
const WAITS_BEGIN: f64 = 0.5;

/// Or when this part of the ticks is late.
const LATE_TICKS_BEGIN: f64 = 0.1;

/// An end takes this part of what a beginning takes.
const END: f64 = 0.5;

/// Time over which is measured, and the least that says something.
const WINDOW_MS: u64 = 5_000;
const WINDOW_MS_MIN: u64 = 1_000;

/// Looks that are kept: one a second, with some more.
const LOOKS_MAX: usize = 8;

/// One encoder process at one look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Its number in the system.
    pub process: u32,
    /// What it has had of the processor since its start.
    pub time: ProcessorTime,
}

/// What is seen at one look. Everything is counted since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// On the caller's clock.
    pub now_ms: u64,
    /// The encoder processes.
    pub processes: Vec<Usage>,
    /// How often encoders were late for want of the processor.
    pub shortages: u64,
    /// Ticks of the clock.
    pub ticks: u64,
    /// Of those, the late ones.
    pub late_ticks: u64,
    /// For how long a process of the tower's control group has waited for a processor; none if
    /// that cannot be read.
    pub group_waited_ms: Option<f64>,
}

/// The last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// The encoder process that waited most.
    pub process: Option<u32>,
    /// The part of the time in which it waited for a processor.
    pub waits: f64,
    /// The part of a core that it got.
    pub gets: f64,
    /// The part of the time in which some process of the control group waited.
    pub group_waits: Option<f64>,
    /// The part of the ticks that were late.
    pub late_ticks: f64,
}

/// Judges looks, about one a second.
#[derive(Clone, Debug, Default)]
pub struct PressureWatch {
    looks: VecDeque<Look>,
    since_ms: Option<u64>,
}

impl PressureWatch {
    /// Takes in a look; gives what the last seconds were like.
    pub fn observe(&mut self, look: Look) -> Measure {
        let now_ms = look.now_ms;
        while self.looks.len() >= LOOKS_MAX
            || self.looks.front().is_some_and(|oldest| now_ms.saturating_sub(oldest.now_ms) > WINDOW_MS)
        {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
        let measure = self.measure();
        let part = if self.since_ms.is_some() { END } else { 1.0 };
        let waits = if measure.process.is_some() { measure.waits } else { measure.group_waits.unwrap_or(0.0) };
        let is_pressed = waits >= part * WAITS_BEGIN
            || measure.late_ticks >= part * LATE_TICKS_BEGIN
            || self.over_window(|look| look.shortages as f64) > 0.0;
        self.since_ms = is_pressed.then(|| self.since_ms.unwrap_or(now_ms));
        measure
    }

    /// Since when there has been pressure, on the caller's clock.
    #[must_use]
    pub fn since_ms(&self) -> Option<u64> {
        self.since_ms
    }

    fn measure(&self) -> Measure {
        let Some(newest) = self.looks.back() else { return Measure::default() };
        let used = newest.processes.iter().filter_map(|usage| {
            let first = self.looks.iter().find_map(|look| Some((look.now_ms, look.usage(usage.process)?)))?;
            let ms = newest.now_ms.saturating_sub(first.0);
            (ms >= WINDOW_MS_MIN).then(|| {
                let part = |now_ns: u64, then_ns: u64| now_ns.saturating_sub(then_ns) as f64 / (ms as f64 * 1e6);
                let waits = part(usage.time.waited_ns, first.1.waited_ns).min(1.0);
                (usage.process, waits, part(usage.time.ran_ns, first.1.ran_ns))
            })
        });
        let most = used.max_by(|one, other| one.1.total_cmp(&other.1));
        let (process, waits, gets) =
            most.map_or((None, 0.0, 0.0), |(process, waits, gets)| (Some(process), waits, gets));
        let ms = self.over_window(|look| look.now_ms as f64);
        let group_waited_ms = |look: &Look| look.group_waited_ms.unwrap_or(f64::NAN);
        let group_waits = self.over_window(group_waited_ms) / ms;
        let ticks = self.over_window(|look| look.ticks as f64).max(1.0);
        Measure {
            process,
            waits,
            gets,
            group_waits: (group_waits.is_finite()).then_some(group_waits.clamp(0.0, 1.0)),
            late_ticks: self.over_window(|look| look.late_ticks as f64) / ticks,
        }
    }

    /// How much more the newest look has of something than the oldest.
    fn over_window(&self, of: impl Fn(&Look) -> f64) -> f64 {
        let ends = self.looks.front().zip(self.looks.back());
        ends.map_or(0.0, |(oldest, newest)| of(newest) - of(oldest))
    }
}

impl Look {
    fn usage(&self, process: u32) -> Option<ProcessorTime> {
        self.processes.iter().find(|usage| usage.process == process).map(|usage| usage.time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on virtual time: an encoder that waits for parts of each second and runs for 2 % of it.
    #[derive(Default)]
    struct Machine {
        watch: PressureWatch,
        look: Look,
    }

    impl Machine {
        fn runs(&mut self, seconds: u64, waits: f64) -> Measure {
            self.runs_with(seconds, waits, |_| {})
        }

        fn runs_with(&mut self, seconds: u64, waits: f64, change: impl Fn(&mut Look)) -> Measure {
            let mut measure = Measure::default();
            for _ in 0..seconds {
                self.look.now_ms += 1000;
                self.look.ticks += 42;
                if self.look.processes.is_empty() {
                    self.look.processes.push(Usage { process: 7, time: ProcessorTime::default() });
                }
                for usage in &mut self.look.processes {
                    usage.time.ran_ns += 20_000_000;
                    usage.time.waited_ns += (waits * 1e9) as u64;
                }
                change(&mut self.look);
                measure = self.watch.observe(self.look.clone());
            }
            measure
        }

        fn is_pressed(&self) -> bool {
            self.watch.since_ms().is_some()
        }
    }

    #[test]
    fn an_encoder_that_waits_for_half_of_the_time_is_under_pressure_until_it_waits_for_a_quarter() {
        let mut machine = Machine::default();
        let measure = machine.runs(60, 0.45);
        assert!(!machine.is_pressed() && measure.process == Some(7), "{measure:?}");
        let measure = machine.runs(10, 0.6);
        assert!((measure.waits - 0.6).abs() < 0.01 && (measure.gets - 0.02).abs() < 0.001, "{measure:?}");
        assert_eq!(machine.watch.since_ms(), Some(62_000), "the window has to fill");
        machine.runs(60, 0.3);
        assert!(machine.is_pressed(), "less is still pressure");
        machine.runs(6, 0.2);
        assert!(!machine.is_pressed());
    }

    #[test]
    fn late_ticks_and_shortages_are_pressure_too() {
        let mut machine = Machine::default();
        machine.runs(10, 0.0);
        let measure = machine.runs_with(6, 0.0, |look| look.late_ticks += 5);
        assert!(machine.is_pressed() && measure.late_ticks > 0.1, "{measure:?}");
        machine.runs(6, 0.0);
        assert!(!machine.is_pressed());
        machine.look.shortages += 1;
        machine.runs(5, 0.0);
        assert!(machine.is_pressed());
        machine.runs(2, 0.0);
        assert!(!machine.is_pressed(), "one counts for five seconds");
    }

    #[test]
    fn where_no_process_can_be_read_the_control_group_counts_and_else_does_not() {
        let group = |look: &mut Look| look.group_waited_ms = Some(look.group_waited_ms.unwrap_or(0.0) + 900.0);
        let mut machine = Machine::default();
        let measure = machine.runs_with(20, 0.1, group);
        assert!(!machine.is_pressed() && measure.group_waits == Some(0.9), "{measure:?}");
        let blind = |look: &mut Look| {
            group(look);
            look.processes.clear();
        };
        machine.runs_with(6, 0.0, blind);
        assert!(machine.is_pressed());
    }

    #[test]
    fn a_process_that_is_new_is_measured_since_it_was_first_seen_and_the_one_that_waits_most_counts() {
        let mut machine = Machine::default();
        machine.runs(20, 0.1);
        machine
            .look
            .processes
            .push(Usage { process: 8, time: ProcessorTime { waited_ns: 1 << 50, ..Default::default() } });
        let measure = machine.runs(1, 0.1);
        assert_eq!(measure.process, Some(7), "one look compares with nothing");
        let waits_more = |look: &mut Look| look.processes[1].time.waited_ns += 600_000_000;
        let measure = machine.runs_with(1, 0.1, waits_more);
        assert!(measure.process == Some(8) && (measure.waits - 0.7).abs() < 0.01, "{measure:?}");
        assert!(machine.is_pressed());
    }

    #[test]
    fn looks_are_bounded_and_a_pause_between_them_forgets() {
        let mut machine = Machine::default();
        for _ in 0..1000 {
            machine.look.now_ms += 10;
            machine.watch.observe(machine.look.clone());
        }
        assert!(machine.watch.looks.len() <= LOOKS_MAX);
        machine.look.now_ms += 1_000_000;
        machine.watch.observe(machine.look.clone());
        assert_eq!(machine.watch.looks.len(), 1);
    }
}
