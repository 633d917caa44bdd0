//! All layers together, and the configuration they make.

use super::check::Invalid;
use super::env;
use super::file;
use super::home;
use super::layers::{Layers, Setting};
use super::problem::{ConfigError, Origin, Problem};
use super::reading;
use super::schema::Config;
use super::validate::validate;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use toml::{Table, Value};

/// Everything that may have a say.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The file that `--config` names; it must be there.
    pub config_flag: Option<PathBuf>,
    /// The file that is read if it is there and nobody names another.
    pub default_file: PathBuf,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Flags, later ones over earlier ones.
    pub flags: Vec<Setting>,
}

impl Sources {
    /// What this process was started with.
    pub fn of_process(config_flag: Option<PathBuf>, flags: Vec<Setting>) -> Self {
        Self { config_flag, default_file: "tower.toml".into(), environment: std::env::vars_os().collect(), flags }
    }

    fn file(&self) -> Option<PathBuf> {
        let named = || env::value_of(&self.environment, env::CONFIG_VARIABLE).map(PathBuf::from);
        let default = || self.default_file.exists().then(|| self.default_file.clone());
        self.config_flag.clone().or_else(named).or_else(default)
    }
}

/// A configuration that is good, and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The effective configuration; at least one output.
    pub config: Config,
    /// By dotted key, such as `output.0.mount`. What is not here is a default.
    pub origins: BTreeMap<String, Origin>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What may be a mistake but is none that could be named with certainty; to be logged.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Where the value of the dotted `key` came from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

/// Lays defaults, file, environment and flags over each other (SPEC CFG-1).
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    load_by(sources, reading::at_start)
}

/// The same for a tower that is on air: a file that blocks, is empty or is being written is no
/// configuration.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load_again(sources: &Sources) -> Result<Loaded, ConfigError> {
    load_by(sources, reading::again)
}

fn load_by(sources: &Sources, read: file::ReadFile) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    let file = sources.file();
    if let Some(path) = &file {
        file::read(&mut layers, path, read);
    }
    let warnings = env::read(&mut layers, &sources.environment);
    for flag in &sources.flags {
        layers.set(flag.clone());
    }
    let Layers { mut tree, origins, mut problems, bad } = layers;
    fill_in_default_output(&mut tree);
    fill_in_default_encoders(&mut tree);
    let mut config = match Config::deserialize(Value::Table(tree)) {
        Ok(config) => config,
        Err(error) => {
            problems.push(Problem { origin: Origin::Default, message: error.message().to_owned() });
            return Err(ConfigError { problems });
        }
    };
    if let Some(home) = env::value_of(&sources.environment, "HOME") {
        home::expand(&mut config, home.as_ref());
    }
    let new = validate(&config).into_iter().filter(|invalid| !invalid.keys.iter().any(|key| bad.contains(key)));
    problems.extend(new.map(|invalid| at_its_origin(invalid, &origins)));
    if problems.is_empty() { Ok(Loaded { config, origins, file, warnings }) } else { Err(ConfigError { problems }) }
}

fn fill_in_default_output(tree: &mut Table) {
    let outputs = tree.entry("output").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(outputs) = outputs
        && outputs.is_empty()
    {
        outputs.push(Value::Table(Table::new()));
    }
}

/// What the built-in encoder does not make, AAC, takes FFmpeg where no encoder is named.
fn fill_in_default_encoders(tree: &mut Table) {
    let outputs = tree.get_mut("output").and_then(Value::as_array_mut);
    for output in outputs.into_iter().flatten().filter_map(Value::as_table_mut) {
        if output.get("codec").and_then(Value::as_str) == Some("aac") {
            output.entry("encoder").or_insert_with(|| Value::String("ffmpeg".into()));
        }
    }
}

/// A broken rule is told where the first of its values was given that somebody gave.
fn at_its_origin(invalid: Invalid, origins: &BTreeMap<String, Origin>) -> Problem {
    let origin = invalid.keys.iter().find_map(|key| origins.get(key)).cloned().unwrap_or(Origin::Default);
    Problem { origin, message: invalid.message }
}
