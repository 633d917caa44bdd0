//! Judges a bound that depends on the machine's punctuality against a bare loop of the same run.
//!
//! # The rule
//!
//! 1. A value within its bound meets it, whatever the bare loop does.
//! 2. A value beyond its bound misses it if the bare loop keeps the bound: the machine is punctual
//!    enough.
//! 3. If the bare loop misses the bound too, no program keeps it on this machine at this time. Then
//!    only what the value has beyond the loop's own excess counts: the value minus the excess must
//!    be within the bound. The excess is the loop's value minus its quiet value, which is what the
//!    loop gives where nothing disturbs it.
//!
//! So a punctual machine leaves every bound as it is, and an unpunctual one excuses what it takes
//! itself and no more.

/// The same figure of a bare loop, measured in the same run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bare {
    /// The figure.
    pub value: f64,
    /// The figure where nothing disturbs the loop.
    pub quiet: f64,
}

impl Bare {
    /// What the machine adds to the loop's figure.
    #[must_use]
    pub fn excess(self) -> f64 {
        (self.value - self.quiet).max(0.0)
    }
}

/// Whether a value keeps its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The value is within the bound.
    Met,
    /// The bare loop misses the bound, and the value minus the loop's excess is within it.
    MetAgainstBareLoop,
    /// The value is beyond the bound, and the machine does not explain it.
    Missed,
}

/// Applies the rule of this module; a value that is no number misses every bound.
#[must_use]
pub fn judge(value: f64, bound: f64, bare: Option<Bare>) -> Verdict {
    if value <= bound {
        return Verdict::Met;
    }
    match bare {
        Some(bare) if bare.value > bound && value - bare.excess() <= bound => Verdict::MetAgainstBareLoop,
        _ => Verdict::Missed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: f64 = 5.0;

    fn verdict(value: f64, bare: f64) -> Verdict {
        judge(value, BOUND, Some(Bare { value: bare, quiet: 0.1 }))
    }

    #[test]
    fn a_value_within_the_bound_is_met_whatever_the_loop_does() {
        assert_eq!([verdict(5.0, 0.1), verdict(5.0, 90.0)], [Verdict::Met; 2]);
        assert_eq!(judge(5.0, BOUND, None), Verdict::Met);
    }

    #[test]
    fn a_punctual_loop_leaves_the_bound_as_it_is() {
        assert_eq!([verdict(5.1, 0.1), verdict(5.1, 4.9), verdict(5.1, 5.0)], [Verdict::Missed; 3]);
        assert_eq!(judge(5.1, BOUND, None), Verdict::Missed);
    }

    #[test]
    fn a_late_loop_excuses_what_it_was_late_itself_and_no_more() {
        assert_eq!([verdict(12.9, 8.1), verdict(13.1, 8.1)], [Verdict::MetAgainstBareLoop, Verdict::Missed]);
    }

    #[test]
    fn what_is_no_number_excuses_nothing_and_keeps_no_bound() {
        assert_eq!([verdict(f64::NAN, 8.0), verdict(6.0, f64::NAN)], [Verdict::Missed; 2]);
    }
}
