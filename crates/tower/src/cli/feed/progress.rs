//! What a person sees while `tower feed` runs: a bar on a terminal, plain lines in a pipe.

use indicatif::{ProgressBar, ProgressStyle};
use radio_decode::media::file::TrackInfo;
use radio_signal::units::{CHANNELS, SAMPLE_RATE_HZ};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Bytes of PCM in one millisecond.
const BYTES_PER_MS: u64 = (SAMPLE_RATE_HZ as usize * CHANNELS * 2 / 1000) as u64;

pub(super) struct Progress {
    /// Only on a terminal.
    bar: Option<ProgressBar>,
    begun: Instant,
    /// Bytes sent of this file, and of all.
    bytes_of_file: u64,
    bytes: u64,
    duration: Option<Duration>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            bar: std::io::stderr().is_terminal().then(ProgressBar::no_length),
            begun: Instant::now(),
            bytes_of_file: 0,
            bytes: 0,
            duration: None,
        }
    }

    pub(super) fn started(&mut self, info: &TrackInfo) {
        (self.bytes_of_file, self.duration) = (0, info.duration);
        // A tag may hold braces or control characters; as a message it is not interpreted as a template.
        let label = info.label();
        let Some(bar) = &self.bar else {
            match info.duration {
                Some(duration) => eprintln!("feeding {label} ({})", clock(duration)),
                None => eprintln!("feeding {label}"),
            }
            return;
        };
        let template = match info.duration {
            Some(_) => "{msg} {wide_bar:.cyan/dim} {prefix}",
            None => "{spinner} {msg} {prefix}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if let Some(duration) = info.duration {
            bar.set_length(duration.as_millis() as u64);
        }
        bar.set_message(label);
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes_of_file += bytes as u64;
        self.bytes += bytes as u64;
        if let Some(bar) = &self.bar {
            let position_ms = self.bytes_of_file / BYTES_PER_MS;
            let position = clock(Duration::from_millis(position_ms));
            let elapsed = clock(self.begun.elapsed());
            bar.set_prefix(match self.duration {
                Some(duration) => format!("{position} / {}  [{elapsed}]", clock(duration)),
                None => format!("{position}  [{elapsed}]"),
            });
            bar.set_position(position_ms);
        }
    }

    /// A line that stays.
    pub(super) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("fed {} of audio", clock(Duration::from_millis(self.bytes / BYTES_PER_MS)));
    }
}

/// Hours, if any, minutes and seconds.
fn clock(time: Duration) -> String {
    let (hours, minutes, seconds) = (time.as_secs() / 3600, time.as_secs() / 60 % 60, time.as_secs() % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shown_as_on_a_player() {
        assert_eq!(clock(Duration::from_secs(5)), "0:05");
        assert_eq!(clock(Duration::from_secs(605)), "10:05");
        assert_eq!(clock(Duration::from_secs(3_661)), "1:01:01");
    }
}
