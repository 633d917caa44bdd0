//! Every fuzz target on its committed corpus, then on seeded mutations of it.
//!
//! `RADIO_FUZZ_SEED=N` chooses another sequence of mutations, `RADIO_PROVE=1` makes it 30 times as long, and
//! `RADIO_FUZZ_INPUT=FILE` runs one input alone.

mod campaign;
mod campaign_tests;
mod corpus;
mod dictionary;
mod mutator;
mod rng;

use campaign::Campaign;
use radio_fuzz_targets::{TARGETS, function};

/// One test per target, with the number of mutations that take about a second in a release build.
macro_rules! corpora {
    ($(fn $name:ident($mutations:literal);)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), $mutations);
            }
        )*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

corpora! {
    fn decoder_record(2_000_000);
    fn formats(20_000);
    fn header(5_000_000);
    fn icy(1_000_000);
    fn packetizer(40_000);
    fn place(600_000);
    fn proxy_header(2_000_000);
    fn request_head(2_000_000);
    fn ring(200_000);
    fn source_handshake(1_500_000);
    fn titles(150_000);
}

#[test]
fn every_target_has_a_test() {
    assert_eq!(TARGETS.map(|target| target.name), TESTED);
}

fn check(name: &str, mutations: u64) {
    let target = TARGETS.into_iter().find(|target| target.name == name).expect("a target of the table");
    let run = function(name).expect("a function of the library");
    let campaign = Campaign {
        name: target.name,
        run,
        bytes_max: target.bytes_max,
        words: target.dictionary.map(dictionary::read).unwrap_or_default(),
        seed: number_of("RADIO_FUZZ_SEED").unwrap_or(1),
        mutations: if std::env::var_os("RADIO_PROVE").is_some() { mutations * 30 } else { mutations },
        hang_after: campaign::HANG_AFTER,
    };
    let corpus = match std::env::var_os("RADIO_FUZZ_INPUT") {
        Some(file) => return campaign.check_alone(corpus::read_file(file.as_ref())),
        None => corpus::read(&target),
    };
    println!("seed {}, {} mutations of {} corpus entries", campaign.seed, campaign.mutations, corpus.len());
    campaign.check(corpus);
}

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}
