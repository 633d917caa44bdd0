//! Runs a target on its corpus and on mutations of it; says what failed, on which input, and how to run that again.

use super::corpus::{self, Entry};
use super::mutator::mutated;
use super::rng::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// An input that takes longer than this is a failure. Ordinary inputs take microseconds, the slowest some milliseconds.
pub(crate) const HANG_AFTER: Duration = Duration::from_secs(30);

/// A target and how long it is tried.
#[derive(Clone)]
pub(crate) struct Campaign {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub bytes_max: usize,
    pub words: Vec<Vec<u8>>,
    pub seed: u64,
    pub mutations: u64,
    pub hang_after: Duration,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file, by its name.
    File(String),
    /// A mutation, by its number.
    Mutation(u64),
}

/// An input that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub origin: Origin,
    pub input: Vec<u8>,
    pub what: String,
}

/// The input that is being run; none before the first.
type Current = Arc<Mutex<Option<(Origin, Vec<u8>)>>>;

impl Campaign {
    /// Panics with a report if any input fails.
    pub(crate) fn check(&self, corpus: Vec<Entry>) {
        if let Err(failure) = self.find(corpus) {
            panic!("{}", self.report(&failure));
        }
    }

    /// The same for one input, without mutations.
    pub(crate) fn check_alone(&self, entry: Entry) {
        Self { mutations: 0, ..self.clone() }.check(vec![entry]);
    }

    /// The first failure: a panic, or an input that takes too long.
    pub(crate) fn find(&self, corpus: Vec<Entry>) -> Result<(), Failure> {
        let current = Current::default();
        let (result, results) = mpsc::channel();
        let (campaign, running) = (self.clone(), Arc::clone(&current));
        // Not joined: a target that never returns keeps its thread until the test program ends.
        thread::spawn(move || result.send(campaign.run_all(&corpus, &running)));
        let mut before = None;
        loop {
            match results.recv_timeout(self.hang_after) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Disconnected) => panic!("the thread of {} ended without a result", self.name),
                Err(RecvTimeoutError::Timeout) => {
                    let now = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    if let Some((origin, input)) = now.clone().filter(|_| now == before) {
                        let what = format!("it takes longer than {} s", self.hang_after.as_secs_f64());
                        return Err(Failure { origin, input, what });
                    }
                    before = now;
                }
            }
        }
    }

    fn run_all(&self, corpus: &[Entry], current: &Current) -> Result<(), Failure> {
        let files = corpus.iter().map(|entry| (Origin::File(entry.name.clone()), entry.bytes.clone()));
        let mutations = (0..self.mutations).map(|number| {
            let mut rng = Rng::new(self.seed, number);
            (Origin::Mutation(number), mutated(corpus, &self.words, self.bytes_max, &mut rng))
        });
        for (origin, input) in files.chain(mutations) {
            *current.lock().unwrap_or_else(PoisonError::into_inner) = Some((origin.clone(), input.clone()));
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.run)(&input))) {
                let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                return Err(Failure { origin, input, what: text.unwrap_or("a panic without a text").to_owned() });
            }
        }
        Ok(())
    }

    /// What to tell of a failure; keeps its input.
    pub(crate) fn report(&self, failure: &Failure) -> String {
        let (name, seed) = (self.name, self.seed);
        let (place, label) = match &failure.origin {
            Origin::File(file) => (format!("file {file}"), file.trim_start_matches(&format!("{name}-")).to_owned()),
            Origin::Mutation(number) => (format!("seed {seed}, mutation {number}"), format!("{seed}-{number}")),
        };
        let path = corpus::keep(&format!("{name}-{label}"), &failure.input);
        let test = format!("cargo test --release -p radio-fuzz-targets --test corpora -- --exact {name}");
        format!(
            "fuzz target {name}, {place}: {}\n\
             the input:       {path}\n\
             run it again:    RADIO_FUZZ_INPUT={path} {test}\n\
             run all again:   RADIO_FUZZ_SEED={seed} {test}\n\
             once it is fixed, keep it: cp {path} fuzz/corpus/{name}/WHAT-IT-IS",
            failure.what
        )
    }
}
