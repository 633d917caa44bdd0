//! What a new configuration changes, and what of it can be done on air (SPEC CFG-2). No I/O.

use radio_config::{Config, Output, masked};
use serde::Serialize;
use std::collections::BTreeMap;
use toml::Value;

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It counts at once, and no listener notices.
    Now,
    /// An output is replaced: its listeners get the rest of their frame, and connect again.
    Reconnect,
    /// It waits for a restart of the tower; until then the old value stays in force.
    Restart,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Difference {
    /// An entry of a list comes.
    Added,
    /// An entry of a list goes.
    Removed,
    /// A value is another.
    Changed,
}

/// One value that differs, or an entry that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `router.grace_ms`, `output./stream.bitrate_kbps`, `input.dj`.
    pub key: String,
    /// What differs.
    pub change: Difference,
    /// As it is in force; none: there was none.
    pub from: Option<String>,
    /// As it is to be; none: there is to be none.
    pub to: Option<String>,
    /// What becomes of it.
    pub effect: Effect,
}

/// All that differs, and what is to be in force.
#[derive(Clone, Debug)]
pub struct Plan {
    /// By key.
    pub changes: Vec<Change>,
    /// The new configuration, less what waits for a restart.
    pub config: Config,
}

/// Lists, and what each of their entries is known by.
const LISTS: [(&str, &str); 4] = [("input", "name"), ("output", "mount"), ("user", "name"), ("webhook", "name")];

/// Whole tables that are read at the start only.
const AT_START: [&str; 3] = ["encoder", "log", "tls"];

/// Single keys that are read at the start only.
const KEYS_AT_START: [&str; 13] = [
    "server.host",
    "server.port",
    "server.icy",
    "server.shards",
    "server.period_ms",
    "server.crowd_above",
    "server.crowd_below",
    "server.state_dir",
    "server.admin_socket",
    "station.socket",
    "router.fade_ms",
    "fallback.tone",
    "fallback.tone_dbfs",
];

/// What of an output can be changed while its encoder goes on.
const KEYS_OF_RUNNING_OUTPUTS: [&str; 9] =
    ["aliases", "name", "genre", "description", "url", "password", "listeners_max", "burst_ms", "title_charset"];

/// Compares. `listeners_room` is what the tower has had memory for since its start.
#[must_use]
pub fn plan(old: &Config, new: &Config, listeners_room: usize) -> Plan {
    let config = in_force(old, new, listeners_room);
    let (before, after) = (rows(old), rows(new));
    let (shown_before, shown_after) = (rows(&masked(old)), rows(&masked(new)));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&&String| before.get(**key) != after.get(**key);
    let change = |key: &String| {
        let effect = effect(key, new, &before, &after, listeners_room);
        let value = |rows: &Rows| match rows.get(key) {
            Some(Row::Value(value)) => Some(value.clone()),
            Some(Row::Entry) | None => None,
        };
        let change = match (before.get(key), after.get(key)) {
            (None, Some(Row::Entry)) => Difference::Added,
            (Some(Row::Entry), None) => Difference::Removed,
            _ => Difference::Changed,
        };
        Change { key: key.clone(), change, from: value(&shown_before), to: value(&shown_after), effect }
    };
    Plan { changes: keys.iter().filter(differs).map(|key| change(key)).collect(), config }
}

/// Whether an output can go on as it is, with what is changed of it.
#[must_use]
pub(super) fn goes_on(old: &Output, new: &Output) -> bool {
    let as_before = Output {
        aliases: old.aliases.clone(),
        name: old.name.clone(),
        genre: old.genre.clone(),
        description: old.description.clone(),
        url: old.url.clone(),
        password: old.password.clone(),
        listeners_max: old.listeners_max,
        burst_ms: old.burst_ms,
        title_charset: old.title_charset,
        ..new.clone()
    };
    as_before == *old
}

fn in_force(old: &Config, new: &Config, listeners_room: usize) -> Config {
    let mut config = new.clone();
    config.server = radio_config::Server {
        listeners_max: if new.server.listeners_max as usize > listeners_room {
            old.server.listeners_max
        } else {
            new.server.listeners_max
        },
        listeners_per_address_max: new.server.listeners_per_address_max,
        mbit_max: new.server.mbit_max,
        overflow_url: new.server.overflow_url.clone(),
        names: new.server.names.clone(),
        trusted_proxies: new.server.trusted_proxies.clone(),
        proxy_protocol: new.server.proxy_protocol,
        location: new.server.location.clone(),
        admin_contact: new.server.admin_contact.clone(),
        ..old.server.clone()
    };
    config.station.socket.clone_from(&old.station.socket);
    config.router.fade_ms = old.router.fade_ms;
    (config.fallback.tone, config.fallback.tone_dbfs) = (old.fallback.tone, old.fallback.tone_dbfs);
    (config.encoder, config.log, config.tls) = (old.encoder.clone(), old.log.clone(), old.tls.clone());
    if new.admin.password.is_empty() {
        config.admin = old.admin.clone();
    }
    config
}

