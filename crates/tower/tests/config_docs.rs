//! docs/configuration.md and docs/tower.toml say what is so.

use radio_tower::config::{Config, ENV_VARIABLES, Input, KEYS, Output, Sources, Webhook, load};
use std::path::{Path, PathBuf};
use toml::Value;

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

fn defaults() -> Config {
    Config { output: vec![Output::default()], ..Config::default() }
}

/// One of each table, to see the defaults of its keys.
fn one_of_each() -> Config {
    Config { input: vec![Input::default()], webhook: vec![Webhook::default()], ..defaults() }
}

fn loaded(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tower.toml");
    std::fs::write(&path, text).unwrap();
    let sources =
        Sources { config_flag: Some(path), default_file: PathBuf::new(), environment: Vec::new(), flags: Vec::new() };
    load(&sources).unwrap_or_else(|error| panic!("{error}\n{text}")).config
}

#[test]
fn every_example_is_good() {
    let text = std::fs::read_to_string(docs("configuration.md")).unwrap();
    let examples: Vec<&str> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        assert_ne!(loaded(example), defaults(), "an example that changes nothing:\n{example}");
    }
}

#[test]
fn the_sample_file_is_the_defaults_and_has_every_key() {
    let text = std::fs::read_to_string(docs("tower.toml")).unwrap();
    assert_eq!(loaded(&text), defaults());
    for key in KEYS {
        let name = key.path.rsplit('.').next().unwrap();
        let there = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
        assert!(text.lines().any(there), "{} is missing", key.path);
    }
}

#[test]
fn every_key_is_in_the_reference_with_its_default_and_what_is_valid() {
    let text = std::fs::read_to_string(docs("configuration.md")).unwrap();
    let tree = Value::try_from(one_of_each()).unwrap();
    for key in KEYS {
        let (table, name) = key.path.rsplit_once('.').unwrap();
        let table = match table.strip_suffix(".*") {
            Some(list) => &tree[list][0],
            None => &tree[table],
        };
        let default = table.get(name).map_or("not set".into(), |value| format!("`{value}`"));
        let row = format!("| `{}` | {default} | {} |", key.path, key.valid);
        assert!(text.contains(&row), "missing or different: {row}");
    }
    let rows = text.lines().filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 4).count();
    assert_eq!(rows, KEYS.len(), "the reference has a key that does not exist");
}

#[test]
fn every_field_of_the_configuration_is_a_key() {
    let json = serde_json::to_value(one_of_each()).unwrap();
    let mut fields = Vec::new();
    for (table, value) in json.as_object().unwrap() {
        let (prefix, value) = value.get(0).map_or((table.clone(), value), |first| (format!("{table}.*"), first));
        fields.extend(value.as_object().unwrap().keys().map(|name| format!("{prefix}.{name}")));
    }
    let mut keys: Vec<String> = KEYS.iter().map(|key| key.path.into()).collect();
    fields.sort();
    keys.sort();
    assert_eq!(fields, keys);
}

#[test]
fn every_variable_is_in_the_table_of_the_environment() {
    let text = std::fs::read_to_string(docs("configuration.md")).unwrap();
    for known in ENV_VARIABLES {
        let row = format!("| `{}` | `{}` |", known.name, known.key);
        assert!(text.contains(&row), "missing: {row}");
    }
}

#[test]
fn every_kind_of_event_is_explained() {
    let text = std::fs::read_to_string(docs("operating.md")).unwrap();
    for kind in radio_tower::life::journal::KINDS {
        assert!(text.contains(&format!("**`{kind}`**")), "docs/operating.md does not say what {kind} means");
    }
}

#[test]
fn what_sets_a_key_besides_the_file_is_told_with_it_and_is_so() {
    let text = std::fs::read_to_string(docs("configuration.md")).unwrap();
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_tower")).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for key in KEYS {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{}` |", key.path))).unwrap();
        let told = row.split(" | ").nth(3).unwrap();
        let mut words: Vec<&str> = told.split('`').filter(|word| !word.trim_matches([',', ' ']).is_empty()).collect();
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let is_flag = |line: &str| line.split_whitespace().any(|word| word.trim_end_matches("...") == *flag);
            assert!(help.lines().any(is_flag), "{}: there is no {flag}", key.path);
        }
        words.retain(|word| !word.starts_with("--"));
        let known = ENV_VARIABLES.iter().filter(|known| known.key == key.path).map(|known| known.name);
        assert_eq!(words, known.collect::<Vec<_>>(), "{}", key.path);
    }
}
