//! What is run when: pure tests first, then towers side by side with what knows no time beside them, then timing tests alone.

use super::job::{Job, Tests};
use super::programs::Program;
use super::times::Times;
use anyhow::Result;
use std::path::PathBuf;
use std::time::Duration;

/// Test programs of the tower that start live towers or other people's programs. Longest first.
pub(super) const LIVE: [&str; 5] = ["programs", "faults", "sources", "web", "core"];

/// A test in a module of this name measures milliseconds: no other test runs beside it.
const ALONE: &str = "alone";

/// Tests that know no time but virtual time or none at all, however long they have to wait for a processor: parts of names.
/// Longest first.
const TIMELESS: [&str; 6] = [
    "offline source_clocks",
    "radio-signal",
    "radio-fuzz-targets",
    "radio-lame",
    "radio-opus",
    "radio-encoder simulation::",
];

/// Live tests that use a good part of a processor: one of them at a time, beside the others.
const HEAVY: [&str; 4] =
    ["programs dj_desktop::", "faults off_air_monitor_codecs::", "core codecs::", "web validators::"];

/// Live tests at a time, for each processor: most of their time they wait.
const LIVE_PER_CORE: usize = 5;

/// A test of a live tower that takes longer hangs; at full length 10,000 files take three quarters of an hour.
const LIMIT: Duration = Duration::from_secs(600);
const LIMIT_FULL_LENGTH: Duration = Duration::from_secs(3600);
/// One that gets what others leave may take as long as all of them.
const LIMIT_BESIDE: Duration = Duration::from_secs(2400);

/// What is run of all there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Arguments of `cargo test` that say what is built.
    pub cargo: Vec<String>,
    /// Whether programs of [`LIVE`] are run, and whether the others are.
    pub live: bool,
    /// See `live`.
    pub pure: bool,
    /// Parts of names: a test is run if it contains one of them. None: all are.
    pub filters: Vec<String>,
    /// Parts of names of pure tests that are left out.
    pub left_out: Vec<String>,
    /// Variables of the tests' environment.
    pub environment: Vec<(String, String)>,
    /// Whether tests take minutes where they can.
    pub full_length: bool,
    /// Tests that cargo builds and runs by itself, none of which knows time.
    pub of_cargo: Vec<OfCargo>,
}

/// A command of cargo that builds and runs tests.
#[derive(Clone, Debug)]
pub(crate) struct OfCargo {
    /// What it is called.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables beside those of this process.
    pub environment: Vec<(String, String)>,
}

/// Jobs that may run side by side.
pub(super) struct Phase {
    /// What it is called.
    pub name: &'static str,
    /// In the order in which they begin.
    pub jobs: Vec<Job>,
    /// Those of which one runs at a time.
    pub heavy: Vec<Job>,
    /// Those that take what the others leave of the processors.
    pub beside: Vec<Job>,
    /// How many of these run at a time at most.
    pub slots_beside: usize,
    /// How many of the others run at a time at most, a heavy one among them.
    pub slots: usize,
    /// How many of them do however busy the machine is.
    pub always: usize,
}

impl Phase {
    /// All its jobs.
    pub(super) fn count(&self) -> usize {
        self.others() + self.beside.len()
    }

    /// Those that take a fair share of the processors.
    pub(super) fn others(&self) -> usize {
        self.jobs.len() + self.heavy.len()
    }
}

/// The phases, in order.
///
/// # Errors
///
/// There is no folder to run in.
pub(super) fn phases(programs: &[Program], selection: &Selection, times: &Times) -> Result<Vec<Phase>> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let is_live = |program: &&Program| LIVE.contains(&program.label.as_str());
    let limit = if selection.full_length { LIMIT_FULL_LENGTH } else { LIMIT };
    let job = |program: &Program, tests: Tests| Job {
        label: program.label.clone(),
        program: program.path.clone(),
        folder: program.folder.clone(),
        tests,
        limit,
        environment: selection.environment.clone(),
    };

    let (mut pure, mut timeless) = (Vec::new(), of_cargo(selection)?);
    for program in programs.iter().filter(|program| selection.pure && !is_live(program)) {
        let chosen: Vec<String> = program.tests.iter().filter(|test| selection.has(program, test)).cloned().collect();
        let has_no_time =
            |test: &String| TIMELESS.iter().any(|part| format!("{} {test}", program.label).starts_with(part));
        let (without, with): (Vec<String>, Vec<String>) = chosen.into_iter().partition(has_no_time);
        for (jobs, chosen) in [(&mut timeless, without), (&mut pure, with)] {
            if !chosen.is_empty() {
                let tests = if chosen.len() == program.tests.len() { Tests::All } else { Tests::These(chosen) };
                jobs.push(job(program, tests));
            }
        }
    }

    let (mut beside, mut heavy, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for program in programs.iter().filter(|program| selection.live && is_live(program)) {
        let run = program.tests.iter().filter(|test| !program.ignored.contains(test));
        for test in run.filter(|test| selection.has(program, test)) {
            let job = job(program, Tests::These(vec![test.clone()]));
            if test.split("::").any(|part| part == ALONE) {
                alone.push(job);
            } else if HEAVY.iter().any(|part| job.name().starts_with(part)) {
                heavy.push(job);
            } else {
                beside.push(job);
            }
        }
    }
    let place = |job: &Job| LIVE.iter().position(|label| *label == job.label);
    for jobs in [&mut beside, &mut heavy] {
        jobs.sort_by_key(|job| (times.milliseconds(job).map(std::cmp::Reverse), place(job)));
    }
    alone.sort_by_key(place);
    pure.sort_by_key(|job| times.milliseconds(job).map(std::cmp::Reverse));
    let place = |job: &Job| TIMELESS.iter().position(|part| job.name().starts_with(part));
    timeless.sort_by_key(|job| match &job.tests {
        // These are built first, which takes nearly as long as the longest of the others. One waits for the other.
        Tests::OfCargo(_) => Some(1),
        Tests::All | Tests::These(_) => place(job),
    });
    for job in &mut timeless {
        job.limit = job.limit.max(LIMIT_BESIDE);
    }
    let none = || Phase {
        name: "",
        jobs: Vec::new(),
        heavy: Vec::new(),
        beside: Vec::new(),
        slots_beside: 0,
        slots: 1,
        always: 1,
    };
    Ok(vec![
        // Each of them uses all processors by itself.
        Phase { name: "pure tests", jobs: pure, slots: 2, always: 2, ..none() },
        Phase {
            name: "live towers, and beside them what knows no time",
            jobs: beside,
            heavy,
            beside: timeless,
            slots_beside: cores,
            slots: slots(cores),
            always: 2 * cores,
        },
        Phase { name: "timing, alone", jobs: alone, ..none() },
    ])
}

