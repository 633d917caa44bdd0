//! The machine: whether it is too busy for the encoders, and what the tower leaves out while it is
//! (SPEC ENC-13).

use super::Surroundings;
use super::kind::Kind;
use super::watch::{AlarmText, Moment, RaisedAlarm, Tally, Watch};
use crate::setup::OutputState;
use radio_base::child_process::processor::processor_time;
use radio_base::text::seconds;
use radio_signal::pressure::{Look, Measure, PressureWatch, Usage};
use radio_signal::units::{Serial, TICK_MS};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often processes are looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// A tick is late when it is later than this, in s: a bound of the pump's histogram.
const LATE_S: f64 = 0.016384;

/// In which a frame has to be made, in us.
const FRAME_US: f64 = (TICK_MS * 1000) as f64;

/// While something is left out, each output is listened to in turn for so long.
const TURN_MS: u64 = 10_000;

/// So many turns are shared by one output: it is listened to half of the time.
const TURNS_MIN: u64 = 2;

/// What is left out, for people.
const LEFT_OUT: [&str; 3] = [
    "the off-air monitor listens to one output at a time, and to a single one half of the time",
    "the timeline keeps every tenth second",
    "the dashboard asks every fifth second",
];

/// What is known of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    measure: Measure,
    /// The cost of a frame of the encoder that waits most, as a part of a core.
    needs: Option<f64>,
    /// When pressure began, in seconds of the wall clock.
    since: Option<f64>,
    /// Whether the alarm is raised, so that the tower leaves something out.
    pub is_shedding: bool,
}

impl Machine {
    /// The part of the last seconds in which the encoder that waited most waited for a processor.
    #[must_use]
    pub const fn encoder_waits(&self) -> f64 {
        self.measure.waits
    }

    /// As `/status` shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let percent = |part: f64| (part * 1000.0).round() / 10.0;
        json!({
            "busy_since": self.since,
            "encoder_waits_percent": percent(self.measure.waits),
            "encoder_gets_percent": percent(self.measure.gets),
            "encoder_needs_percent": self.needs.map(percent),
            "group_waits_percent": self.measure.group_waits.map(percent),
            "late_ticks_percent": percent(self.measure.late_ticks),
            "left_out": if self.is_shedding { &LEFT_OUT[..] } else { &[] },
        })
    }
}

/// Looks at the machine now and then. Not on the ear's thread, which gives way to all others and may
/// not run for half a minute when this is needed.
#[derive(Debug)]
pub(super) struct MachineWatch {
    pressure: PressureWatch,
    watch: Watch,
    seen: Option<Instant>,
    pub(super) machine: Machine,
}

impl Default for MachineWatch {
    fn default() -> Self {
        let (pressure, machine) = (PressureWatch::default(), Machine::default());
        Self { pressure, watch: Watch::of_machine(), seen: None, machine }
    }
}

impl MachineWatch {
    /// Looks once a second, and raises the alarm.
    pub(super) fn look(&mut self, around: &Surroundings<'_>, tick: Serial) {
        if self.seen.is_some_and(|seen| seen.elapsed() < PERIOD) {
            return;
        }
        self.seen = Some(Instant::now());
        let Surroundings { setup, figures, journal, started } = *around;
        self.watch.set(&setup.config, &[], tick, journal);
        let now = Moment { now_ms: started.elapsed().as_millis() as u64, tick };
        let status = |output: &Arc<OutputState>| {
            let manager = output.manager.lock().unwrap_or_else(PoisonError::into_inner);
            (output.config.mount.clone(), manager.status())
        };
        let encoders: Vec<_> = setup.outputs.iter().map(status).collect();
        let pids = encoders.iter().flat_map(|(_, encoder)| encoder.processes.iter().map(|process| process.pid));
        let usage = |process| Some(Usage { process, time: processor_time(process)? });
        let lateness = figures.lateness();
        let in_time = lateness.at_most.iter().find(|(bound_s, _)| *bound_s >= LATE_S).map_or(0, |(_, count)| *count);
        let measure = self.pressure.observe(Look {
            now_ms: now.now_ms,
            processes: pids.filter_map(usage).collect(),
            shortages: encoders.iter().map(|(_, encoder)| encoder.shortages).sum(),
            ticks: lateness.count,
            late_ticks: lateness.count.saturating_sub(in_time),
            group_waited_ms: group_waited_ms(),
        });
        let is_of = |process| Some(process) == measure.process;
        let waiting = encoders.iter().find(|(_, encoder)| encoder.processes.iter().any(|one| is_of(one.pid)));
        let needs = waiting.and_then(|(_, encoder)| encoder.frame_cost_us).map(|us| us as f64 / FRAME_US);
        let busy_ms = self.pressure.since_ms().map(|since_ms| now.now_ms.saturating_sub(since_ms));
        self.watch.observe((Kind::MachineBusy, None), now, busy_ms.is_some(), journal, || {
            text(busy_ms.unwrap_or(0), &measure, waiting.map(|(mount, _)| mount.as_str()), needs)
        });
        let began = |ms| SystemTime::now().duration_since(UNIX_EPOCH).map(|now| now.as_secs_f64() - ms as f64 / 1000.0);
        self.machine = Machine {
            measure,
            needs,
            since: busy_ms.and_then(|ms| began(ms).ok()),
            is_shedding: self.watch.is_raised(Kind::MachineBusy, None),
        };
    }

