//! What is said at the end: for people and for programs.

use super::compare::Tally;
use crate::cli::Paint;
use radio_signal::units::TICK_MS;
use serde::Serialize;
use std::fmt::Write;

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Every frame compared is the reference's, and there is nothing else in the stream.
    Identical,
    /// At least one difference.
    Different,
    /// Nothing can be said, or not for the whole time.
    Unverified,
}

impl Verdict {
    /// The exit code of the command.
    #[must_use]
    pub(super) const fn exit_code(self) -> u8 {
        match self {
            Self::Identical => 0,
            Self::Different => 1,
            Self::Unverified => 2,
        }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The outcome.
    pub verdict: Verdict,
    /// Why nothing can be said, or why it ended before its time, and what to do.
    pub reason: Option<String>,
    /// What was listened to, without credentials.
    pub url: String,
    /// Which encoder made the reference.
    pub with: &'static str,
    /// Which life of the tower.
    pub epoch: String,
    /// Whether another life of the tower began meanwhile; not known if it could not be asked.
    pub epoch_changed: Option<bool>,
    /// Bitrate of the first frame.
    pub bitrate_kbps: u16,
    /// How long it was followed.
    pub seconds: f64,
    /// Frames compared.
    pub compared: u64,
    /// What became of each.
    #[serde(flatten)]
    pub tally: Tally,
    /// Bytes of the stream that are no frames.
    pub stray_bytes: u64,
    /// Longest time without a byte.
    pub longest_gap_ms: u64,
    /// Encoders that the tower replaced meanwhile, by its own count.
    pub encoder_restarts: Option<u64>,
}

impl Report {
    /// As lines for people.
    #[must_use]
    pub(super) fn text(&self, colours: bool) -> String {
        let t = &self.tally;
        let (word, paint) = match self.verdict {
            Verdict::Identical => ("IDENTICAL", Paint::Green),
            Verdict::Different => ("DIFFERENT", Paint::Red),
            Verdict::Unverified => ("NOT VERIFIED", Paint::Yellow),
        };
        let mut out = format!(
            "{}: {} of {} frames compared are those of an uninterrupted encode ({})\n",
            paint.on(word, colours),
            t.identical,
            self.compared,
            self.with
        );
        let mut line = |name: &str, text: String| {
            let _ = writeln!(out, "  {} {text}", Paint::Dim.on(&format!("{name:<17}"), colours));
        };
        if let Some(reason) = &self.reason {
            line("reason", reason.clone());
        }
        line("stream", format!("{}, {} kbit/s, epoch {}", self.url, self.bitrate_kbps, self.epoch));
        if let Some((first, end)) = t.numbers.filter(|(first, end)| end > first) {
            let seconds = (end - first) as f64 * TICK_MS as f64 / 1000.0;
            line("frames", format!("{first} to {}, {seconds:.1} s of audio in {:.1} s", end - 1, self.seconds));
        }
        let silent = match t.silent {
            0 => String::new(),
            silent => format!(" ({silent} of them silent; stretches: {})", t.silent_stretches),
        };
        line("differences", format!("{} missing, {} repeated, {} out of order", t.missing, t.repeated, t.out_of_order));
        line("", format!("{} altered{silent}, {} foreign", t.altered, t.foreign));
        line("", format!("{} bytes that are no frame", self.stray_bytes));
        if let Some(first) = t.first_difference {
            line("first difference", format!("frame {}, byte {} of it", first.frame, first.byte));
        }
        if t.not_compared > 0 {
            line("not compared", format!("{} frames at the end", t.not_compared));
        }
        line("longest gap", format!("{} ms without a byte", self.longest_gap_ms));
        if let Some(restarts) = self.encoder_restarts {
            line("encoders", format!("{restarts} replaced meanwhile"));
        }
        if self.epoch_changed == Some(true) {
            line("new epoch", "the tower was restarted".into());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verify::compare::FirstDifference;

    fn report() -> Report {
        let first_difference = Some(FirstDifference { frame: 1234, byte: 56 });
        let tally =
            Tally { identical: 99, missing: 1, first_difference, numbers: Some((1200, 1300)), ..Tally::default() };
        Report {
            verdict: Verdict::Different,
            reason: None,
            url: "http://127.0.0.1:8000/stream".into(),
            with: "ffmpeg",
            epoch: "e".into(),
            epoch_changed: Some(false),
            bitrate_kbps: 128,
            seconds: 2.4,
            compared: tally.compared(),
            tally,
            stray_bytes: 0,
            longest_gap_ms: 504,
            encoder_restarts: Some(3),
        }
    }

    #[test]
    fn people_are_told_what_and_where() {
        let text = report().text(false);
        for wanted in ["DIFFERENT: 99 of 99", "frame 1234, byte 56", "1200 to 1299, 2.4 s", "3 replaced", "1 missing"] {
            assert!(text.contains(wanted), "{wanted:?} in {text}");
        }
        assert!(!text.contains('\x1b'));
        assert!(report().text(true).contains("\x1b[31mDIFFERENT\x1b[0m"));
    }

    #[test]
    fn programs_get_one_flat_object() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(
            (&json["verdict"], &json["missing"], &json["compared"]),
            (&"different".into(), &1.into(), &99.into())
        );
        assert_eq!(json["first_difference"], serde_json::json!({"frame": 1234, "byte": 56}));
        assert_eq!(json["numbers"], serde_json::json!([1200, 1300]));
    }
}
