//! A measured figure: what it is, what it may be, and how it is judged.

use radio_proof::punctuality::{self, Bare};

/// One measured figure.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// What was measured.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What it should not exceed, if anything was promised.
    pub bound: Option<f64>,
    /// What a missed bound means.
    pub judged: Judged,
    /// The same figure of a bare loop in the same run, where the value depends on the machine's
    /// punctuality.
    pub bare: Option<Bare>,
    /// How it came about.
    pub note: String,
}

/// What a missed bound means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The bound is promised: a miss is an error.
    Promise,
    /// The bound depends on how fast the machine is: a miss is told and no error.
    Aim,
}

/// Whether a figure keeps its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is no bound.
    Unbounded,
    /// The value is within the bound.
    Met,
    /// The bare loop misses the bound, and the value minus the loop's excess is within it
    /// ([`punctuality`]).
    MetAgainstBareLoop,
    /// The value is beyond a bound that is an aim.
    AimMissed,
    /// The value is beyond a bound that is promised.
    Missed,
}

impl Figure {
    /// A figure without a bound.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, bound: None, judged: Judged::Promise, bare: None, note: String::new() }
    }

    /// A bound that is promised.
    pub(crate) fn bound(self, bound: f64) -> Self {
        Self { bound: Some(bound), ..self }
    }

    /// A bound that depends on how fast the machine is.
    pub(crate) fn aim(self, bound: f64) -> Self {
        Self { bound: Some(bound), judged: Judged::Aim, ..self }
    }

    /// The same figure of a bare loop; none where it could not be measured: then the bound stands
    /// as it is.
    pub(crate) fn beside(self, bare: impl Into<Option<Bare>>) -> Self {
        Self { bare: bare.into(), ..self }
    }

    /// How it came about.
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// Whether it keeps its bound.
    pub(crate) fn verdict(&self) -> Verdict {
        let Some(bound) = self.bound else { return Verdict::Unbounded };
        match punctuality::judge(self.value, bound, self.bare) {
            punctuality::Verdict::Met => Verdict::Met,
            punctuality::Verdict::MetAgainstBareLoop => Verdict::MetAgainstBareLoop,
            punctuality::Verdict::Missed if self.judged == Judged::Aim => Verdict::AimMissed,
            punctuality::Verdict::Missed => Verdict::Missed,
        }
    }
}

impl Verdict {
    /// Its word in tables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unbounded => "",
            Self::Met => "met",
            Self::MetAgainstBareLoop => "met against the bare loop",
            Self::AimMissed => "missed (an aim)",
            Self::Missed => "MISSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_an_aim_and_a_figure_without_a_bound_are_told_apart() {
        let figure = |value| Figure::new("gap", value, "ms");
        assert_eq!(figure(700.0).verdict(), Verdict::Unbounded);
        assert_eq!([figure(654.0).bound(654.0).verdict(), figure(1.0).aim(1.0).verdict()], [Verdict::Met; 2]);
        assert_eq!(figure(655.0).bound(654.0).verdict(), Verdict::Missed);
        assert_eq!(figure(655.0).aim(654.0).verdict(), Verdict::AimMissed);
        assert_eq!(figure(f64::NAN).bound(654.0).verdict(), Verdict::Missed);
    }

    #[test]
    fn a_bare_loop_that_misses_the_bound_too_is_taken_off_and_a_punctual_one_is_not() {
        let figure = |value, bare| {
            Figure::new("gap", value, "ms").bound(654.0).beside(Bare { value: bare, quiet: 504.0 }).verdict()
        };
        assert_eq!([figure(800.0, 700.0), figure(851.0, 700.0)], [Verdict::MetAgainstBareLoop, Verdict::Missed]);
        assert_eq!(figure(655.0, 653.0), Verdict::Missed);
    }
}
