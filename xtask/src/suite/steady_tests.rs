//! A made flake is unsteady, a made fault is red; the limits of both.

use super::job::{Job, Share, Tests, Verdict};
use super::steady::{Record, TooUnsteady, judge, second_chance};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// Speaks as a test program does. `flake` fails every other time, `fault` always, `hang` never ends.
const PROGRAM: &str = r#"#!/bin/sh
for name; do :; done
case $name in
flake) if [ -e failed ]; then rm failed; good=1; else touch failed; good=0; fi ;;
fault) good=0 ;;
hang) sleep 60 ;;
*) good=1 ;;
esac
if [ $good = 1 ]; then echo "test result: ok. 1 passed; 0 failed; 0 ignored;"; exit 0; fi
printf '\nfailures:\n    %s\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored;\n' $name
exit 101
"#;

fn job(folder: &Path, test: &str) -> Job {
    let program = folder.join("program");
    if !program.exists() {
        std::fs::write(&program, PROGRAM).expect("a temporary file");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("our own file");
    }
    Job {
        label: "made".into(),
        program,
        folder: folder.to_owned(),
        tests: Tests::These(vec![test.into()]),
        limit: Duration::from_secs(20),
        environment: Vec::new(),
    }
}

/// Runs the tests once; what failed gets its second chance.
fn suite(folder: &Path, tests: &[&str]) -> Result<(), String> {
    let run = |test: &&str| job(folder, test).run(&folder.join(format!("{test}.log")), Share::Fair);
    let failed = tests.iter().map(run).filter(|result| result.verdict != Verdict::Passed).collect();
    second_chance(failed, folder).map_err(|error| error.to_string())
}

#[test]
fn a_made_flake_is_unsteady_once_and_fails_the_second_run_of_the_same_tree() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(suite(folder.path(), &["good", "flake"]), Ok(()));
    let record = std::fs::read_to_string(folder.path().join("unsteady.json")).expect("a record");
    assert!(record.contains("made flake"), "{record}");
    for output in ["1", "2"] {
        let kept = folder.path().join(format!("unsteady/made-flake.{output}.log"));
        assert!(std::fs::read_to_string(kept).expect("a kept output").contains("test result"));
    }
    let again = suite(folder.path(), &["good", "flake"]).expect_err("twice in a row");
    assert!(again.contains("twice in a row") && again.contains("made flake"), "{again}");
    assert_eq!(suite(folder.path(), &["good"]), Ok(()));
    assert_eq!(suite(folder.path(), &["flake"]), Ok(()), "a run without it was in between");
}

#[test]
fn a_made_fault_is_red_both_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = suite(folder.path(), &["good", "fault"]).expect_err("a fault");
    assert!(error.contains("1 tests failed twice: made fault"), "{error}");
}

#[test]
fn a_test_that_hangs_is_ended_at_its_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = Job { limit: Duration::from_millis(100), ..job(folder.path(), "hang") };
    let result = job.run(&folder.path().join("hang.log"), Share::Fair);
    assert_eq!(result.verdict, Verdict::Hung);
    assert!(result.took < Duration::from_secs(20) && result.tally.failed == 1);
}

#[test]
fn a_job_that_takes_the_rest_of_the_processors_runs_all_the_same_and_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let result = job(folder.path(), "good").run(&folder.path().join("good.log"), Share::Rest);
    assert_eq!(result.verdict, Verdict::Passed, "{}", std::fs::read_to_string(&result.output).unwrap_or_default());
    let hangs = Job { limit: Duration::from_millis(300), ..job(folder.path(), "hang") };
    assert_eq!(hangs.run(&folder.path().join("hang.log"), Share::Rest).verdict, Verdict::Hung);
}

#[test]
fn more_than_two_unsteady_tests_are_too_many() {
    let record = |tree: &str, names: &[&str]| Record {
        tree: tree.into(),
        unsteady: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let nothing = Record::default();
    assert_eq!(judge(&nothing, &record("t", &["a", "b"])), None);
    assert_eq!(judge(&nothing, &record("t", &["a", "b", "c"])), Some(TooUnsteady::Many(3)));
    assert_eq!(judge(&record("t", &["a", "x"]), &record("t", &["a"])), Some(TooUnsteady::Again(vec!["a".into()])));
    assert_eq!(judge(&record("s", &["a"]), &record("t", &["a"])), None, "another tree");
}
