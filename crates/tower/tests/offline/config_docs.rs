//! docs/configuration.md and docs/tower.toml say what is so.

use radio_config::{Config, ENV_VARIABLES, Input, KEYS, Key, Output, Sources, User, Webhook, load};
use radio_tower::cli::args::FLAGS;
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
    let user = vec![User::default()];
    Config { input: vec![Input::default()], user, webhook: vec![Webhook::default()], ..defaults() }
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
    let pages = std::fs::read_dir(docs("")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let texts: Vec<String> = pages.map(|page| std::fs::read_to_string(page).unwrap()).collect();
    let of_page = |text: &'_ String| text.split("```toml\n").skip(1).map(str::to_owned).collect::<Vec<_>>();
    let examples: Vec<String> = texts.iter().flat_map(of_page).collect();
    assert!(examples.len() >= 6);
    for example in examples.iter().filter_map(|rest| rest.split("```").next()) {
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

/// A key's line in the reference: all that the code knows of it.
fn row(key: &Key, tree: &Value) -> String {
    let (table, name) = key.path.rsplit_once('.').unwrap();
    let table = match table.strip_suffix(".*") {
        Some(list) => &tree[list][0],
        None => &tree[table],
    };
    let default = table.get(name).map_or("not set".into(), |value| format!("`{value}`"));
    let variables = ENV_VARIABLES.iter().filter(|known| known.key == key.path).map(|known| known.name);
    let flags = FLAGS.iter().filter(|(_, set)| set.replace(".0.", ".*.") == key.path).map(|(flag, _)| *flag);
    let ways: Vec<String> = variables.chain(flags).map(|way| format!("`{way}`")).collect();
    format!("| `{}` | {default} | {} | {} | {} |", key.path, key.valid, ways.join(", "), key.about)
}

#[test]
fn the_reference_is_made_of_the_table_of_keys() {
    let before = std::fs::read_to_string(docs("configuration.md")).unwrap();
    let tree = Value::try_from(one_of_each()).unwrap();
    let is_row = |line: &str| line.starts_with("| `") && line.matches(" | ").count() == 4;
    let made = |line: &str| {
        let key = KEYS.iter().find(|key| is_row(line) && line.starts_with(&format!("| `{}` |", key.path)));
        key.map_or_else(|| line.to_owned(), |key| row(key, &tree))
    };
    let text: String = before.lines().map(|line| made(line) + "\n").collect();
    if std::env::var_os("CONFIG_DOC").is_some_and(|wish| wish == "write") {
        std::fs::write(docs("configuration.md"), &text).expect("docs/ can be written");
    }
    for key in KEYS {
        let count =
            text.lines().filter(|line| line.starts_with(&format!("| `{}` |", key.path)) && is_row(line)).count();
        assert_eq!(count, 1, "{} must have one line in docs/configuration.md, whatever else stands in it", key.path);
    }
    assert_eq!(text.lines().filter(|line| is_row(line)).count(), KEYS.len(), "a key that does not exist");
    let current = std::fs::read_to_string(docs("configuration.md")).unwrap();
    assert!(current == text, "not current: CONFIG_DOC=write cargo test --test offline config_docs");
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
    for kind in radio_base::journal::event::KINDS {
        assert!(text.contains(&format!("**`{kind}`**")), "docs/operating.md does not say what {kind} means");
    }
}

/// `RADIO_WRITE_DOCS=1` writes the page.
#[test]
fn the_page_of_events_is_what_the_code_knows_of_them() {
    let page = radio_base::journal::event::page();
    if std::env::var_os("RADIO_WRITE_DOCS").is_some() {
        std::fs::write(docs("events.md"), &page).unwrap();
    }
    assert!(std::fs::read_to_string(docs("events.md")).unwrap() == page, "write it anew: RADIO_WRITE_DOCS=1");
    for what in ["song_skipped", "source_left", "alarm_raised", "hold_began", "certificate_new"] {
        assert!(page.contains(&format!("| `{what}` | ")), "{what}");
    }
    assert!(page.contains("`timed_out`: Nothing came for too long") && page.contains("`silent_frames`: "), "{page}");
}

#[test]
fn every_flag_that_the_reference_names_is_there_and_sets_its_key() {
    let tower = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_tower")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let help = tower(&["serve", "--help"]);
    for (flag, key) in FLAGS {
        let is_flag = |line: &str| line.split_whitespace().any(|word| word.trim_end_matches("...") == flag);
        assert!(help.lines().any(is_flag), "there is no {flag}");
        let value = match key {
            "server.host" => "127.0.0.9",
            "output.0.encoder" => "ffmpeg",
            "station.pacing" => "resample",
            "log.level" => "warn",
            _ => "64",
        };
        let config: serde_json::Value = serde_json::from_str(&tower(&["config", "--json", flag, value])).unwrap();
        assert_eq!(config["origins"][key]["flag"], flag, "{key}");
    }
}
