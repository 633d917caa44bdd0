//! Every fuzz target has a table entry, a libFuzzer program, a corpus and its dictionary, and none is left over.

use super::Source;
use crate::fuzz::{TARGETS, Target};
use std::collections::BTreeSet;

const PROGRAMS: &str = "fuzz/fuzz_targets/";
const CORPORA: &str = "fuzz/corpus/";
const MANIFEST: &str = "fuzz/Cargo.toml";

/// Faults of the fuzz targets, given every path of the repository.
pub(super) fn check(paths: &[String], sources: &[Source]) -> Vec<String> {
    compare(&TARGETS, paths, sources)
}

fn compare(targets: &[Target], paths: &[String], sources: &[Source]) -> Vec<String> {
    let text = |path: &str| sources.iter().find(|source| source.path == path).map_or("", |source| source.text.as_str());
    let below = |folder: &'static str| paths.iter().filter_map(move |path| path.strip_prefix(folder));
    let table: BTreeSet<String> = targets.iter().map(|target| target.name.to_owned()).collect();
    let programs = below(PROGRAMS).filter_map(|file| Some(file.strip_suffix(".rs")?.to_owned())).collect();
    let corpora = below(CORPORA).filter_map(|file| Some(file.split_once('/')?.0.to_owned())).collect();
    let places: [(&str, BTreeSet<String>); 3] =
        [(PROGRAMS, programs), (MANIFEST, bins(text(MANIFEST))), (CORPORA, corpora)];

    let mut faults = Vec::new();
    for (place, names) in &places {
        faults.extend(table.difference(names).map(|name| format!("{place}: lacks the fuzz target {name}")));
        let unknown = names.difference(&table);
        faults.extend(unknown.map(|name| format!("{place}: {name} is missing in crates/fuzz-targets/src/table.rs")));
    }
    for target in targets {
        let (path, call) =
            (format!("{PROGRAMS}{}.rs", target.name), format!("radio_fuzz_targets::{}::run", target.name));
        if places[0].1.contains(target.name) && !text(&path).contains(&call) {
            faults.push(format!("{path}: must call {call}"));
        }
    }
    let used: BTreeSet<&str> = targets.iter().filter_map(|target| target.dictionary).collect();
    let there: BTreeSet<&str> = below("fuzz/").filter(|file| file.ends_with(".dict")).collect();
    faults.extend(used.difference(&there).map(|file| format!("fuzz/{file}: missing, but a fuzz target names it")));
    faults.extend(there.difference(&used).map(|file| format!("fuzz/{file}: no fuzz target names it")));
    faults
}

/// Names of the programs in a manifest.
fn bins(manifest: &str) -> BTreeSet<String> {
    let sections = manifest.split("[[bin]]").skip(1);
    sections
        .filter_map(|section| section.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target = Target { name: "one", about: "", bytes_max: 1, dictionary: Some("one.dict") };

    fn faults(paths: &[&str], manifest: &str, program: &str) -> Vec<String> {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let sources = [source(MANIFEST, manifest), source("fuzz/fuzz_targets/one.rs", program)];
        compare(&[TARGET], &paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>(), &sources)
    }

    const PATHS: [&str; 3] = ["fuzz/fuzz_targets/one.rs", "fuzz/corpus/one/seed", "fuzz/one.dict"];
    const BIN: &str = "[package]\nname = \"radio-fuzz\"\n[[bin]]\nname = \"one\"\n";
    const CALL: &str = "fuzz_target!(|bytes: &[u8]| radio_fuzz_targets::one::run(bytes));";

    #[test]
    fn a_whole_target_is_in_order() {
        assert_eq!(faults(&PATHS, BIN, CALL), [""; 0]);
    }

    #[test]
    fn each_missing_part_is_named() {
        for (at, place) in ["fuzz/fuzz_targets/", "fuzz/corpus/", "fuzz/one.dict"].into_iter().enumerate() {
            let mut paths = PATHS.to_vec();
            paths.remove(at);
            let faults = faults(&paths, BIN, CALL);
            assert!(faults.len() == 1 && faults[0].starts_with(place), "{faults:?}");
        }
        assert_eq!(faults(&PATHS, "", CALL), ["fuzz/Cargo.toml: lacks the fuzz target one"]);
        assert_eq!(faults(&PATHS, BIN, ""), ["fuzz/fuzz_targets/one.rs: must call radio_fuzz_targets::one::run"]);
    }

    #[test]
    fn each_part_without_a_target_is_named() {
        for left_over in ["fuzz/fuzz_targets/two.rs", "fuzz/corpus/two/seed", "fuzz/two.dict"] {
            let faults = faults(&[&PATHS[..], &[left_over]].concat(), BIN, CALL);
            assert!(faults.len() == 1 && faults[0].contains("two"), "{faults:?}");
        }
        let manifest = format!("{BIN}[[bin]]\nname = \"two\"\n");
        let expected = "fuzz/Cargo.toml: two is missing in crates/fuzz-targets/src/table.rs";
        assert_eq!(faults(&PATHS, &manifest, CALL), [expected]);
    }
}
