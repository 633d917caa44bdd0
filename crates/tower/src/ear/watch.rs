//! Which alarms are raised: what is noticed goes in, what changes goes into the journal.

use super::kind::{Kind, Severity};
use crate::broadcast::OutputId;
use radio_base::journal::Journal;
use radio_base::journal::event::Event;
use radio_config::{AlarmLimits, Config};
use radio_signal::alarm::{Alarm, Change};
use radio_signal::units::Serial;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A FAILED encoder is an alarm when nobody has stood in for it for so long.
const STAND_IN_MS: u64 = 1000;

/// An alarm that is raised.
#[derive(Clone, Debug, Serialize)]
pub struct RaisedAlarm {
    /// What is wrong.
    pub alarm: Kind,
    /// The output that it is about; none if it is about the whole tower.
    pub mount: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Since when it has been wrong, in seconds since 1970.
    pub since: f64,
    /// The tick at which it was raised.
    pub tick: Serial,
    /// What is wrong and what to do, for operators.
    pub text: String,
    /// The same for everybody: what is wrong, without the words of a process or the path of a disk.
    #[serde(skip)]
    pub public_text: String,
}

/// What an alarm says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlarmText {
    /// What is wrong, for everybody.
    public: String,
    /// Further sentences for operators alone: words of a process, paths. Empty if there are none.
    private: String,
}

impl AlarmText {
    /// All of it is for everybody.
    pub(crate) fn public(text: impl Into<String>) -> Self {
        Self { public: text.into(), private: String::new() }
    }

    /// Behind a first sentence for everybody, the rest is for operators.
    pub(crate) fn private(public: impl Into<String>, private: impl Into<String>) -> Self {
        Self { public: public.into(), private: private.into() }
    }

    /// For operators.
    pub(crate) fn whole(&self) -> String {
        if self.private.is_empty() { self.public.clone() } else { format!("{}. {}", self.public, self.private) }
    }

    /// For everybody.
    pub(crate) fn shortened(&self) -> String {
        if self.private.is_empty() { self.public.clone() } else { format!("{}; `tower status` says more", self.public) }
    }
}

/// How often an alarm has been raised.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Which.
    pub alarm: Kind,
    /// Of which output; empty if of the whole tower.
    pub mount: String,
    /// Whether it is now.
    pub is_raised: bool,
    /// Times it was raised.
    pub times: u64,
}

/// Alarms of a tower: those that the ear watches, or that of the machine.
#[derive(Debug)]
pub(crate) struct Watch {
    entries: Vec<Entry>,
    is_of_machine: bool,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    output: Option<OutputId>,
    mount: String,
    alarm: Alarm,
    raised: Option<RaisedAlarm>,
    times: u64,
}

/// Where and when something is observed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// On the clock of the wall or of the stream; for one alarm always the same.
    pub now_ms: u64,
    /// The pump's newest tick.
    pub tick: Serial,
}

