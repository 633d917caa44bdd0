//! What a person sees while `tower verify` runs: a bar on a terminal, a line now and then in a pipe.

use super::compare::Tally;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Time between two lines in a pipe.
const LINE_PERIOD: Duration = Duration::from_secs(10);

/// On standard error: standard output is for the verdict.
pub(super) struct Progress {
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    next_line: Option<Duration>,
}

impl Progress {
    /// For `span`; `quiet` where a program reads along.
    pub(super) fn new(span: Duration, quiet: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(span.as_millis() as u64));
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("{msg} {wide_bar:.cyan/dim} {prefix}")) {
            bar.set_style(style);
        }
        let next_line = (bar.is_none() && !quiet).then_some(LINE_PERIOD);
        Self { bar, next_line }
    }

    pub(super) fn show(&mut self, elapsed: Duration, tally: &Tally) {
        let counts = || format!("{} frames compared, {} identical", tally.compared(), tally.identical);
        if let Some(bar) = &self.bar {
            bar.set_position(elapsed.as_millis() as u64);
            bar.set_message(counts());
            bar.set_prefix(format!("{} s", elapsed.as_secs()));
        } else if self.next_line.is_some_and(|due| elapsed >= due) {
            self.next_line = Some(elapsed + LINE_PERIOD);
            eprintln!("{} s: {}", elapsed.as_secs(), counts());
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
