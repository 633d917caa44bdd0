//! What listeners lack while the machine is too busy (SPEC ENC-13).
//!
//! Busy loops run beside a tower that plays its own tone to a listener of each output. Every encoder
//! is killed once meanwhile, or the tower is started under the load. Then the load ends. What each
//! listener lacks is decoded from what it received; the share that each process gets follows from
//! the number that want to run, and what each encoder needs is measured before the load.
//!
//! Icecast fed by FFmpeg and Liquidsoap play to a listener each in some of the same runs. Nothing of
//! theirs is killed.
//!
//! `RADIO_OVERLOAD_S=300` for more than the usual 60 s of load in each run.

mod others;
mod run;
mod squeeze;

use super::{Figure, Lab};
use radio_proof::overload::{Place, share};
use run::{Heard, Outcome, Outputs, Run, Way};
use std::time::Duration;

/// Load of one run.
const SPAN: Duration = Duration::from_secs(60);

/// Busy loops.
const LOOPS: [usize; 3] = [12, 30, 60];

/// Processor time that a start takes until frames come: FFmpeg to its tenth frame, the built-in
/// encoder with its replay (docs/measured.md).
const FFMPEG_START_S: f64 = 0.135;
const BUILTIN_START_S: f64 = 0.06;

/// What a listener may lack beyond a start, and how soon all is well after the load.
const START_MARGIN_S: f64 = 1.0;
const WELL_S_MAX: f64 = 2.0;

/// A process of niceness -5 counts as so many of niceness 0.
const PRIORITY_WEIGHT: usize = 3;

/// A share is enough if it exceeds the need by this factor: the scheduler shares in slices.
const ENOUGH: f64 = 1.1;

/// All runs, one after the other.
pub(super) fn run(lab: &Lab) -> Vec<Figure> {
    let seconds = std::env::var("RADIO_OVERLOAD_S").ok().and_then(|text| text.parse().ok());
    let span = lab.options.span(seconds.map_or(SPAN, Duration::from_secs));
    let mut figures = Vec::new();
    for run in runs() {
        eprintln!("  {}", run.name());
        match run.measure(&lab.tower, span) {
            Ok(outcome) => figures.extend(figures_of(&run, &outcome, span)),
            Err(error) => eprintln!("    left out: {error:#}"),
        }
    }
    figures.extend(squeeze::run(lab, span));
    figures
}

fn runs() -> Vec<Run> {
    let mut runs = Vec::new();
    for outputs in [Outputs::Mp3, Outputs::All] {
        for loops in LOOPS {
            let run = Run { outputs, loops, place: Place::Beside, way: Way::Killed, privileged: false, others: false };
            runs.push(Run { others: outputs == Outputs::Mp3, ..run });
            runs.push(Run { place: Place::Apart, ..run });
            runs.push(Run { way: Way::Started, ..run });
        }
        let most = LOOPS[LOOPS.len() - 1];
        let way = Way::Killed;
        runs.push(Run { outputs, loops: most, place: Place::Beside, way, privileged: true, others: false });
    }
    runs
}

fn figures_of(run: &Run, outcome: &Outcome, span: Duration) -> Vec<Figure> {
    let name = run.name();
    let share = outcome.share(run);
    let mut figures = Vec::new();
    for heard in &outcome.heard {
        let Heard { mount, lack, needs, .. } = heard;
        let needed = needs.map_or_else(String::new, |needs| format!(", needs {:.1} %", needs * 100.0));
        let note = format!(
            "longest silence {:.2} s, longest wait for bytes {:.2} s; share {:.1} %{needed}{}",
            lack.longest.as_secs_f64(),
            lack.gap.as_secs_f64(),
            share * 100.0,
            heard.said()
        );
        let figure = Figure::new(format!("{name}: {mount} lacks"), lack.seconds(), "s");
        figures.push(match bound(run, heard, share, span) {
            Some(bound) => figure.bound(bound).note(note),
            None => figure.note(note),
        });
    }
    let towers: Vec<&Heard> = outcome.heard.iter().filter(|heard| heard.encoder.is_some()).collect();
    let count = |name: &str| towers.iter().map(|heard| heard.counted(name)).sum::<u64>() as f64;
    let failed = towers.iter().filter(|heard| heard.has_failed()).count() as f64;
    let well = outcome.well.map_or(f64::NAN, |well| well.as_secs_f64());
    figures.extend([
        Figure::new(format!("{name}: all is well after the load"), well, "s").bound(WELL_S_MAX).note(&outcome.alarms),
        Figure::new(format!("{name}: encoders given up or FAILED"), count("given_up") + failed, "")
            .bound(0.0)
            .note(format!("{} deaths, {} late for want of the processor", count("deaths"), count("shortages"))),
    ]);
    figures
}

/// What this listener may lack, if anything is promised.
fn bound(run: &Run, heard: &Heard, share: f64, span: Duration) -> Option<f64> {
    let needs = heard.needs?;
    if share <= ENOUGH * needs {
        // It makes what it can, and listeners lack the rest.
        return Some(span.as_secs_f64());
    }
    let is_builtin = heard.kind() == "builtin";
    let start_s = if is_builtin { BUILTIN_START_S } else { FFMPEG_START_S };
    let is_unheard = run.way == Way::Killed && (is_builtin || run.privileged);
    Some(if is_unheard { 0.0 } else { start_s / share + START_MARGIN_S })
}

/// The share of one process beside the loops, the encoders and the tower.
fn share_beside(run: &Run, encoders: usize, has_own_group: bool) -> f64 {
    let loops = if has_own_group { 1 } else { run.loops };
    share(encoders + 1 + if run.privileged { loops / PRIORITY_WEIGHT } else { loops })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_run_and_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<String> = runs().iter().map(Run::name).collect();
        assert_eq!(names.len(), 2 * (3 * 3 + 1));
        assert_eq!(runs().iter().filter(|run| run.others).count(), LOOPS.len());
    }

    #[test]
    fn where_the_share_is_enough_the_builtin_encoder_may_lack_nothing_and_others_a_start() {
        let run = Run {
            outputs: Outputs::All,
            loops: 30,
            place: Place::Beside,
            way: Way::Killed,
            privileged: false,
            others: false,
        };
        let heard = |kind: &str, needs| Heard::of_encoder(kind, needs);
        let span = Duration::from_secs(60);
        assert_eq!(bound(&run, &heard("builtin", 0.01), 0.06, span), Some(0.0));
        let starts = bound(&run, &heard("ffmpeg", 0.03), 0.06, span).expect("a bound");
        assert!((starts - 3.25).abs() < 0.01, "{starts}");
        assert_eq!(bound(&run, &heard("ffmpeg", 0.09), 0.06, span), Some(60.0));
    }
}