impl Watch {
    /// No alarm yet; see [`Watch::set`].
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), is_of_machine: false }
    }

    /// The same for the alarm of the machine, which the ear cannot watch: it has no time when that
    /// is raised.
    pub(crate) const fn of_machine() -> Self {
        Self { entries: Vec::new(), is_of_machine: true }
    }

    /// From now on the alarms are those of this configuration, less those that are switched off. What is raised stays so
    /// where there still is such an alarm, and else is over.
    pub(crate) fn set(&mut self, config: &Config, outputs: &[(OutputId, &str)], tick: Serial, journal: &Journal) {
        let mut before = std::mem::take(&mut self.entries);
        let is_watched = |kind: &Kind| (*kind == Kind::MachineBusy) == self.is_of_machine;
        for kind in Kind::ALL.into_iter().filter(is_watched) {
            let Some(raise_ms) = raise_ms(kind, config) else { continue };
            let mut enter = |output: Option<OutputId>, mount: &str| {
                let same = before.iter().position(|entry| entry.kind == kind && entry.output == output);
                let mut entry = same.map(|index| before.swap_remove(index)).unwrap_or_else(|| Entry {
                    kind,
                    output,
                    mount: String::new(),
                    alarm: Alarm::new(raise_ms, config.alarm.clear_ms),
                    raised: None,
                    times: 0,
                });
                entry.alarm.set_times(raise_ms, config.alarm.clear_ms);
                entry.mount = mount.to_owned();
                self.entries.push(entry);
            };
            if kind.is_of_output() {
                outputs.iter().for_each(|&(id, mount)| enter(Some(id), mount));
            } else {
                enter(None, "");
            }
        }
        for entry in before.iter().filter(|entry| entry.raised.is_some()) {
            journal.note(tick, Event::AlarmUnwatched { alarm: entry.kind.name(), mount: entry.mount() });
        }
    }

    /// Whether this alarm is raised.
    pub(crate) fn is_raised(&self, kind: Kind, output: Option<OutputId>) -> bool {
        self.entries.iter().any(|entry| entry.kind == kind && entry.output == output && entry.raised.is_some())
    }

    /// When an alarm of this output's sound may be raised or over, on the clock of the stream; none
    /// while all is well.
    pub(crate) fn sound_due_ms(&self, output: OutputId) -> Option<u64> {
        let of_sound = |entry: &&Entry| {
            entry.output == Some(output) && matches!(entry.kind, Kind::Silence | Kind::Differs | Kind::DamagedFrames)
        };
        self.entries.iter().filter(of_sound).filter_map(|entry| entry.alarm.due_ms()).min()
    }

    /// It is wrong, or right; `text` says what, and what to do.
    pub(crate) fn observe(
        &mut self,
        (kind, output): (Kind, Option<OutputId>),
        moment: Moment,
        is_wrong: bool,
        journal: &Journal,
        text: impl FnOnce() -> AlarmText,
    ) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.kind == kind && entry.output == output) else {
            return;
        };
        match entry.alarm.observe(moment.now_ms, is_wrong) {
            Some(Change::Raised { since_ms }) => {
                let (prefix, said) = (entry.prefix(), text());
                let (text, public_text) = (prefix.clone() + &said.whole(), prefix + &said.shortened());
                let (alarm, mount, advice) = (kind.name(), entry.mount(), said.whole());
                journal.note(moment.tick, Event::AlarmRaised { alarm, mount, advice });
                let ago = Duration::from_millis(moment.now_ms.saturating_sub(since_ms));
                let since =
                    (SystemTime::now() - ago).duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
                entry.raised = Some(RaisedAlarm {
                    alarm: kind,
                    mount: entry.mount(),
                    severity: kind.severity(),
                    since,
                    tick: moment.tick,
                    text,
                    public_text,
                });
                entry.times += 1;
            }
            Some(Change::Over { lasted_ms }) => {
                entry.raised = None;
                let (alarm, mount) = (kind.name(), entry.mount());
                journal.note(moment.tick, Event::AlarmOver { alarm, mount, lasted_ms: Some(lasted_ms) });
            }
            None => {}
        }
    }

    /// The alarms that are raised.
    pub(crate) fn raised(&self) -> Vec<RaisedAlarm> {
        self.entries.iter().filter_map(|entry| entry.raised.clone()).collect()
    }

    /// All alarms.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        let tally = |entry: &Entry| Tally {
            alarm: entry.kind,
            mount: entry.mount.clone(),
            is_raised: entry.raised.is_some(),
            times: entry.times,
        };
        self.entries.iter().map(tally).collect()
    }
}

impl Entry {
    /// The output that it is about.
    fn mount(&self) -> Option<String> {
        self.output.is_some().then(|| self.mount.clone())
    }

    fn prefix(&self) -> String {
        if self.mount.is_empty() { String::new() } else { format!("{}: ", self.mount) }
    }
}

