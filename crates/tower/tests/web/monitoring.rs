//! What monitoring is given is true: every metric is documented, and alert rules and dashboard name none that is not
//! there (SPEC API-2).

use crate::common;
use radio_proof::alarm::wait_for;
use radio_proof::tower::Tower;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// What stands above the table in docs/metrics.md.
const HEAD: &str = "# Metrics\n\nEvery figure of `GET /metrics`, as the tower itself tells it. This page is made from its answer: \
    `METRICS_DOC=write cargo test --test web monitoring` writes it anew.\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n";

/// A family of metrics.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything that a tower tells once it has heard itself.
fn families() -> (Tower, BTreeMap<String, Family>) {
    let webhook = "webhook = [{ url = \"http://127.0.0.1:1/\", secret = \"0123456789abcdef\", kinds = [\"action\"] }]";
    let tower = common::setup().line("play.paths = [\"/nonexistent\"]").line(webhook).start();
    let text = wait_for("the tower to have heard itself", LIMIT, || {
        let text = tower.get("/metrics").text();
        text.contains("tower_output_likeness{").then_some(text)
    });
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.into()).or_default().help = help.into();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.into()).or_default().kind = kind.into();
        } else if let Some((name, labels)) = line.split_once('{') {
            let name = family_of(name, &families).unwrap_or_else(|| panic!("a sample of no family: {line}"));
            let labels = labels.split("=\"").map(|part| part.rsplit(['{', ',']).next().unwrap_or_default());
            let names = labels.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            families.get_mut(&name).expect("it was found").labels.extend(names.map(str::to_owned));
        }
    }
    (tower, families)
}

/// The family that a sample belongs to: a histogram's have an ending.
fn family_of(sample: &str, families: &BTreeMap<String, Family>) -> Option<String> {
    let endings = ["", "_bucket", "_sum", "_count"];
    endings
        .iter()
        .filter_map(|ending| sample.strip_suffix(ending))
        .find(|name| families.contains_key(*name))
        .map(Into::into)
}

/// Names of metrics in a text of any form.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tower_") || word.starts_with("process_")).collect()
}

#[test]
fn every_metric_is_documented_and_the_page_is_current() {
    let (_tower, families) = families();
    let mut page = HEAD.to_owned();
    for (name, Family { kind, help, labels }) in &families {
        assert!(!help.is_empty() && !kind.is_empty(), "{name}");
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        page += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    if std::env::var_os("METRICS_DOC").is_some_and(|value| value == "write") {
        std::fs::write(repository("docs/metrics.md"), &page).expect("docs/ can be written");
    }
    assert_eq!(read("docs/metrics.md"), page, "METRICS_DOC=write cargo test --test web monitoring");
}

#[test]
fn alert_rules_and_dashboard_name_only_metrics_that_exist() {
    let (_tower, families) = families();
    for path in ["packaging/prometheus/radio-tower.rules.yml", "packaging/grafana/radio-tower.json"] {
        let text = read(path);
        let names = names_in(&text);
        assert!(names.len() >= 10, "{path}: {names:?}");
        let unknown: Vec<_> = names.into_iter().filter(|name| family_of(name, &families).is_none()).collect();
        assert!(unknown.is_empty(), "{path} names metrics that do not exist: {unknown:?}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(&read("packaging/grafana/radio-tower.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.iter().all(|panel| !names_in(&panel["targets"].to_string()).is_empty()), "a panel without a metric");
}

#[test]
fn promtool_can_read_every_expression_of_the_dashboard() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("packaging/grafana/radio-tower.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().expect("an expression")).collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    for shown in ["tower_listener_lag_seconds_bucket", "tower_arrival_to_send_seconds_bucket"] {
        assert!(expressions.iter().any(|expression| expression.contains(shown)), "no panel shows {shown}");
    }
    // As Grafana fills them in. JSON is YAML, too.
    let filled = expressions.iter().map(|expression| expression.replace("$instance", "radio:8000"));
    let rules: Vec<_> =
        filled.zip(0..).map(|(expr, n)| json!({ "record": format!("panel:{n}"), "expr": expr })).collect();
    assert!(!rules.iter().any(|rule| rule["expr"].to_string().contains('$')), "a variable that Grafana is not given");
    let file = tempfile::NamedTempFile::with_suffix(".yml").expect("a temporary file");
    let rules = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(file.path(), rules.to_string()).expect("a temporary file");
    promtool(&["check", "rules", &file.path().display().to_string()]);
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(repository("packaging/prometheus")).output();
    let output = output.expect("promtool: apt-get install prometheus");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn promtool_finds_no_fault_in_the_alert_rules_and_they_fire_as_they_should() {
    promtool(&["check", "rules", "radio-tower.rules.yml"]);
    promtool(&["test", "rules", "radio-tower.rules.test.yml"]);
    // Each of them is shown to fire.
    let (rules, tests) =
        (read("packaging/prometheus/radio-tower.rules.yml"), read("packaging/prometheus/radio-tower.rules.test.yml"));
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let untested: Vec<_> = alerts.filter(|alert| !tests.contains(&format!("        alertname: {alert}\n"))).collect();
    assert!(untested.is_empty(), "alerts that no test sees firing: {untested:?}");
}