type Rows = BTreeMap<String, Row>;

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    /// An entry of a list is there.
    Entry,
    /// A value.
    Value(String),
}

fn effect(key: &str, new: &Config, before: &Rows, after: &Rows, listeners_room: usize) -> Effect {
    let (table, rest) = key.split_once('.').unwrap_or((key, ""));
    let waits = AT_START.contains(&table)
        || KEYS_AT_START.contains(&key)
        // A token would have to be told to somebody who reads what the tower prints at its start.
        || (key == "admin.password" && new.admin.password.is_empty())
        || (key == "server.listeners_max" && new.server.listeners_max as usize > listeners_room);
    let (entry, name) = rest.rsplit_once('.').unwrap_or((rest, ""));
    let is_there = |rows: &Rows| rows.contains_key(&format!("output.{entry}"));
    if waits {
        Effect::Restart
    } else if table == "output" && name.is_empty() {
        // One more is no change for anybody; one less is for its listeners.
        if after.contains_key(key) { Effect::Now } else { Effect::Reconnect }
    } else if table == "output" && is_there(before) && !KEYS_OF_RUNNING_OUTPUTS.contains(&name) {
        Effect::Reconnect
    } else {
        Effect::Now
    }
}

/// Every value by its key. Entries of lists go by their names, and an entry that only one side has is one row.
fn rows(config: &Config) -> Rows {
    let mut rows = Rows::new();
    let Ok(tree) = Value::try_from(config) else { return rows };
    for (table, value) in tree.as_table().into_iter().flatten() {
        let known_by = LISTS.iter().find(|(list, _)| list == table).map(|(_, name)| *name);
        match (value, known_by) {
            (Value::Array(entries), Some(name)) => {
                for entry in entries {
                    let called = entry.get(name).and_then(Value::as_str).unwrap_or("?");
                    rows.insert(format!("{table}.{called}"), Row::Entry);
                    keys(&mut rows, &format!("{table}.{called}"), entry, Some(name));
                }
            }
            _ => keys(&mut rows, table, value, None),
        }
    }
    rows
}

fn keys(rows: &mut Rows, prefix: &str, value: &Value, but: Option<&str>) {
    for (key, value) in value.as_table().into_iter().flatten().filter(|(key, _)| Some(key.as_str()) != but) {
        let text = match value {
            // Stored as f32: so many digits as that has.
            Value::Float(number) => format!("{:?}", *number as f32),
            other => other.to_string(),
        };
        rows.insert(format!("{prefix}.{key}"), Row::Value(text));
    }
}

