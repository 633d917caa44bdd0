//! What everybody may know of the tower: what a listener hears, and how well (SPEC API-2). Who is connected from where,
//! processes, paths, receivers and events are for those who have been let in.
//!
//! What is not named here is not shown, so that something new is private until somebody thinks of it.

use serde_json::Value;

const TOWER: [&str; 19] = [
    "version",
    "epoch",
    "epoch_started_at",
    "tick",
    "uptime_seconds",
    "on_air",
    "operator",
    "now_playing",
    "programme",
    "alarms",
    "health",
    "inputs",
    "players",
    "outputs",
    "listeners",
    "lateness_ms",
    "realtime",
    "reanchors",
    "events_lost",
];
const ALARM: [&str; 5] = ["alarm", "mount", "severity", "since", "tick"];
const INPUT: [&str; 4] = ["name", "source", "feed", "producers"];
const SOURCE: [&str; 3] = ["mount", "priority", "connected"];
const CONNECTED: [&str; 6] = ["content_type", "codec", "rate_hz", "seconds", "bad_packets", "resyncs"];
const FEED: [&str; 2] = ["kind", "priority"];
const ENCODER: [&str; 10] = [
    "state",
    "kind",
    "guarantee",
    "carried_by",
    "restarts",
    "deaths",
    "last_replay",
    "replays",
    "replays_proved",
    "replays_unmatched",
];

/// Takes away what is not for everybody.
pub(super) fn view(mut status: Value) -> Value {
    keep(&mut status, &TOWER);
    keep(&mut status["alarms"], &ALARM);
    keep(&mut status["inputs"], &INPUT);
    for input in list(&mut status["inputs"]) {
        keep(&mut input["feed"], &FEED);
        keep(&mut input["source"], &SOURCE);
        if let Some(connected) = input["source"].get_mut("connected") {
            keep(connected, &CONNECTED);
        }
    }
    for player in list(&mut status["players"]) {
        for pointer in ["/playing/file", "/on_air/file"] {
            if let Some(file) = player.pointer_mut(pointer) {
                *file = file.as_str().and_then(|path| path.rsplit('/').next()).into();
            }
        }
    }
    for output in list(&mut status["outputs"]) {
        // Its texts name processes.
        output.as_object_mut().map(|output| output.remove("encoder_history"));
        keep(&mut output["encoder"], &ENCODER);
    }
    status
}

/// Leaves these fields to an object, or to each of a list.
fn keep(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => fields.retain(|name, _| names.contains(&name.as_str())),
        Value::Array(values) => values.iter_mut().for_each(|value| keep(value, names)),
        _ => {}
    }
}

fn list(value: &mut Value) -> &mut [Value] {
    value.as_array_mut().map_or(&mut [], Vec::as_mut_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_listener_hears_is_left_and_nothing_that_is_not_named() {
        let status = json!({
            "pid": 7, "events": [], "new": "private", "tick": 3, "alarms": [{ "alarm": "silence", "text": "/run" }],
            "inputs": [{
                "name": "dj", "new": 1, "producers": [], "feed": { "kind": "tcp", "state": { "address": "10.0.0.1:1" } },
                "source": { "mount": "/live", "connected": { "address": "10.0.0.2:1", "codec": "mp3" } },
            }, { "name": "station", "source": null, "feed": null, "producers": [] }],
            "players": [{ "playing": { "file": "/home/ann/a b.mp3" } }, { "playing": null }],
            "outputs": [{ "mount": "/stream", "encoder": { "pid": 8, "state": "RUNNING" }, "encoder_history": [] }],
        });
        let left = json!({
            "tick": 3, "alarms": [{ "alarm": "silence" }],
            "inputs": [{
                "name": "dj", "producers": [], "feed": { "kind": "tcp" },
                "source": { "mount": "/live", "connected": { "codec": "mp3" } },
            }, { "name": "station", "source": null, "feed": null, "producers": [] }],
            "players": [{ "playing": { "file": "a b.mp3" } }, { "playing": null }],
            "outputs": [{ "mount": "/stream", "encoder": { "state": "RUNNING" } }],
        });
        assert_eq!(view(status), left);
    }
}
