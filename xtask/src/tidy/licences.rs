//! Licences of all packages in `Cargo.lock`, checked against those that `deny.toml` allows.

use super::spdx;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::process::{Command, Output};

/// Configuration of cargo-deny, and the only list of licences.
const RULES: &str = "deny.toml";

/// Keys of `[licenses]` that this check knows: it always includes dependencies of tests.
const KEYS: [&str; 4] = ["allow", "exceptions", "include-dev", "unused-allowed-license"];

/// Lists packages whose licence is not allowed.
pub(crate) fn check() -> Result<Vec<String>> {
    let rules = std::fs::read_to_string(RULES).with_context(|| format!("cannot read {RULES}"))?;
    Ok(faults(&Allowed::parse(&rules)?, &metadata()?))
}

/// The `[licenses]` table: licences for all packages, and more of them for single packages.
struct Allowed {
    everywhere: HashSet<String>,
    exceptions: HashMap<String, HashSet<String>>,
}

impl Allowed {
    fn parse(rules: &str) -> Result<Self> {
        let rules: toml::Table = toml::from_str(rules).with_context(|| format!("{RULES} is not valid TOML"))?;
        let licenses = rules.get("licenses").and_then(toml::Value::as_table);
        let licenses = licenses.with_context(|| format!("{RULES} has no table [licenses]"))?;
        if let Some(unknown) = licenses.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!("{RULES}: licenses.{unknown} is unknown to the licence check: add it there or leave it out");
        }
        let everywhere = texts(licenses.get("allow"))?;
        let mut exceptions = HashMap::new();
        for exception in licenses.get("exceptions").and_then(toml::Value::as_array).into_iter().flatten() {
            let package = exception.get("crate").and_then(toml::Value::as_str);
            let package = package.with_context(|| format!("{RULES}: an exception names no `crate`"))?;
            exceptions.insert(package.to_owned(), texts(exception.get("allow"))?);
        }
        Ok(Self { everywhere, exceptions })
    }

    fn accepts(&self, package: &str, licence: &str) -> bool {
        self.everywhere.contains(licence) || self.exceptions.get(package).is_some_and(|more| more.contains(licence))
    }
}

/// The strings of a TOML array.
fn texts(array: Option<&toml::Value>) -> Result<HashSet<String>> {
    let array = array.and_then(toml::Value::as_array).with_context(|| format!("{RULES}: a list `allow` is missing"))?;
    let text = |value: &toml::Value| value.as_str().map(str::to_owned);
    array.iter().map(|value| text(value).with_context(|| format!("{RULES}: {value} is not a string"))).collect()
}

/// `cargo metadata`: from this disk if all packages are there, else cargo downloads those that are
/// missing (packages of other platforms are never built, so the first run downloads them).
fn metadata() -> Result<Value> {
    let mut output = cargo_metadata(&["--offline"])?;
    if !output.status.success() {
        output = cargo_metadata(&[])?;
    }
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata did not print JSON")
}

fn cargo_metadata(more: &[&str]) -> Result<Output> {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(more)
        .output()
        .context("cannot run cargo")
}

fn faults(allowed: &Allowed, metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    if packages.is_empty() {
        return vec!["cargo metadata lists no package".into()];
    }
    packages.iter().filter_map(|package| fault(allowed, package)).collect()
}

fn fault(allowed: &Allowed, package: &Value) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let version = package["version"].as_str().unwrap_or_default();
    let Some(expression) = package["license"].as_str() else {
        return Some(format!("{name} {version}: states no licence; replace this dependency"));
    };
    match spdx::satisfied(expression, &|licence| allowed.accepts(name, licence)) {
        Ok(true) => None,
        Ok(false) => Some(format!("{name} {version}: {RULES} does not allow its licence `{expression}`")),
        Err(error) => Some(format!("{name} {version}: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SAMPLE: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        exceptions = [{ crate = "lame", allow = ["LGPL-3.0"] }]
    "#;

    fn faults_of(name: &str, license: &Value) -> Vec<String> {
        let package = json!({ "name": name, "version": "1.2.3", "license": license });
        let harmless = json!({ "name": "harmless", "version": "1.0.0", "license": "MIT/Apache-2.0" });
        faults(&Allowed::parse(SAMPLE).unwrap(), &json!({ "packages": [harmless, package] }))
    }

    #[test]
    fn a_package_under_the_gpl_is_a_fault_and_is_named() {
        assert_eq!(faults_of("planted", &json!("MIT")), [""; 0]);
        let expected = "planted 1.2.3: deny.toml does not allow its licence `GPL-3.0-or-later`";
        assert_eq!(faults_of("planted", &json!("GPL-3.0-or-later")), [expected]);
    }

    #[test]
    fn an_exception_counts_for_its_package_alone() {
        assert_eq!(faults_of("lame", &json!("LGPL-3.0")), [""; 0]);
        assert_eq!(faults_of("lame2", &json!("LGPL-3.0")).len(), 1);
    }

    #[test]
    fn a_package_without_a_readable_licence_is_a_fault() {
        assert_eq!(faults_of("silent", &Value::Null).len(), 1);
        assert_eq!(faults_of("garbled", &json!("MIT OR")).len(), 1);
        assert_eq!(faults(&Allowed::parse(SAMPLE).unwrap(), &json!({})).len(), 1);
    }

    #[test]
    fn rules_that_this_check_does_not_understand_are_errors() {
        for rules in [
            "",
            "[licenses]",
            "[licenses]\nallow = [1]",
            "[licenses]\nallow = []\nclarify = []",
            "[licenses]\nallow = []\nexceptions = [{ name = \"x\", allow = [] }]",
        ] {
            assert!(Allowed::parse(rules).is_err(), "{rules}");
        }
    }

    #[test]
    fn the_rules_of_this_repository_allow_one_package_the_lgpl() {
        let rules = std::fs::read_to_string(crate::workspace().join(RULES)).unwrap();
        let allowed = Allowed::parse(&rules).unwrap();
        assert!(allowed.accepts("mp3lame-sys", "LGPL-3.0"));
        assert!(!allowed.accepts("symphonia", "LGPL-3.0"));
        assert!(allowed.accepts("symphonia", "MPL-2.0"));
        assert!(
            ["GPL-2.0-only", "GPL-3.0-only", "AGPL-3.0-only"].iter().all(|licence| !allowed.accepts("any", licence))
        );
    }
}
