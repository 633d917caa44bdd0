//! Jobs side by side, with a line for each that has ended.

use super::job::{Job, JobResult, Share, Verdict};
use super::plan::Phase;
use super::room::Room;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};

/// Runs the jobs of `phase`, as many at a time as it has slots and the machine has room, in their order. Those that may run
/// beside them take what they leave of the processors, and a fair share once all of them have begun. Outputs go to a file
/// each in `folder`.
pub(super) fn run(phase: Phase, folder: &Path) -> Vec<JobResult> {
    let (count, slots, room) = (phase.count(), phase.slots.min(phase.others()), Room::new(phase.always));
    let beside = Mutex::new(VecDeque::from(phase.beside));
    let waiting = Mutex::new((VecDeque::from(phase.heavy), VecDeque::from(phase.jobs)));
    // The first worker alone takes heavy ones.
    let next = |is_first: bool| {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let heavy = if is_first { waiting.0.pop_front() } else { None };
        heavy.or_else(|| waiting.1.pop_front())
    };
    let share = || {
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0.is_empty() && waiting.1.is_empty() { Share::Fair } else { Share::Rest }
    };
    let output = |job: &Job| folder.join("output").join(job.file_name()).with_extension("log");
    let (sender, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..phase.slots_beside {
            let (sender, beside, share) = (sender.clone(), &beside, &share);
            scope.spawn(move || {
                loop {
                    let Some(job) = beside.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { return };
                    let output = output(&job);
                    if sender.send(job.run(&output, share())).is_err() {
                        return;
                    }
                }
            });
        }
        for worker in 0..slots {
            let (sender, next, room) = (sender.clone(), &next, &room);
            scope.spawn(move || {
                loop {
                    let place = room.enter();
                    let Some(job) = next(worker == 0) else { return };
                    let output = output(&job);
                    if sender.send(job.run(&output, Share::Fair)).is_err() {
                        return;
                    }
                    drop(place);
                }
            });
        }
        drop(sender);
        let mut results = Vec::with_capacity(count);
        for result in ended {
            results.push(result);
            println!("{}", line(results.last().expect("one was pushed"), results.len(), count));
        }
        results
    })
}

/// `  12/345  ok       3.2 s  core listeners::one`.
fn line(result: &JobResult, number: usize, count: usize) -> String {
    let seconds = result.took.as_secs_f64();
    let word = match &result.verdict {
        Verdict::Passed => "ok",
        Verdict::Failed(_) => "FAILED",
        Verdict::Crashed(_) => "CRASHED",
        Verdict::Hung => "HUNG",
    };
    let more = match &result.verdict {
        Verdict::Passed if result.tally.passed != 1 => format!(": {} tests", result.tally.passed),
        Verdict::Failed(tests) if tests.len() > 1 || !result.job.name().contains(' ') => {
            format!(": {}", tests.join(", "))
        }
        Verdict::Crashed(how) => format!(": {how}"),
        Verdict::Hung => format!(": ended after {} s", result.job.limit.as_secs()),
        Verdict::Passed | Verdict::Failed(_) => String::new(),
    };
    format!("{number:>5}/{count}  {word:<7} {seconds:>6.1} s  {}{more}", result.job.name())
}
