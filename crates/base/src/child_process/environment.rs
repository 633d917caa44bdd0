//! The environment of encoder and decoder processes: an allowlist. The tower's own environment
//! holds the administrator's password (`TOWER_ADMIN_PASSWORD`) and whatever else its service
//! manager gives it.

use std::ffi::OsStr;
use std::process::Command;

/// Names that `encoder.environment` may add at most.
pub const NAMES_MAX: usize = 32;

/// What programs and their libraries need to be found, and to speak the operator's language; none
/// of it is a secret.
const PASSED_ON: [&str; 17] = [
    "FFREPORT",
    "GLIBC_TUNABLES",
    "HOME",
    "LADSPA_PATH",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "RUST_BACKTRACE",
    "SHELL",
    "TMPDIR",
    "TZ",
    "TZDIR",
    "USER",
];
/// The same by the beginning of their names: locales.
const PASSED_ON_BY_PREFIX: &str = "LC_";
/// Variables that start with this configure the tower, and are never passed on.
const OWN_PREFIX: &str = "TOWER_";

/// Gives `command` what is passed on of the tower's environment, and the variables called `also`.
pub fn restrict(command: &mut Command, also: &[String]) {
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_passed_on(name, also)));
}

fn is_passed_on(name: &OsStr, also: &[String]) -> bool {
    let Some(name) = name.to_str() else { return false };
    let is_known = PASSED_ON.contains(&name) || name.starts_with(PASSED_ON_BY_PREFIX);
    is_known || (also.iter().any(|other| other == name) && !name.starts_with(OWN_PREFIX))
}

/// Why `name` cannot be one of `encoder.environment`.
#[must_use]
pub fn name_error(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > 255 || name.contains(['=', '\0']) {
        Some("is no name of a variable; write names alone, such as \"LADSPA_PATH\"")
    } else if name.starts_with(OWN_PREFIX) {
        Some("is the tower's own, and may be a secret; no encoder needs it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_passed_on_and_never_what_configures_the_tower() {
        let also = ["CUDA_CACHE_PATH".to_owned(), "TOWER_ADMIN_PASSWORD".to_owned()];
        for name in ["PATH", "HOME", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_CACHE_PATH"] {
            assert!(is_passed_on(OsStr::new(name), &also), "{name}");
        }
        for name in [
            "TOWER_ADMIN_PASSWORD",
            "TOWER_PORT",
            "NOTIFY_SOCKET",
            "CREDENTIALS_DIRECTORY",
            "AWS_SECRET_ACCESS_KEY",
            "PATHS",
            "path",
            "",
        ] {
            assert!(!is_passed_on(OsStr::new(name), &also), "{name}");
        }
        assert!(!is_passed_on(OsStr::new("CUDA_CACHE_PATH"), &[]));
    }

    #[test]
    fn a_name_is_a_name_and_no_secret_of_the_tower() {
        assert_eq!(name_error("LADSPA_PATH"), None);
        for wrong in ["", "A=b", "A\0", "TOWER_ADMIN_PASSWORD", &"A".repeat(256)] {
            assert!(name_error(wrong).is_some(), "{wrong}");
        }
    }
}