/// Tests that cargo runs by itself, as jobs.
fn of_cargo(selection: &Selection) -> Result<Vec<Job>> {
    let folder = std::env::current_dir()?;
    let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let jobs = selection.of_cargo.iter().map(|tests| Job {
        label: tests.name.clone(),
        program: cargo.clone(),
        folder: folder.clone(),
        tests: Tests::OfCargo(tests.arguments.clone()),
        limit: LIMIT_BESIDE,
        environment: tests.environment.clone(),
    });
    Ok(jobs.collect())
}

/// `RADIO_TEST_SLOTS`, or as many as fit the machine.
fn slots(cores: usize) -> usize {
    let wanted = std::env::var("RADIO_TEST_SLOTS").ok().and_then(|text| text.parse().ok());
    wanted.filter(|slots| *slots > 0).unwrap_or(LIVE_PER_CORE * cores)
}

impl Selection {
    fn has(&self, program: &Program, test: &str) -> bool {
        let name = format!("{} {test}", program.label);
        let is_wanted = self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter));
        is_wanted && !self.left_out.iter().any(|part| name.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(label: &str, tests: &[&str], ignored: &[&str]) -> Program {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Program {
            label: label.into(),
            path: "p".into(),
            folder: ".".into(),
            tests: owned(tests),
            ignored: owned(ignored),
        }
    }

    fn names(phase: &Phase) -> Vec<String> {
        phase.jobs.iter().map(Job::name).collect()
    }

    fn all() -> Selection {
        Selection { live: true, pure: true, ..Selection::default() }
    }

    #[test]
    fn pure_programs_run_whole_live_tests_singly_and_timing_tests_alone() {
        let programs = [
            program("radio-fanout", &["a::b", "a::c"], &[]),
            program("core", &["x::one", "x::alone::two", "x::three", "codecs::four"], &["x::three"]),
        ];
        let phases = phases(&programs, &all(), &Times::default()).expect("a plan");
        assert_eq!(names(&phases[0]), ["radio-fanout"]);
        assert_eq!(names(&phases[1]), ["core x::one"]);
        assert_eq!(phases[1].heavy[0].name(), "core codecs::four");
        assert_eq!(names(&phases[2]), ["core x::alone::two"]);
        assert_eq!(phases[2].slots, 1);
    }

    #[test]
    fn what_knows_no_time_runs_beside_live_towers_and_the_rest_of_its_program_before() {
        let programs = [
            program("radio-signal", &["a::b", "c::d"], &[]),
            program("offline", &["folders::one", "source_clocks::two", "source_clocks::three"], &[]),
        ];
        let loom = OfCargo { name: "interleavings".into(), arguments: vec!["test".into()], environment: Vec::new() };
        let selection = Selection { of_cargo: vec![loom], ..all() };
        let phases = phases(&programs, &selection, &Times::default()).expect("a plan");
        assert_eq!(names(&phases[0]), ["offline folders::one"]);
        let beside: Vec<String> = phases[1].beside.iter().map(Job::name).collect();
        assert_eq!(beside, ["offline source_clocks", "interleavings", "radio-signal"]);
        assert_eq!((phases[1].others(), phases[1].count()), (0, 3));
    }

    #[test]
    fn a_filter_is_part_of_a_name_with_its_program() {
        let programs = [program("radio-fanout", &["a::b", "a::c"], &[]), program("core", &["x::one"], &[])];
        let some = Selection { filters: vec!["core x".into(), "::c".into()], ..all() };
        let phases = phases(&programs, &some, &Times::default()).expect("a plan");
        assert_eq!(names(&phases[0]), ["radio-fanout a::c"]);
        assert_eq!(names(&phases[1]), ["core x::one"]);
        let none = Selection { left_out: vec!["a::".into()], live: false, ..all() };
        let phases = super::phases(&programs, &none, &Times::default()).expect("a plan");
        assert!(phases.iter().all(|phase| phase.count() == 0));
    }
}
