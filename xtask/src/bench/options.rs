//! Options of `cargo xtask bench`.

use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::time::Duration;

/// What is to be measured, for how long, and what becomes of the figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Options {
    /// Benchmarks, or scenarios each perhaps followed by a number of listeners.
    pub names: Vec<String>,
    /// The figures as JSON.
    pub json: bool,
    /// Draw the picture of the documentation.
    pub svg: bool,
    /// A missed promise is an error.
    pub check: bool,
    /// Full length: `max` for ten minutes.
    pub full: bool,
    /// Wait for a quiet machine before each run.
    pub patient: bool,
    /// Another build of the tower, to compare with an earlier one.
    pub tower: Option<PathBuf>,
    /// Longest span of a measurement, to see that it works; its figures are judged against nothing.
    seconds: Option<f64>,
}

impl Options {
    /// What `cargo xtask prove` measures with: full length, on a quiet machine.
    pub(super) fn prove() -> Self {
        Self { full: true, patient: true, ..Self::default() }
    }

    /// Reads arguments.
    ///
    /// # Errors
    /// An option is unknown, or excludes another.
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.split_once('=').unwrap_or((argument, "")) {
                ("--json", "") => options.json = true,
                ("--svg", "") => options.svg = true,
                ("--check", "") => options.check = true,
                ("--full", "") => options.full = true,
                ("--patient", "") => options.patient = true,
                ("--tower", path) => {
                    options.tower = Some(std::fs::canonicalize(path).with_context(|| format!("no program {path:?}"))?);
                }
                ("--seconds", number) => {
                    let seconds: f64 = number.parse().with_context(|| format!("--seconds={number}: give a number"))?;
                    ensure!((1.0..=3600.0).contains(&seconds), "--seconds={number}: give 1 to 3600");
                    options.seconds = Some(seconds);
                }
                (unknown, _) if unknown.starts_with("--") => bail!(
                    "there is no option {argument}; there are: --json --svg --check --full --patient --tower=PROGRAM \
                     --seconds=N"
                ),
                _ => options.names.push(argument.clone()),
            }
        }
        let is_shortened = options.seconds.is_some();
        ensure!(
            !(is_shortened && (options.check || options.svg)),
            "figures of shortened spans (--seconds) prove nothing"
        );
        Ok(options)
    }

    /// The span of a measurement: as long as it should be, unless `--seconds` shortens it.
    pub(super) fn span(&self, full: Duration) -> Duration {
        self.seconds.map_or(full, |seconds| full.min(Duration::from_secs_f64(seconds)))
    }

    /// How many of something are measured; a few where `--seconds` shortens.
    pub(super) fn times(&self, full: usize) -> usize {
        if self.seconds.is_some() { full.min(3) } else { full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn names_and_options_come_in_any_order() {
        let options = parse("--json low 100 --check").expect("known options");
        assert_eq!(options.names, ["low", "100"]);
        assert!(options.json && options.check && !options.svg);
    }

    #[test]
    fn shortened_spans_are_not_checked_and_unknown_options_are_refused() {
        assert!(parse("--seconds=2 --check").is_err() && parse("--seconds=0").is_err());
        assert!(parse("--chekc").is_err_and(|error| error.to_string().contains("--check")));
        let short = parse("--seconds=2").expect("a number");
        assert_eq!([30, 1].map(Duration::from_secs).map(|full| short.span(full).as_secs()), [2, 1]);
        assert_eq!(Options::prove().span(Duration::from_secs(600)), Duration::from_secs(600));
    }
}
