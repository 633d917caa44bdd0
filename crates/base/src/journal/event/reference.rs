//! Every event with its fields, from the types: for the description of the API, and for docs/events.md.

use super::{Event, KINDS, Kind};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use strum::IntoEnumIterator;

/// The JSON schema of an event's `data`.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<Event>().to_value()
}

/// docs/events.md.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Events\n\nWhat happens is told as events: in `/status`, by `GET /events` and `/api/events`, to webhooks, by \
         `tower events`, and in\nthe log. Each is `{epoch, id, time, tick, kind, data, text}`. `text` is for people, and \
         its words may change; scripts read\n`data`, whose `what` is the name of the event. What to do about each kind: \
         [operating.md](operating.md#at-three-in-the-morning).\n",
    );
    let schema = schema();
    let variants = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    let of_name = |name: &str| variants.iter().find(|variant| variant["properties"]["what"]["const"] == name);
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for event in Event::iter() {
        let name = serde_json::to_value(&event).ok().and_then(|data| data["what"].as_str().map(str::to_owned));
        kinds.entry(event.kind().name()).or_default().extend(name);
    }
    for kind in KINDS {
        let _ = write!(page, "\n## `{kind}`\n\n");
        if kind == Kind::Silence.name() {
            page.push_str("`hold_ended`, where `silent_frames` is not 0.\n");
            continue;
        }
        if kind == Kind::Tls.name() {
            page.push_str("Where `was_bad`, it is of the kind `alarm_over`.\n\n");
        }
        page.push_str("| what | when | fields |\n|---|---|---|\n");
        for name in kinds.get(kind).into_iter().flatten() {
            let Some(variant) = of_name(name) else { continue };
            let when = variant["description"].as_str().unwrap_or_default().replace('\n', " ");
            let _ = writeln!(page, "| `{name}` | {when} | {} |", fields(variant));
        }
    }
    page
}

/// The fields of an event, each with what it is.
fn fields(variant: &Value) -> String {
    let own = variant["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "what");
    let mut told: Vec<String> = own.map(|(name, field)| format!("`{name}`: {}", sentence(field))).collect();
    // How a source ended is a choice of its own.
    let ends = variant["oneOf"].as_array().into_iter().flatten();
    let ends: Vec<String> = ends
        .filter_map(|end| Some(format!("`{}`: {}", end["properties"]["end"]["const"].as_str()?, sentence(end))))
        .collect();
    if !ends.is_empty() {
        told.push(format!("`end`: one of {}", ends.join("; ")));
    }
    told.join("; ")
}

/// A description without its full stop.
fn sentence(field: &Value) -> String {
    field["description"].as_str().unwrap_or_default().trim_end_matches('.').replace('\n', " ")
}