    /// The alarm, if it is raised.
    pub(super) fn raised(&self) -> Vec<RaisedAlarm> {
        self.watch.raised()
    }

    /// The alarm, and how often it has been raised.
    pub(super) fn tallies(&self) -> Vec<Tally> {
        self.watch.tallies()
    }
}

/// Whether output `index` of `outputs` is listened to at `now_ms`: while the tower leaves something
/// out, each has its turn.
pub(crate) fn has_turn(is_shedding: bool, index: usize, outputs: usize, now_ms: u64) -> bool {
    let turns = (outputs as u64).max(TURNS_MIN);
    !is_shedding || now_ms / TURN_MS % turns == index as u64
}

/// What the alarm says.
fn text(busy_ms: u64, measure: &Measure, mount: Option<&str>, needs: Option<f64>) -> AlarmText {
    let percent = |part: f64| format!("{:.1} %", part * 100.0);
    let mut private = String::new();
    if let Some(mount) = mount {
        let needs = needs.map_or_else(String::new, |needs| format!(", of which it needs {}", percent(needs)));
        let (waits, gets) = (percent(measure.waits), percent(measure.gets));
        private += &format!(
            "The encoder of {mount} waited for a processor for {waits} of the last seconds and got {gets} of a core{needs}. "
        );
    }
    if let Some(waits) = measure.group_waits {
        private += &format!("Processes of the tower's control group waited for {} of that time. ", percent(waits));
    }
    if measure.late_ticks > 0.0 {
        private += &format!("Of the clock's ticks {} were late. ", percent(measure.late_ticks));
    }
    private += &format!(
        "Until this is over the tower leaves out work that listeners do not hear: {}. End other programs, or give the tower \
         more of the machine (`tower doctor` names each priority that it lacks)",
        LEFT_OUT.join("; ")
    );
    AlarmText::private(format!("this machine has been too busy for the tower for {}", seconds(busy_ms)), private)
}

/// For how long processes of the tower's control group have waited for a processor; none if that
/// cannot be read, or if the group is that of the whole machine.
pub(crate) fn group_waited_ms() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let pressure = fs::read_to_string(pressure_file(&groups)?).ok()?;
    waited_ms(&pressure)
}

/// Where the processor pressure of a process's control group is, by its `/proc/self/cgroup`.
fn pressure_file(groups: &str) -> Option<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/")).filter(|group| !group.is_empty())?;
    Some(PathBuf::from("/sys/fs/cgroup").join(group).join("cpu.pressure"))
}

/// The total of the line `some`, in microseconds there.
fn waited_ms(pressure: &str) -> Option<f64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let total = some.split(' ').find_map(|word| word.strip_prefix("total="))?;
    total.parse::<u64>().ok().map(|us| us as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_says_how_busy_the_machine_is_and_what_is_left_out() {
        let measure = Measure { process: Some(7), waits: 0.62, gets: 0.021, group_waits: Some(0.9), late_ticks: 0.125 };
        let text = text(12_000, &measure, Some("/aac"), Some(0.042));
        for part in ["12 s", "/aac", "62.0 %", "2.1 %", "4.2 %", "90.0 %", "12.5 %", "off-air monitor", "tower doctor"]
        {
            assert!(text.whole().contains(part), "{part} is missing in {text:?}");
        }
        let public = "this machine has been too busy for the tower for 12 s; `tower status` says more";
        assert_eq!(text.shortened(), public);
    }

    #[test]
    fn what_is_left_out_is_shown_while_it_is() {
        let busy = Machine { is_shedding: true, needs: Some(0.0123), ..Machine::default() }.to_json();
        assert!(
            busy["left_out"].as_array().is_some_and(|parts| parts.len() == 3) && busy["encoder_needs_percent"] == 1.2
        );
        assert_eq!(Machine::default().to_json()["left_out"], json!([]));
    }

    #[test]
    fn outputs_have_turns_only_while_something_is_left_out() {
        let heard = |is_shedding, outputs| {
            let count = |turn| (0..outputs).filter(|&i| has_turn(is_shedding, i, outputs, turn * TURN_MS)).count();
            (0..6).map(count).collect::<Vec<_>>()
        };
        assert_eq!(heard(false, 3), [3; 6]);
        assert_eq!((heard(true, 3), heard(true, 1)), (vec![1; 6], vec![1, 0, 1, 0, 1, 0]));
    }

    #[test]
    fn the_pressure_of_the_own_group_is_read_and_not_that_of_the_machine() {
        let unit = "1:name=systemd:/\n0::/system.slice/tower.service\n";
        let file = pressure_file(unit);
        assert_eq!(file, Some("/sys/fs/cgroup/system.slice/tower.service/cpu.pressure".into()));
        assert_eq!([pressure_file("0::/\n"), pressure_file("5:cpu:/x\n")], [None, None]);
        let text =
            "some avg10=1.00 avg60=0.00 avg300=0.00 total=2500\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!((waited_ms(text), waited_ms("")), (Some(2.5), None));
    }
}
