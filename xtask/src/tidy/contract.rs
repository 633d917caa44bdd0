//! `docs/contract.md` names every clause, and each test it cites exists.

use super::Source;
use std::collections::HashSet;

/// Families of clauses and the number of the last one.
const CLAUSES: [(&str, u32); 11] = [
    ("SIG", 5),
    ("IN", 7),
    ("ROUTER", 8),
    ("FALL", 4),
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
pub fn check(sources: &[Source]) -> Vec<String> {
    let Some(contract) = sources.iter().find(|source| source.path == "docs/contract.md") else {
        return vec!["docs/contract.md: missing".into()];
    };
    let clauses = CLAUSES.iter().flat_map(|(family, last)| (1..=*last).map(move |number| format!("{family}-{number}")));
    let mut faults: Vec<String> = clauses
        .filter(|clause| !names(&contract.text, clause))
        .map(|clause| format!("docs/contract.md: says nothing of {clause}"))
        .collect();
    let tests: HashSet<&str> = sources.iter().flat_map(|source| test_names(&source.text)).collect();
    let missing = cited(&contract.text).into_iter().filter(|name| !tests.contains(name.as_str()));
    faults.extend(missing.map(|name| format!("docs/contract.md: cites the test {name}, which does not exist")));
    faults
}

/// Whether the clause is named, and not only one whose number begins with the same digits.
fn names(text: &str, clause: &str) -> bool {
    text.match_indices(clause).any(|(at, _)| !text[at + clause.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

/// Last segments of the names in backticks of every paragraph that begins with the citation word.
fn cited(text: &str) -> Vec<String> {
    let paragraphs = text.split("\n\n").flat_map(|paragraph| paragraph.split(CITATION).skip(1));
    paragraphs
        .flat_map(|citation| citation.split('`').skip(1).step_by(2))
        .map(|name| name.rsplit("::").next().unwrap_or_default().trim_end_matches("()").to_owned())
        .filter(|name| !name.contains(['/', '.', ' ', '-']))
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
    fn a_cited_test_is_its_last_segment() {
        let text = "SIG-1 says `this`.\nTests: `units::a_tick_is_24_ms`,\n`on_air_rate::exact()`; see `docs/x.md`\n\nNot `that`.";
        assert_eq!(cited(text), ["a_tick_is_24_ms", "exact"]);
    }

    #[test]
    fn functions_are_found_by_name() {
        let names: Vec<_> = test_names("#[test]\n    fn one() {}\npub async fn two<T>(x: T) {}").collect();
        assert_eq!(names, ["one", "two"]);
    }
}