impl Plan {
    /// Drops the single values of entries that only one side has: that they come or go says it all.
    #[must_use]
    pub fn summed_up(mut self) -> Self {
        let entries = self.changes.iter().filter(|change| change.change != Difference::Changed);
        let whole: Vec<String> = entries.map(|change| change.key.clone()).collect();
        self.changes.retain(|change| !whole.iter().any(|key| change.key.starts_with(&format!("{key}."))));
        self
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.change {
            Difference::Added => write!(f, "{} comes", self.key)?,
            Difference::Removed => write!(f, "{} goes", self.key)?,
            Difference::Changed => {
                let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
                write!(f, "{}: {} -> {}", self.key, shown(&self.from), shown(&self.to))?;
            }
        }
        match self.effect {
            Effect::Now => Ok(()),
            Effect::Reconnect => f.write_str(" (its listeners connect again)"),
            Effect::Restart => f.write_str(" (after a restart)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_config::Input;

    fn config() -> Config {
        Config {
            output: vec![Output::default()],
            input: vec![Input { password: "one".into(), ..Input::default() }],
            ..Config::default()
        }
    }

    fn changes(change: impl FnOnce(&mut Config)) -> (Vec<(String, Effect)>, Config) {
        let (old, mut new) = (config(), config());
        change(&mut new);
        let plan = plan(&old, &new, 10_000).summed_up();
        (plan.changes.into_iter().map(|change| (change.key, change.effect)).collect(), plan.config)
    }

    #[test]
    fn nothing_changed_is_no_change() {
        let (changes, in_force) = changes(|_| ());
        assert!(changes.is_empty());
        assert_eq!(in_force, config());
    }

    #[test]
    fn each_value_is_told_with_its_effect_and_what_waits_is_not_in_force() {
        let (changes, in_force) = changes(|config| {
            config.router.grace_ms = 99;
            config.server.port = 1;
            config.output[0].bitrate_kbps = 64;
            config.output[0].name = "Other".into();
            config.input[0].password = "two".into();
            config.server.listeners_max = 10_001;
        });
        let wanted = [
            ("input.live.password", Effect::Now),
            ("output./stream.bitrate_kbps", Effect::Reconnect),
            ("output./stream.name", Effect::Now),
            ("router.grace_ms", Effect::Now),
            ("server.listeners_max", Effect::Restart),
            ("server.port", Effect::Restart),
        ];
        assert_eq!(changes, wanted.map(|(key, effect)| (key.to_owned(), effect)));
        assert_eq!((in_force.server.port, in_force.router.grace_ms), (8000, 99));
        assert_eq!(in_force.server.listeners_max, 10_000);
    }

    #[test]
    fn entries_come_and_go_as_a_whole_and_no_secret_is_told() {
        let (old, mut new) = (config(), config());
        new.output.push(Output { mount: "/low".into(), ..Output::default() });
        new.input = vec![Input { name: "dj".into(), password: "hush".into(), ..Input::default() }];
        new.admin.password = "secret".into();
        let told: Vec<String> = plan(&old, &new, 10_000).summed_up().changes.iter().map(Change::to_string).collect();
        assert_eq!(
            told,
            ["admin.password: \"\" -> \"********\"", "input.dj comes", "input.live goes", "output./low comes"]
        );
        let back: Vec<_> =
            plan(&new, &old, 10_000).summed_up().changes.iter().map(|c| (c.key.clone(), c.effect)).collect();
        assert!(back.contains(&("output./low".into(), Effect::Reconnect)), "{back:?}");
        assert!(back.contains(&("admin.password".into(), Effect::Restart)), "{back:?}");
    }

    #[test]
    fn every_key_that_waits_for_a_restart_is_as_before() {
        // Whatever is told to wait must not be in force, or it would take effect in part.
        let old = config();
        let mut new = config();
        (new.server.host, new.server.port, new.server.shards) = ([127, 0, 0, 2].into(), 1, 3);
        new.server.icy = true;
        (new.server.period_ms, new.server.crowd_above, new.server.crowd_below) = (240, 9, 8);
        (new.server.admin_socket, new.station.socket) = ("/a".into(), "/b".into());
        new.server.state_dir = "/c".into();
        (new.router.fade_ms, new.fallback.tone, new.fallback.tone_dbfs) = (1, false, -3.0);
        (new.encoder.enabled, new.log.level, new.tls.port) = (false, "debug".into(), 1);
        let plan = plan(&old, &new, 10_000);
        assert!(plan.changes.iter().all(|change| change.effect == Effect::Restart), "{:?}", plan.changes);
        assert_eq!(plan.config, old);
        let keys = KEYS_AT_START.iter().filter(|key| plan.changes.iter().any(|change| change.key == **key));
        assert_eq!(keys.count(), KEYS_AT_START.len());
    }

    #[test]
    fn which_proxies_are_trusted_and_what_statistics_say_counts_at_once() {
        let (changes, in_force) = changes(|config| {
            config.server.location = "Vienna".into();
            config.server.admin_contact = "radio@example.org".into();
            config.server.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
            config.server.proxy_protocol = true;
        });
        let keys = ["server.admin_contact", "server.location", "server.proxy_protocol", "server.trusted_proxies"];
        assert_eq!(changes, keys.map(|key| (key.to_owned(), Effect::Now)));
        assert_eq!((in_force.server.location.as_str(), in_force.server.admin_contact.len()), ("Vienna", 17));
        assert!(in_force.server.proxy_protocol && in_force.server.trusts([10, 1, 2, 3].into()));
    }

    #[test]
    fn the_limit_of_the_uplink_counts_at_once() {
        let (changes, in_force) = changes(|config| {
            config.server.mbit_max = 0.3;
            config.server.overflow_url = "https://edge.example.org".into();
        });
        let keys = ["server.mbit_max", "server.overflow_url"];
        assert_eq!(changes, keys.map(|key| (key.to_owned(), Effect::Now)));
        assert_eq!((in_force.server.mbit_max, in_force.server.overflow_url.len()), (0.3, 24));
    }

    #[test]
    fn an_output_goes_on_if_only_what_its_listeners_read_is_changed() {
        let old = Output::default();
        assert!(goes_on(
            &old,
            &Output { name: "x".into(), url: "y".into(), listeners_max: 9, burst_ms: 9, ..old.clone() }
        ));
        assert!(!goes_on(&old, &Output { channels: 1, ..old.clone() }));
    }
}