/// How long each may be wrong; none: it is switched off.
fn raise_ms(kind: Kind, config: &Config) -> Option<u64> {
    let AlarmLimits { silence_ms, differs_ms, late_ms, no_programme_ms, damaged_frames, disk_free_mib, .. } =
        config.alarm;
    let (raise_ms, is_on) = match kind {
        Kind::Silence => (silence_ms, silence_ms > 0),
        Kind::Differs => (differs_ms, differs_ms > 0),
        Kind::FramesLate => (late_ms, late_ms > 0),
        Kind::NoProgramme => (no_programme_ms, no_programme_ms > 0),
        Kind::DamagedFrames => (0, damaged_frames > 0),
        Kind::UplinkFull => (config.alarm.uplink_full_ms, config.alarm.uplink_full_ms > 0),
        Kind::UplinkLimit | Kind::MediaMissing => (0, true),
        Kind::MachineBusy => (config.alarm.busy_ms, config.alarm.busy_ms > 0),
        Kind::DiskFull => (0, disk_free_mib > 0),
        // Whoever stands in has so long to be there.
        Kind::EncoderFailed => (STAND_IN_MS, true),
        Kind::EncoderStandIn | Kind::ClockStopped | Kind::DecoderSandbox | Kind::DecoderKilled => (0, true),
        // Nobody can tell of himself that he is gone: others look at when he listened last.
        Kind::Deaf => (0, false),
    };
    // Without encoders silence is what is wanted.
    let wants_encoder = matches!(kind, Kind::Silence | Kind::Differs | Kind::EncoderFailed | Kind::EncoderStandIn);
    (is_on && (config.encoder.enabled || !wants_encoder)).then_some(raise_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: OutputId = OutputId(0);

    fn watch(change: impl FnOnce(&mut Config)) -> Watch {
        let mut config = Config { output: vec![Default::default()], ..Config::default() };
        change(&mut config);
        let mut watch = Watch::new();
        watch.set(&config, &[(STREAM, "/stream")], 0, &Journal::default());
        watch
    }

    #[test]
    fn an_alarm_is_told_when_it_is_raised_and_when_it_is_over() {
        let mut watch = watch(|config| (config.alarm.silence_ms, config.alarm.clear_ms) = (2000, 1000));
        let journal = Journal::default();
        for now_ms in (0..=6000).step_by(500) {
            let moment = Moment { now_ms, tick: now_ms / 24 };
            let text = || AlarmText::private("nothing is heard", "ffmpeg says: /etc/x");
            watch.observe((Kind::Silence, Some(STREAM)), moment, now_ms <= 3000, &journal, text);
            let public = watch.raised().first().map(|alarm| alarm.public_text.clone());
            assert!(public.is_none_or(|text| text == "/stream: nothing is heard; `tower status` says more"));
            assert_eq!(watch.is_raised(Kind::Silence, Some(STREAM)), (2000..4000).contains(&now_ms), "{now_ms}");
        }
        let told: Vec<_> = journal.newest(9).into_iter().map(|event| event.data).collect();
        let (alarm, mount) = ("silence", Some("/stream".to_owned()));
        let advice = "nothing is heard. ffmpeg says: /etc/x".to_owned();
        let wanted = [
            Event::AlarmRaised { alarm, mount: mount.clone(), advice },
            Event::AlarmOver { alarm, mount, lasted_ms: Some(3000) },
        ];
        assert_eq!(told, wanted);
        assert_eq!(watch.tallies()[0].times, 1);
        assert!(watch.raised().is_empty());
    }

    #[test]
    fn zero_switches_an_alarm_off_and_without_encoders_silence_is_none() {
        let off = watch(|config| config.alarm.silence_ms = 0);
        assert!(off.tallies().iter().all(|tally| tally.alarm != Kind::Silence));
        assert_eq!(off.tallies().len(), Kind::ALL.len() - 3, "deafness and the machine are seen by others");
        let silent = watch(|config| config.encoder.enabled = false);
        assert!(silent.tallies().iter().all(|tally| tally.alarm != Kind::Silence && tally.alarm != Kind::Differs));
    }
}
