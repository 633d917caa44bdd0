//! Planted faults are found and reported.

use super::campaign::{Campaign, Failure, HANG_AFTER, Origin};
use super::corpus::{self, Entry};
use std::time::Duration;

fn campaign(run: fn(&[u8])) -> Campaign {
    Campaign {
        name: "planted",
        run,
        bytes_max: 100,
        words: Vec::new(),
        seed: 42,
        mutations: 1_000_000,
        hang_after: HANG_AFTER,
    }
}

fn corpus() -> Vec<Entry> {
    let entry = |name: &str, bytes: &[u8]| Entry { name: name.into(), bytes: bytes.to_vec() };
    vec![entry("zeros", &[0; 20]), entry("text", b"nothing is wrong with this")]
}

fn fails_on_two_bytes(bytes: &[u8]) {
    assert!(!bytes.windows(2).any(|pair| pair == [0xB7, 0x51]), "the planted fault");
}

fn found(campaign: &Campaign) -> Failure {
    campaign.find(corpus()).expect_err("a planted fault must be found")
}

#[test]
fn a_fault_behind_two_certain_bytes_is_found_in_the_same_place_each_time() {
    let campaign = campaign(fails_on_two_bytes);
    let failure = found(&campaign);
    assert!(failure.input.windows(2).any(|pair| pair == [0xB7, 0x51]));
    assert!(failure.what.contains("the planted fault"), "{}", failure.what);
    assert_eq!(found(&campaign), failure);
    assert_ne!(found(&Campaign { seed: 43, ..campaign }).origin, failure.origin);
}

#[test]
fn a_word_of_the_dictionary_is_used() {
    let run: fn(&[u8]) = |bytes| assert!(!bytes.windows(12).any(|window| window == b"Icy-MetaData"));
    assert_eq!(Campaign { mutations: 1_000, ..campaign(run) }.find(corpus()), Ok(()));
    found(&Campaign { words: vec![b"Icy-MetaData".to_vec()], mutations: 1_000, ..campaign(run) });
}

#[test]
fn a_fault_in_the_corpus_names_its_file() {
    let failure = found(&campaign(|bytes| assert_ne!(bytes.first(), Some(&b'n'))));
    assert_eq!(failure.origin, Origin::File("text".into()));
}

#[test]
fn the_report_names_seed_and_mutation_and_the_input_is_kept() {
    let campaign = campaign(fails_on_two_bytes);
    let failure = found(&campaign);
    let Origin::Mutation(number) = failure.origin else { panic!("{failure:?}") };
    let report = campaign.report(&failure);
    assert!(report.contains(&format!("seed 42, mutation {number}: the planted fault")), "{report}");
    assert!(report.contains("RADIO_FUZZ_SEED=42 cargo test"), "{report}");
    let path = format!("{}/planted-42-{number}", corpus::FINDS);
    assert!(report.contains(&format!("RADIO_FUZZ_INPUT={path} cargo test")), "{report}");
    let kept = corpus::read_file(path.as_ref());
    assert_eq!(kept.bytes, failure.input);
    let alone = std::panic::catch_unwind(|| campaign.check_alone(kept)).expect_err("it fails alone too");
    let text = alone.downcast_ref::<String>().expect("a text");
    assert!(text.contains(&format!("file planted-42-{number}: the planted fault")), "{text}");
    std::fs::remove_file(corpus::workspace().join(path)).expect("the file of this test");
}

#[test]
fn an_input_that_never_ends_is_a_failure() {
    let endless: fn(&[u8]) = |_| {
        loop {
            std::thread::park();
        }
    };
    let failure = found(&Campaign { hang_after: Duration::from_millis(50), ..campaign(endless) });
    assert_eq!((failure.origin, failure.what.as_str()), (Origin::File("zeros".into()), "it takes longer than 0.05 s"));
}
