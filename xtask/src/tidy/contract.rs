//! `docs/contract.md` names every clause, and each test it cites exists.

use super::Source;
use std::collections::{HashMap, HashSet};

/// Families of clauses and the number of the last one.
const CLAUSES: [(&str, u32); 12] = [
    ("SIG", 5),
    ("IN", 8),
    ("ROUTER", 8),
    ("FALL", 8),
    ("SONG", 4),
    ("PUMP", 5),
    ("ENC", 12),
    ("MPEG", 4),
    ("LIS", 7),
    ("API", 6),
    ("CFG", 5),
    ("OPS", 6),
];

/// What stands before the names of the tests that show a clause.
const CITATION: &str = "Tests:";

/// Checks clauses and cited tests.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let Some(contract) = sources.iter().find(|source| source.path == "docs/contract.md") else {
        return vec!["docs/contract.md: missing".into()];
    };
    let clauses = CLAUSES.iter().flat_map(|(family, last)| (1..=*last).map(move |number| format!("{family}-{number}")));
    let mut faults: Vec<String> = clauses
        .filter(|clause| !names(&contract.text, clause))
        .map(|clause| format!("docs/contract.md: says nothing of {clause}"))
        .collect();
    let tests = |source: &Source| test_names(&source.text).map(str::to_owned).collect::<HashSet<String>>();
    let tests: HashMap<&str, HashSet<String>> =
        sources.iter().map(|source| (source.path.as_str(), tests(source))).collect();
    let is_there = |citation: &Citation| match &citation.file {
        Some(file) => tests.get(format!("crates/{file}").as_str()).is_some_and(|names| names.contains(&citation.test)),
        None => tests.values().any(|names| names.contains(&citation.test)),
    };
    for Citation { file, test } in cited(&contract.text).into_iter().filter(|citation| !is_there(citation)) {
        let place = file.map_or_else(String::new, |file| format!(" in crates/{file}"));
        faults.push(format!("docs/contract.md: cites the test {test}, which does not exist{place}"));
    }
    faults
}

/// Whether the clause is named, and not only one whose number begins with the same digits.
fn names(text: &str, clause: &str) -> bool {
    text.match_indices(clause).any(|(at, _)| !text[at + clause.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

/// A test that the contract names.
#[derive(Debug, PartialEq, Eq)]
struct Citation {
    /// Relative to `crates/`, where it is said.
    file: Option<String>,
    test: String,
}

/// Last segments of the names in backticks of every paragraph that begins with the citation word, with their files.
fn cited(text: &str) -> Vec<Citation> {
    let paragraphs = text.split("\n\n").flat_map(|paragraph| paragraph.split(CITATION).skip(1));
    paragraphs
        .flat_map(|citation| citation.split('`').skip(1).step_by(2))
        .map(|name| Citation {
            file: name.split_once(".rs::").map(|(file, _)| format!("{file}.rs")),
            test: name.rsplit("::").next().unwrap_or_default().trim_end_matches("()").to_owned(),
        })
        .filter(|citation| !citation.test.contains(['/', '.', ' ', '-']))
        .collect()
}

/// Names of functions in a source: what follows `fn `.
fn test_names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim_start().split_once("fn ")?.1.split(['(', '<', ' ']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_not_named_by_a_longer_number() {
        assert!(names("**ENC-1** One", "ENC-1"));
        assert!(!names("**ENC-12** Kept", "ENC-1"));
    }

    #[test]
    fn a_cited_test_is_its_last_segment_and_its_file() {
        let text = "SIG-1 says `this`.\nTests: `signal/src/units.rs::tests::a_tick_is_24_ms`,\n`rate::exact()`; see `docs/x.md`\n\nNot `that`.";
        let citation = |file: Option<&str>, test: &str| Citation { file: file.map(str::to_owned), test: test.into() };
        assert_eq!(cited(text), [citation(Some("signal/src/units.rs"), "a_tick_is_24_ms"), citation(None, "exact")]);
    }

    #[test]
    fn functions_are_found_by_name() {
        let names: Vec<_> = test_names("#[test]\n    fn one() {}\npub async fn two<T>(x: T) {}").collect();
        assert_eq!(names, ["one", "two"]);
    }
}
