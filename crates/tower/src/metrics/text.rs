//! The text format of Prometheus, version 0.0.4: a family is its help, its type, and its samples.
//!
//! Written by hand, since every figure is already kept where it arises: a registry would be a second copy of each.

use std::fmt::{Display, Write};

/// What `Content-Type` says of it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the tower starts anew.
    Counter,
    /// Comes and goes.
    Gauge,
    /// How often a value was at most so much.
    Histogram,
}

/// Everything that one answer tells.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins the family `name`; each name once.
    pub fn family(&mut self, kind: Kind, name: &'static str, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { text: &mut self.text, name }
    }

    /// A counter without labels.
    pub fn counter(&mut self, name: &'static str, help: &str, value: u64) {
        self.family(Kind::Counter, name, help).sample(&[], value);
    }

    /// A gauge without labels.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(Kind::Gauge, name, help).sample(&[], value);
    }

    /// The whole answer.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

/// The samples of one family.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// One value under these labels.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    /// A histogram: for each upper bound how many values were at most that, then all of them, and their sum.
    pub fn histogram(&mut self, labels: &[(&str, &str)], at_most: &[(f64, u64)], count: u64, sum: f64) {
        for (bound, below) in at_most {
            self.line("_bucket", &[labels, &[("le", &bound.to_string())]].concat(), below);
        }
        self.line("_bucket", &[labels, &[("le", "+Inf")]].concat(), count);
        self.line("_sum", labels, sum);
        self.line("_count", labels, count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (i, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, escaped(text));
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_its_help_its_type_and_its_samples() {
        let mut all = Exposition::default();
        all.counter("tower_x_total", "Things.", u64::MAX);
        let mut family = all.family(Kind::Gauge, "tower_y", "Others.");
        family.sample(&[("mount", "/a"), ("state", "UP")], 0.5);
        family.sample(&[("mount", "a\"b\\c\nd")], 1);
        assert_eq!(
            all.into_text(),
            "# HELP tower_x_total Things.\n# TYPE tower_x_total counter\ntower_x_total 18446744073709551615\n\
             # HELP tower_y Others.\n# TYPE tower_y gauge\ntower_y{mount=\"/a\",state=\"UP\"} 0.5\n\
             tower_y{mount=\"a\\\"b\\\\c\\nd\"} 1\n"
        );
    }

    #[test]
    fn a_histogram_ends_in_all_and_their_sum() {
        let mut all = Exposition::default();
        all.family(Kind::Histogram, "h", "H.").histogram(&[], &[(0.5, 1), (1.0, 3)], 4, 2.5);
        let lines = all.into_text();
        let lines: Vec<&str> = lines.lines().skip(2).collect();
        let wanted =
            ["h_bucket{le=\"0.5\"} 1", "h_bucket{le=\"1\"} 3", "h_bucket{le=\"+Inf\"} 4", "h_sum 2.5", "h_count 4"];
        assert_eq!(lines, wanted);
    }
}
