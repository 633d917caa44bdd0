//! `tower doctor`: checks the machine and the configuration, and says what to do.
//!
//! - `encoders`: does ffmpeg do what is wanted, does the tower's own encoder.
//! - `machine`: priorities, limits, clock, memory.
//! - `places`: port, sockets, directories.
//! - `media`: what is to be played.

mod encoders;
mod listening;
mod machine;
mod media;
mod places;

use super::args::DoctorArgs;
use super::{Paint, colours_wanted, print};
use radio_config::{Config, ConfigError, Loaded};
use serde::Serialize;
use std::process::ExitCode;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Problem,
}

/// What one check found.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn problem(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::warning(check, found, remedy) }
    }
}

/// Makes all checks and prints them; exit code 1 if there is a problem.
///
/// With a bad configuration, that is a problem, and the rest is checked with the defaults.
pub fn run(args: &DoctorArgs, loaded: Result<Loaded, ConfigError>) -> ExitCode {
    let mut findings = Vec::new();
    let config = match loaded {
        Ok(loaded) => {
            findings.push(about_configuration(&loaded));
            loaded.config
        }
        Err(error) => {
            let remedy = "correct it; what follows was checked with the defaults";
            findings.extend(
                error.problems.iter().map(|problem| Finding::problem("configuration", problem.to_string(), remedy)),
            );
            Config { output: vec![radio_config::Output::default()], ..Config::default() }
        }
    };
    findings.push(encoders::builtin());
    findings.push(encoders::decoder());
    findings.push(encoders::ffmpeg(&config));
    findings.extend(machine::all(&config));
    findings.extend(places::all(&config));
    findings.extend(media::all(&config));
    if args.json {
        print(&(serde_json::to_string_pretty(&findings).unwrap_or_default() + "\n"));
    } else {
        print(&report(&findings, colours_wanted()));
    }
    ExitCode::from(u8::from(findings.iter().any(|finding| finding.verdict == Verdict::Problem)))
}

fn about_configuration(loaded: &Loaded) -> Finding {
    if !loaded.warnings.is_empty() {
        return Finding::warning("configuration", loaded.warnings.join("; "), "unset or correct it");
    }
    match &loaded.file {
        Some(file) => Finding::ok("configuration", format!("good, from {}", file.display())),
        None => Finding::ok("configuration", "good, no file"),
    }
}

fn report(findings: &[Finding], colours: bool) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { check, verdict, found, remedy } in findings {
        let verdict = match verdict {
            Verdict::Ok => Paint::Green.on("ok     ", colours),
            Verdict::Warning => Paint::Yellow.on("warning", colours),
            Verdict::Problem => Paint::Red.on("problem", colours),
        };
        text += &format!("{verdict}  {check:<width$}  {found}\n");
        if let Some(remedy) = remedy {
            text += &format!("{:9}{:width$}  -> {remedy}\n", "", "");
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (problems, warnings) = (count(Verdict::Problem), count(Verdict::Warning));
    text + &format!("{problems} problems, {warnings} warnings, {} checks\n", findings.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_stands_below_what_was_found() {
        let findings = [Finding::ok("clock", "tsc"), Finding::problem("port", "in use", "take another")];
        let text = report(&findings, false);
        assert_eq!(text.lines().nth(1), Some("problem  port   in use"));
        assert_eq!(text.lines().nth(2), Some("                -> take another"));
        assert!(text.ends_with("1 problems, 0 warnings, 2 checks\n"));
    }
}
