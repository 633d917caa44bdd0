//! The ear itself: what it found last must not be taken for how it is now.

use super::kind::{Kind, Severity};
use super::watch::RaisedAlarm;
use radio_base::journal::Journal;
use radio_base::journal::event::Event;
use radio_base::text::seconds;
use radio_signal::units::Serial;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// It listens five times a second, but gives way to all else: on a machine that builds something it waited for 5 s.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is older than this says nothing.
const AGE_MAX: Duration = Duration::from_secs(30);

/// When the ear last listened.
#[derive(Clone, Copy, Debug)]
pub struct Listened {
    /// When.
    pub at: Instant,
    /// At which tick.
    pub tick: Serial,
    /// It ended then, unasked.
    pub was_last: bool,
}

impl Listened {
    /// Whether findings of then are too old at `now`, as an alarm of their own. On a machine that is
    /// too busy the ear is the first to get no processor: that is no failure, and no restart helps.
    pub fn alarm(self, now: Instant, is_busy: bool) -> Option<RaisedAlarm> {
        let age = now.saturating_duration_since(self.at);
        let ago = seconds(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let (severity, text) = if self.was_last || (age > AGE_MAX && !is_busy) {
            (
                Severity::Failing,
                format!(
                    "the tower does not hear itself any more: restart it. It last listened {ago} ago, and what it says of sound and \
                     alarms is of then; the stream goes on, so a listener can tell whether that hurries"
                ),
            )
        } else if age > PATIENCE {
            let text = format!(
                "the tower has not listened to itself for {ago}: this machine is too busy (top), and alarms may come late"
            );
            (Severity::Warning, text)
        } else {
            return None;
        };
        let since =
            SystemTime::now().checked_sub(age)?.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Some(RaisedAlarm {
            alarm: Kind::Deaf,
            mount: None,
            severity,
            since,
            tick: self.tick,
            public_text: text.clone(),
            text,
        })
    }
}

/// Tells when it fails and when it is back. A warning is not worth an event.
#[derive(Debug, Default)]
pub(super) struct Herald {
    has_told: bool,
}

impl Herald {
    pub(super) fn tell(&mut self, alarm: Option<&RaisedAlarm>, tick: Serial, journal: &Journal) {
        let failing = alarm.filter(|alarm| alarm.severity == Severity::Failing);
        let had_told = std::mem::replace(&mut self.has_told, failing.is_some());
        match failing {
            Some(alarm) if !had_told => {
                let (alarm, advice) = (alarm.alarm.name(), alarm.text.clone());
                journal.note(tick, Event::AlarmRaised { alarm, mount: None, advice });
            }
            None if had_told => {
                let alarm = Kind::Deaf.name();
                journal.note(tick, Event::AlarmOver { alarm, mount: None, lasted_ms: None });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_findings_are_a_warning_first_and_then_a_failure() {
        let listened = Listened { at: Instant::now(), tick: 7, was_last: false };
        let alarm = |after_ms, is_busy| listened.alarm(listened.at + Duration::from_millis(after_ms), is_busy);
        let severity = |after_ms| alarm(after_ms, false).map(|alarm| alarm.severity);
        for (after_ms, wanted) in [
            (0, None),
            (10_000, None),
            (10_001, Some(Severity::Warning)),
            (30_000, Some(Severity::Warning)),
            (30_001, Some(Severity::Failing)),
            (86_400_000, Some(Severity::Failing)),
        ] {
            assert_eq!(severity(after_ms), wanted, "after {after_ms} ms");
        }
        // On a machine that is too busy it stays one, and advises no restart.
        let busy = alarm(86_400_000, true).expect("it is old");
        assert!(busy.severity == Severity::Warning && !busy.text.contains("restart"), "{}", busy.text);
    }

    #[test]
    fn an_ear_that_ended_fails_at_once_and_says_what_to_do() {
        let listened = Listened { at: Instant::now(), tick: 7, was_last: true };
        let alarm = listened.alarm(listened.at + Duration::from_millis(200), true).expect("it is gone");
        assert_eq!((alarm.severity, alarm.tick), (Severity::Failing, 7));
        assert!(alarm.text.starts_with("the tower does not hear itself any more: restart it"), "{}", alarm.text);
    }

    #[test]
    fn a_failure_and_its_end_are_told_once() {
        let (mut herald, journal) = (Herald::default(), Journal::default());
        let listened = Listened { at: Instant::now(), tick: 7, was_last: false };
        for after_s in (0..40).chain(0..5) {
            let alarm = listened.alarm(listened.at + Duration::from_secs(after_s), false);
            herald.tell(alarm.as_ref(), after_s, &journal);
        }
        let told: Vec<_> = journal.newest(9).into_iter().map(|event| (event.tick, event.kind.name())).collect();
        assert_eq!(told, [(31, "alarm"), (0, "alarm_over")]);
    }
}
