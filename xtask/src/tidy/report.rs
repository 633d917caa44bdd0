//! `cargo xtask tidy --report`: how the crates are built, in figures.

use super::Source;
use super::layers;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the state is that all of the control plane shares, and its type.
const STATE: (&str, &str) = ("crates/tower/src/state.rs", "pub struct Tower {");

/// A table with a line for each crate, and what is counted of the whole.
pub(super) fn report(sources: &[Source]) -> String {
    let mut text = String::from(
        "| crate | modules | of these in cycles | imports against the order | files | lines | median | longest |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for name in layers::ORDERED {
        let folder = format!("crates/{name}/src/");
        let uses = layers::uses(&folder, sources);
        let mut lines: Vec<usize> = sources
            .iter()
            .filter(|source| source.path.starts_with(&folder) && source.path.ends_with(".rs"))
            .map(|source| source.text.lines().count())
            .collect();
        lines.sort_unstable();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            uses.len(),
            in_cycles(&uses),
            layers::modules_of(&folder, sources).len(),
            lines.len(),
            lines.iter().sum::<usize>(),
            lines.get(lines.len() / 2).copied().unwrap_or_default(),
            lines.last().copied().unwrap_or_default(),
        );
    }
    let _ = write!(text, "\nPublic fields of `Tower`: {}.", public_fields(sources));
    text
}

/// How many modules lie on a ring of uses, or between two rings.
fn in_cycles(uses: &BTreeMap<String, Vec<String>>) -> usize {
    let mut left: Vec<&String> = uses.keys().collect();
    loop {
        let is_used = |module: &String| left.iter().any(|other| uses[*other].contains(module));
        let uses_one = |module: &String| uses[module].iter().any(|used| left.contains(&used));
        let (stay, gone): (Vec<&String>, Vec<&String>) =
            left.iter().partition(|module| is_used(module) && uses_one(module));
        if gone.is_empty() {
            return stay.len();
        }
        left = stay;
    }
}

fn public_fields(sources: &[Source]) -> usize {
    let text = sources.iter().find(|source| source.path == STATE.0).map_or("", |source| source.text.as_str());
    let body = text.split_once(STATE.1).map_or("", |(_, rest)| rest.split("\n}").next().unwrap_or_default());
    body.lines().filter(|line| line.starts_with("    pub ")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_on_a_ring_are_counted_and_those_beside_it_are_not() {
        let uses = |pairs: &[(&str, &[&str])]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            pairs.iter().map(|(name, used)| ((*name).to_owned(), owned(used))).collect()
        };
        assert_eq!(in_cycles(&uses(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])), 0);
        assert_eq!(in_cycles(&uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["a"])])), 2);
    }

    #[test]
    fn public_fields_of_the_state_are_counted() {
        let text =
            "pub struct Tower {\n    /// One.\n    pub a: u8,\n    b: u8,\n}\n\nimpl Tower {\n    pub fn c() {}\n}\n";
        assert_eq!(public_fields(&[Source { path: STATE.0.into(), text: text.into() }]), 1);
    }
}
