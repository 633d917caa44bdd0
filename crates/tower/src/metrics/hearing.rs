//! What the tower hears of itself: loudness, likeness, alarms.

use super::text::{Exposition, Kind};
use crate::ear::{Findings, Heard, Histogram, Loudness};
use crate::state::Tower;

type Sound = (Loudness, Heard);

pub(super) fn tell(tower: &Tower, all: &mut Exposition) {
    let findings = tower.ear.findings();
    alarms(&findings, all);
    loudness(tower, &findings, all);
    let setup = tower.setup();
    let rows: Vec<(&str, Sound)> = setup
        .outputs
        .iter()
        .filter_map(|output| Some((output.config.mount.as_str(), findings.of(output.id)?)))
        .collect();
    let mut gauge = |name, help, value: fn(&Sound) -> Option<f64>| {
        let mut family = all.family(Kind::Gauge, name, help);
        for (mount, sound) in &rows {
            value(sound).into_iter().for_each(|value| family.sample(&[("mount", *mount)], value));
        }
    };
    gauge("tower_output_true_peak_dbtp", "The highest true peak that was sent in the last ten seconds.", |sound| {
        Some(sound.0.true_peak_dbtp)
    });
    gauge("tower_output_silent_seconds", "For how long silence has been sent.", |sound| {
        Some(sound.0.silent_ms as f64 / 1000.0)
    });
    gauge("tower_output_louder_db", "How much louder than the programme what is sent is.", |sound| {
        Some(f64::from(sound.1.louder_db))
    });
    gauge("tower_output_likeness", "1 when what is sent is the programme, 0 when it is another sound.", |sound| {
        sound.1.likeness.map(f64::from)
    });
    let mut counter = |name, help, value: fn(&Sound) -> u64| {
        let mut family = all.family(Kind::Counter, name, help);
        rows.iter().for_each(|(mount, sound)| family.sample(&[("mount", *mount)], value(sound)));
    };
    counter(
        "tower_output_damaged_frames_total",
        "Frames sent that cannot be decoded, or sound of something else.",
        |sound| sound.1.damaged_frames,
    );
    counter("tower_output_unheard_frames_total", "Frames sent that the tower had no time to listen to.", |sound| {
        sound.1.unheard_frames
    });
    let help = "How long what arrives at the source on air takes until it is sent, estimated five times a second: what waits in \
        its buffer, the playout delay, and half a send period.";
    let mut family = all.family(Kind::Histogram, "tower_arrival_to_send_seconds", help);
    for output in &setup.outputs {
        let delays = findings.delays.iter().find(|(id, _)| *id == output.id).map(|(_, delays)| delays.clone());
        let delays = delays.unwrap_or_else(Histogram::of_arrivals);
        let labels = [("mount", output.config.mount.as_str())];
        family.histogram(&labels, delays.at_most(), delays.count, delays.sum_s);
    }
    let age_s = findings.listened.map_or(0.0, |listened| listened.at.elapsed().as_secs_f64());
    all.gauge("tower_ear_age_seconds", "Time since the tower last listened to itself.", age_s);
    let help =
        "Part of the last seconds in which the encoder that waited most waited for a processor: 0 never, 1 always.";
    all.gauge("tower_encoder_processor_wait_ratio", help, findings.machine.encoder_waits());
    let help = "1 while the machine is too busy, so that the tower leaves out work that listeners do not hear.";
    all.gauge("tower_shedding", help, u8::from(findings.machine.is_shedding));
    all.family(Kind::Counter, "tower_ear_cpu_seconds_total", "Time of a processor that listening to itself has taken.")
        .sample(&[], findings.cpu_s);
}

fn alarms(findings: &Findings, all: &mut Exposition) {
    let mut family = all.family(Kind::Gauge, "tower_alarm", "1 while an alarm is raised.");
    for tally in &findings.tallies {
        let (alarm, severity) = (tally.alarm.name(), tally.alarm.severity().name());
        let labels = [("alarm", alarm), ("mount", tally.mount.as_str()), ("severity", severity)];
        family.sample(&labels, u8::from(tally.is_raised));
    }
    let mut family = all.family(Kind::Counter, "tower_alarms_total", "Times an alarm was raised.");
    for tally in &findings.tallies {
        family.sample(&[("alarm", tally.alarm.name()), ("mount", &tally.mount)], tally.times);
    }
}

fn loudness(tower: &Tower, findings: &Findings, all: &mut Exposition) {
    let windows = |loudness: &Loudness| {
        [
            ("momentary", loudness.momentary_lufs),
            ("short_term", loudness.short_term_lufs),
            ("integrated", loudness.integrated_lufs),
        ]
    };
    let help = "Loudness of the programme, before any encoder, after EBU R 128.";
    let mut family = all.family(Kind::Gauge, "tower_programme_loudness_lufs", help);
    for (window, lufs) in windows(&findings.programme) {
        family.sample(&[("window", window)], lufs);
    }
    let help = "Loudness of what is sent, after EBU R 128; integrated over ten minutes.";
    let mut family = all.family(Kind::Gauge, "tower_output_loudness_lufs", help);
    for output in &tower.setup().outputs {
        let sound = findings.of(output.id);
        for (window, lufs) in sound.iter().flat_map(|(loudness, _)| windows(loudness)) {
            family.sample(&[("mount", &output.config.mount), ("window", window)], lufs);
        }
    }
}
