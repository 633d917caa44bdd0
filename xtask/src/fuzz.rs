//! `fuzz`: lists the fuzz targets, or runs one under libFuzzer.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

// Shared with the library of targets, which needs the whole tower to build.
#[expect(unreachable_pub, reason = "the items are public in that library")]
#[path = "../../crates/fuzz-targets/src/table.rs"]
mod table;

pub(crate) use table::{TARGETS, Target};

/// Version of cargo-fuzz that is built into `target/tools`.
const CARGO_FUZZ: &str = "0.13.2";
/// Inputs that libFuzzer adds; the committed corpus is read and never written.
const GROWN_CORPUS: &str = "target/fuzz-corpus";
/// Inputs that failed, as those of the plain tests.
const FINDS: &str = "target/fuzz-finds";

/// `cargo xtask fuzz [NAME [-- ARGUMENT...]]`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        println!("cargo xtask fuzz NAME [-- libFuzzer arguments]\n\n{}", listing());
        return Ok(());
    };
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        bail!("no fuzz target `{name}`; the targets are:\n{}", listing());
    };
    let given = match rest.split_first() {
        None => &[],
        Some((dashes, given)) if dashes == "--" => given,
        Some((other, _)) => bail!("`{other}`: write arguments for libFuzzer after `--`"),
    };
    let program = cargo_fuzz()?;
    for folder in [format!("{GROWN_CORPUS}/{name}"), FINDS.to_owned()] {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {folder}"))?;
    }
    let status = Command::new(&program)
        .args(["fuzz", "run", "--sanitizer", "none", "--fuzz-dir", "fuzz", "--target-dir", "target/fuzz"])
        .args(libfuzzer(target, given))
        // The stable toolchain accepts the flags of the coverage instrumentation only so.
        .env("RUSTC_BOOTSTRAP", "1")
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !status.success() {
        bail!(
            "fuzz target {name}: {status}; if an input failed, libFuzzer has named its file in {FINDS}\n\
             run it again:                cargo xtask fuzz {name} -- FILE\n\
             once it is fixed, keep it:   cp FILE fuzz/corpus/{name}/WHAT-IT-IS"
        );
    }
    Ok(())
}

/// The target, its corpora, and libFuzzer's flags; a later flag overrides an earlier one.
fn libfuzzer(target: &Target, given: &[String]) -> Vec<String> {
    let name = target.name;
    let (flags, files): (Vec<&String>, Vec<&String>) = given.iter().partition(|argument| argument.starts_with('-'));
    let mut arguments = vec![name.to_owned()];
    arguments.extend(files.iter().map(|&file| file.clone()));
    // Where files are given, libFuzzer runs those and nothing else.
    if files.is_empty() {
        arguments.extend([format!("{GROWN_CORPUS}/{name}"), format!("fuzz/corpus/{name}")]);
    }
    arguments.push("--".into());
    arguments.extend([format!("-max_len={}", target.bytes_max), format!("-artifact_prefix={FINDS}/{name}-")]);
    arguments.extend(target.dictionary.map(|file| format!("-dict=fuzz/{file}")));
    arguments.extend(["-max_total_time=60", "-timeout=30"].map(str::to_owned));
    arguments.extend(flags.into_iter().cloned());
    arguments
}

/// Every target with what it checks, one a line.
fn listing() -> String {
    TARGETS.iter().map(|target| format!("  {:<18}{}\n", target.name, target.about)).collect()
}

/// The program, built once.
fn cargo_fuzz() -> Result<PathBuf> {
    let root = format!("target/tools/cargo-fuzz-{CARGO_FUZZ}");
    let program = Path::new(&root).join("bin/cargo-fuzz");
    if !program.exists() {
        println!("building cargo-fuzz {CARGO_FUZZ} into {root}");
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["install", "--locked", "--root", &root, "--version", CARGO_FUZZ, "cargo-fuzz"])
            .status()
            .context("cannot run cargo")?;
        if !status.success() {
            bail!("cargo install cargo-fuzz: {status}; is the package registry within reach?");
        }
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(name: &str, given: &[&str]) -> String {
        let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
        libfuzzer(target, &given.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn defaults_come_before_what_is_given_and_new_inputs_do_not_go_into_the_tree() {
        assert_eq!(
            arguments("header", &["-max_total_time=5"]),
            "header target/fuzz-corpus/header fuzz/corpus/header -- -max_len=4 \
             -artifact_prefix=target/fuzz-finds/header- -dict=fuzz/mpeg.dict -max_total_time=60 -timeout=30 \
             -max_total_time=5"
        );
    }

    #[test]
    fn a_given_file_is_run_alone() {
        let arguments = arguments("ring", &["-runs=9", "target/fuzz-finds/ring-crash"]);
        assert!(arguments.starts_with("ring target/fuzz-finds/ring-crash -- -max_len="), "{arguments}");
        assert!(arguments.ends_with(" -runs=9"), "{arguments}");
    }

    #[test]
    fn an_unknown_target_is_refused_with_the_names_of_all() {
        let error = run(&["headers".into()]).expect_err("no such target").to_string();
        assert!(error.contains("no fuzz target `headers`") && TARGETS.iter().all(|target| error.contains(target.name)));
        let error = run(&["header".into(), "-runs=1".into()]).expect_err("no dashes").to_string();
        assert!(error.contains("after `--`"), "{error}");
    }
}
