//! The systemd unit in `packaging/systemd`: its settings, and the system calls that it permits.

use crate::tools::content;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A packaged file of systemd.
#[must_use]
pub fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd").join(name)
}

/// The text of the service's unit.
pub struct Unit(String);

impl Unit {
    /// The unit that is shipped.
    #[track_caller]
    #[must_use]
    pub fn shipped() -> Self {
        Self(std::fs::read_to_string(packaged("radio-tower.service")).expect("the unit"))
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The values of a setting, in their order.
    pub fn values<'a>(&'a self, setting: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(setting)?.strip_prefix('='))
    }

    /// The number that a setting has.
    #[track_caller]
    #[must_use]
    pub fn number(&self, setting: &str) -> i64 {
        let number = self.values(setting).last().and_then(|value| value.parse().ok());
        number.unwrap_or_else(|| panic!("the unit has no number for {setting}"))
    }

    /// The names of the system calls that it permits: each line of its filter adds calls, or takes
    /// some away.
    #[track_caller]
    #[must_use]
    pub fn permitted_calls(&self) -> BTreeSet<String> {
        let listed = content(Command::new("systemd-analyze").args(["--no-pager", "syscall-filter"]));
        let groups = groups(&listed);
        let mut permitted = BTreeSet::new();
        for line in self.values("SystemCallFilter") {
            let calls = line.trim_start_matches('~').split_whitespace().flat_map(|name| members(&groups, name));
            if line.starts_with('~') {
                calls.for_each(|call| _ = permitted.remove(&call));
            } else {
                permitted.extend(calls);
            }
        }
        permitted
    }
}

/// What systemd lists: a group's name at the beginning of a line, and its members indented below it.
fn groups(listed: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut groups = BTreeMap::<&str, Vec<&str>>::new();
    let mut name = "";
    for line in listed.lines().filter(|line| !line.trim_start().is_empty() && !line.trim_start().starts_with('#')) {
        if line.starts_with('@') {
            name = line.trim_end();
        } else if line.starts_with(' ') {
            groups.entry(name).or_default().push(line.trim());
        }
    }
    groups
}

/// The calls in a group such as `@resources`, which may hold other groups; a call is a group of
/// itself.
fn members(groups: &BTreeMap<&str, Vec<&str>>, name: &str) -> Vec<String> {
    match groups.get(name) {
        Some(inside) => inside.iter().flat_map(|name| members(groups, name)).collect(),
        None => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_resolved_to_calls() {
        let listed =
            "@inner\n    # What it is\n    chown\n\n@outer\n    # What it is\n    @inner\n    read\n\n# Not listed\n";
        let groups = groups(listed);
        assert_eq!(members(&groups, "@outer"), ["chown", "read"]);
        assert_eq!(members(&groups, "write"), ["write"]);
    }

    #[test]
    fn the_shipped_unit_permits_ordinary_calls_and_no_mount() {
        let unit = Unit::shipped();
        let permitted = unit.permitted_calls();
        assert!(permitted.len() > 200 && permitted.contains("read") && !permitted.contains("mount"), "{permitted:?}");
        assert_eq!(unit.number("LimitNOFILE"), 20_000);
    }
}
