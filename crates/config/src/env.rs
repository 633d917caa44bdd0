//! The environment (SPEC CFG-5): the reference design's variables with the reference's meaning, and two more.

use super::keys;
use super::layers::{Given, Layers, Setting};
use super::problem::Origin;
use std::ffi::{OsStr, OsString};

/// Variables of the environment that start with this are ours.
const PREFIX: &str = "TOWER_";

/// Names the configuration file; read before the others.
pub(super) const CONFIG_VARIABLE: &str = "TOWER_CONFIG";

/// A variable and the key it sets.
#[derive(Debug)]
pub struct EnvVariable {
    /// Name of the variable.
    pub name: &'static str,
    /// Dotted path of the key.
    pub key: &'static str,
    read: fn(&str) -> Result<Given, String>,
}

const fn variable(name: &'static str, key: &'static str, read: fn(&str) -> Result<Given, String>) -> EnvVariable {
    EnvVariable { name, key, read }
}

/// Every variable that is read, TOWER_CONFIG apart.
pub const ENV_VARIABLES: &[EnvVariable] = &[
    variable("TOWER_HOST", "server.host", plain),
    variable("TOWER_PORT", "server.port", plain),
    variable("TOWER_MAX_CLIENTS", "server.listeners_max", plain),
    variable("TOWER_PCM_SOCKET_PATH", "station.socket", plain),
    variable("TOWER_PCM_GRACE_SEC", "router.grace_ms", seconds),
    variable("TOWER_SILENCE_MP3_PATH", "fallback.paths", one_path),
    variable("TOWER_ENCODER_ENABLED", "encoder.enabled", boolean),
    variable("TOWER_MP3_BUFFER_CAPACITY_FRAMES", "encoder.buffer_frames", plain),
    variable("TOWER_ENCODER_STALL_THRESHOLD_MS", "encoder.stall_threshold_ms", plain),
    variable("TOWER_ENCODER_BACKOFF_MS", "encoder.backoff_ms", plain),
    variable("TOWER_ENCODER_MAX_RESTARTS", "encoder.max_restarts", plain),
    variable("TOWER_RECOVERY_RETRY_MINUTES", "encoder.recovery_retry_minutes", plain),
    variable("TOWER_ADMIN_PASSWORD", "admin.password", plain),
    variable("TOWER_LOG", "log.level", plain),
];

/// Lays the environment over `layers`; returns warnings about variables that look like ours and are not.
pub(super) fn read(layers: &mut Layers, environment: &[(OsString, OsString)]) -> Vec<String> {
    for known in ENV_VARIABLES {
        let Some(value) = value_of(environment, known.name) else {
            continue;
        };
        let origin = Origin::Env { variable: known.name.into() };
        let Some(text) = value.to_str() else {
            layers.bad.insert(known.key.into());
            layers.problem(&origin, format!("`{}` must be UTF-8", known.key));
            continue;
        };
        match (known.read)(text.trim()) {
            Ok(given) => layers.set(Setting { key: known.key.into(), given, origin }),
            Err(message) => {
                layers.bad.insert(known.key.into());
                layers.problem(&origin, message);
            }
        }
    }
    let ours = |name: &&str| name.starts_with(PREFIX) && *name != CONFIG_VARIABLE;
    let names = environment.iter().filter_map(|(name, _)| name.to_str()).filter(ours);
    let unknown = names.filter(|name| ENV_VARIABLES.iter().all(|known| known.name != *name));
    let warning = |name: &str| match keys::nearest_word(name, ENV_VARIABLES.iter().map(|known| known.name)) {
        Some(meant) => format!("environment variable {name} is not read; did you mean {meant}?"),
        None => format!("environment variable {name} is not read"),
    };
    unknown.map(warning).collect()
}

/// The value of `name`; a variable set to nothing counts as not set.
pub(super) fn value_of<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    let (_, value) = environment.iter().find(|(known, _)| known == name)?;
    (!value.is_empty()).then_some(value.as_os_str())
}

fn plain(text: &str) -> Result<Given, String> {
    Ok(Given::Plain(text.into()))
}

fn one_path(text: &str) -> Result<Given, String> {
    Ok(Given::Value(toml::Value::Array(vec![text.into()])))
}

fn boolean(text: &str) -> Result<Given, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Given::Value(true.into())),
        "0" | "false" | "no" | "off" => Ok(Given::Value(false.into())),
        _ => Err(format!("`{text}` is neither 1 nor 0")),
    }
}

fn seconds(text: &str) -> Result<Given, String> {
    match text.parse::<f64>() {
        // A day in seconds; the key's own range says the same in ms.
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => {
            Ok(Given::Value(((seconds * 1000.0).round() as i64).into()))
        }
        _ => Err(format!("`{text}` is not a time in seconds, 0 to 86400, such as 1.5")),
    }
}
