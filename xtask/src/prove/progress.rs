//! Tells on standard error, while a step runs: which one, since when, and roughly how long is left.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time from one line to the next: a line is work for the machine that is being measured.
const PERIOD: Duration = Duration::from_secs(60);

/// Tells until dropped.
pub(super) struct Progress {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The step that runs, among all.
#[derive(Clone)]
struct Place {
    name: &'static str,
    index: usize,
    minutes: Vec<f64>,
}

impl Progress {
    /// Begins a step: the one at `index` of those that take so many minutes each.
    pub(super) fn begin(name: &'static str, index: usize, minutes: &[f64]) -> Self {
        let place = Place { name, index, minutes: minutes.to_vec() };
        println!("\n=== {}, since {} UTC", place.line(Duration::ZERO), time_of_day(SystemTime::now()));
        let (end, ended) = channel();
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                eprintln!("... {}", place.line(begun.elapsed()));
            }
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _its_panic_has_been_printed = thread.join();
        }
    }
}

impl Place {
    fn line(&self, elapsed: Duration) -> String {
        let minutes = self.minutes[self.index];
        let after: f64 = self.minutes[self.index + 1..].iter().sum();
        let took = elapsed.as_secs_f64() / 60.0;
        let left = (minutes - took).max(0.0) + after;
        let (step, steps) = (self.index + 1, self.minutes.len());
        format!(
            "{step} of {steps}: {}, {took:.0} of about {minutes:.0} minutes; about {left:.0} left in all",
            self.name
        )
    }
}

/// Hours and minutes of a day in UTC.
fn time_of_day(time: SystemTime) -> String {
    let minutes = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 60);
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_this_step_and_the_next_ones() {
        let place = Place { name: "cost", index: 1, minutes: vec![9.0, 4.0, 8.0] };
        assert_eq!(place.line(Duration::from_secs(60)), "2 of 3: cost, 1 of about 4 minutes; about 11 left in all");
        // A step that takes longer than expected holds up the others and promises nothing.
        assert!(place.line(Duration::from_secs(600)).ends_with("10 of about 4 minutes; about 8 left in all"));
    }

    #[test]
    fn the_time_of_day_is_that_of_utc() {
        assert_eq!(time_of_day(UNIX_EPOCH + Duration::from_secs(86_400 + 3 * 3600 + 125)), "03:02");
    }
}
