//! The status as a compact table: shows what is there, and a dash where something is not.

use super::super::Paint;
use super::cells::{Cell, clean, dash, duration, fill, grid, list, measure, shown};
use serde_json::Value;

/// Ticks in a second times 24 ms.
const TICK_SECONDS: f64 = 0.024;
const EVENTS_SHOWN: usize = 5;
/// Below this it is another sound than the programme.
const LIKENESS_MIN: f64 = 0.5;

/// `status` for people: about 24 lines of 80 columns for one input and one output.
pub(super) fn table(status: &Value, colours: bool) -> String {
    let mut out = head(status, colours);
    out += &troubles(status, colours);
    out += &inputs(&status["inputs"], colours);
    out += &outputs(&status["outputs"], colours);
    let listeners = &status["listeners"];
    let (now, peak) = (shown(&listeners["now"]), shown(&listeners["peak"]));
    out += &format!("\nlisteners  {now} now, {peak} at most{}\n", uplink(listeners));
    let late = &status["lateness_ms"];
    let figures = ["p50", "p99", "p999", "max"].map(|name| format!("{name} {} ms", shown(&late[name]))).join("   ");
    out += &format!("lateness   {figures}\n");
    out + &events(&status["events"], colours)
}

fn head(status: &Value, colours: bool) -> String {
    let epoch: String = shown(&status["epoch"]).chars().take(8).collect();
    let uptime = status["uptime_seconds"].as_f64().map_or_else(dash, duration);
    let title = Paint::Bold.on(&format!("Radio Tower {}", shown(&status["version"])), colours);
    let tick = shown(&status["tick"]);
    let on_air = &status["on_air"];
    let since = match (status["tick"].as_f64(), on_air["since_tick"].as_f64()) {
        (Some(tick), Some(since)) => format!(" for {}", duration((tick - since).max(0.0) * TICK_SECONDS)),
        _ => String::new(),
    };
    let reason = on_air["reason"].as_str().map_or_else(String::new, |reason| format!(" ({})", clean(reason)));
    let source = Paint::Green.on(&shown(&on_air["source"]), colours);
    let playing = shown(&status["now_playing"]["label"]);
    let programme = &status["programme"];
    let (short, peak) = (measure(&programme["short_term_lufs"], "LUFS"), measure(&programme["true_peak_dbtp"], "dBTP"));
    format!(
        "{title}   up {uptime}   tick {tick}   epoch {epoch}\non air     {source}{since}{reason}\ntitle      {playing}\n{}\
         programme  {short}   peak {peak}\n",
        wishes(&status["operator"], colours)
    )
}

/// What all listeners together are sent, and the limit if there is one.
fn uplink(listeners: &Value) -> String {
    let Some(mbit) = listeners["mbit"].as_f64() else { return String::new() };
    let limit = listeners["mbit_max"].as_f64().map_or_else(String::new, |limit| format!(" of {limit} allowed"));
    format!("   {mbit:.2} Mbit/s{limit}")
}

/// What the operator wants over the head of the rules, if anything.
fn wishes(operator: &Value, colours: bool) -> String {
    let forced = operator["fallback_forced"].as_bool().filter(|&forced| forced);
    let forced = forced.map(|_| format!("forces the fallback ({})", shown(&operator["fallback"])));
    let preferred = operator["preferred"].as_str().map(|name| format!("prefers {}", clean(name)));
    let off_air: Vec<String> = list(&operator["off_air"]).iter().map(shown).collect();
    let off_air = (!off_air.is_empty()).then(|| format!("keeps off air: {}", off_air.join(", ")));
    let all: Vec<String> = [forced, preferred, off_air].into_iter().flatten().collect();
    if all.is_empty() { String::new() } else { format!("operator   {}\n", Paint::Yellow.on(&all.join("; "), colours)) }
}

/// The alarms that are raised, and whatever else `/healthz` says; what fails in red.
fn troubles(status: &Value, colours: bool) -> String {
    let alarms = list(&status["alarms"]);
    let mut lines = String::new();
    for alarm in alarms {
        let paint = if alarm["severity"] == "failing" { Paint::Red } else { Paint::Yellow };
        lines += &(paint.on(&format!("ALARM {}: {}", shown(&alarm["alarm"]), shown(&alarm["text"])), colours) + "\n");
    }
    for (texts, word, paint) in [("reasons", "FAILING", Paint::Red), ("warnings", "WARNING", Paint::Yellow)] {
        for text in
            list(&status["health"][texts]).iter().filter(|text| alarms.iter().all(|alarm| alarm["text"] != **text))
        {
            lines += &(paint.on(&format!("{word} {}", shown(text)), colours) + "\n");
        }
    }
    lines
}

fn inputs(inputs: &Value, colours: bool) -> String {
    let mut rows = Vec::new();
    for input in list(inputs) {
        let name = shown(&input["name"]);
        if list(&input["producers"]).is_empty() {
            rows.push([name.as_str(), "-", "-", "-", "-", "no"].map(Cell::from));
        }
        for producer in list(&input["producers"]) {
            let on_air = match producer["on_air"].as_bool() {
                Some(true) => Cell::painted("yes".into(), Some(Paint::Green)),
                Some(false) => "no".into(),
                None => dash().into(),
            };
            // Nothing but zeros has no level.
            let is_silent = producer.get("peak_dbfs").is_some_and(Value::is_null);
            let level = if is_silent { "silence".into() } else { measure(&producer["peak_dbfs"], "dBFS") };
            rows.push([
                name.clone().into(),
                shown(&producer["id"]).into(),
                fill(producer).into(),
                level.into(),
                shown(&producer["overflow_count"]).into(),
                on_air,
            ]);
        }
    }
    format!("\n{}", grid(["input", "producer", "buffer", "level", "dropped", "on air"], rows, colours))
}

/// Three grids: who encodes, how it sounds, who hears it.
fn outputs(outputs: &Value, colours: bool) -> String {
    let (mut encoders, mut sounds, mut audiences) = (Vec::new(), Vec::new(), Vec::new());
    for output in list(outputs) {
        let (mount, encoder) = (shown(&output["mount"]), &output["encoder"]);
        let delay = output["playout_delay_ticks"].as_f64().map_or_else(dash, |ticks| format!("{:.0} ms", ticks * 24.0));
        let paint = match encoder["state"].as_str() {
            Some("RUNNING") => None,
            Some("FAILED") => Some(Paint::Red),
            _ => Some(Paint::Yellow),
        };
        encoders.push([
            mount.clone().into(),
            shown(&encoder["kind"]).into(),
            Cell::painted(shown(&encoder["state"]), paint),
            shown(&encoder["pid"]).into(),
            shown(&encoder["restarts"]).into(),
            fill(&output["buffer"]).into(),
            delay.into(),
        ]);
        let (loudness, heard) = (&output["loudness"], &output["heard"]);
        let is_another = heard["likeness"].as_f64().is_some_and(|likeness| likeness < LIKENESS_MIN);
        let behind = output["behind_ticks"].as_f64().map_or_else(dash, |ticks| format!("{:.0} ms", ticks * 24.0));
        sounds.push([
            mount.clone().into(),
            measure(&loudness["short_term_lufs"], "LUFS").into(),
            measure(&loudness["true_peak_dbtp"], "dBTP").into(),
            measure(&heard["louder_db"], "dB").into(),
            Cell::painted(shown(&heard["likeness"]), is_another.then_some(Paint::Red)),
            behind.into(),
            shown(&output["holds"]).into(),
            shown(&output["silent_frames"]).into(),
        ]);
        audiences.push([
            mount.into(),
            shown(&output["listeners"]).into(),
            furthest_behind(&output["lag"]).into(),
            replay(&encoder["last_replay"]),
        ]);
    }
    let titles = ["output", "encoder", "state", "pid", "restarts", "buffer", "delay"];
    let encoders = grid(titles, encoders, colours);
    let titles = ["output", "loudness", "true peak", "louder", "likeness", "late", "holds", "silent"];
    let sounds = grid(titles, sounds, colours);
    let audiences = grid(["output", "listeners", "lag", "last replay"], audiences, colours);
    format!("\n{encoders}{sounds}{audiences}")
}

/// How far behind the listener is who is furthest behind.
fn furthest_behind(lag: &Value) -> String {
    let counts = list(lag);
    let last = counts.iter().rposition(|count| count["listeners"].as_u64() > Some(0));
    let bound_s = |index: usize| counts.get(index).and_then(|count| count["at_most_ms"].as_f64()).map(|ms| ms / 1000.0);
    match last {
        None => dash(),
        Some(index) => match (bound_s(index), index.checked_sub(1).and_then(bound_s)) {
            (Some(bound_s), _) => format!("all within {bound_s:.1} s"),
            (None, Some(bound_s)) => format!("{} over {bound_s:.1} s", shown(&counts[index]["listeners"])),
            (None, None) => dash(),
        },
    }
}

/// Whether not a byte of the last replacement of an encoder shows.
fn replay(report: &Value) -> Cell {
    let Some(is_proved) = report["proved"].as_bool() else { return dash().into() };
    let (word, paint) = if is_proved { ("proved", Paint::Green) } else { ("not proved", Paint::Yellow) };
    let text = format!("{word}: {} of {} frames equal", shown(&report["equal"]), shown(&report["compared"]));
    Cell::painted(text, Some(paint))
}

fn events(events: &Value, colours: bool) -> String {
    let all = list(events);
    let newest = &all[all.len().saturating_sub(EVENTS_SHOWN)..];
    // The time of day in UTC, as in the log.
    let line = |event: &Value| match event["time"].as_f64() {
        Some(time) => format!("{} UTC  {}", duration(time.rem_euclid(86_400.0)), shown(&event["text"])),
        None => shown(event),
    };
    let lines = newest.iter().map(|event| Paint::Dim.on(&line(event), colours) + "\n");
    if newest.is_empty() { String::new() } else { format!("\n{}", lines.collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_whole_status_is_a_table() {
        let status = json!({
            "version": "0.1.0", "epoch": "01234567-89ab", "tick": 10_000, "uptime_seconds": 90_061.5,
            "on_air": {"source": "station", "reason": "pre-roll held", "since_tick": 7500},
            "inputs": [{"name": "station", "producers": [
                {"id": 3, "count": 50, "capacity": 100, "overflow_count": 2, "peak_dbfs": -12.34, "on_air": true},
                {"id": 4, "count": 0, "capacity": 100, "overflow_count": 0, "peak_dbfs": null, "on_air": false}]}],
            "outputs": [{"mount": "/stream", "encoder": {"state": "RUNNING", "kind": "builtin", "pid": 77, "restarts": 1,
                    "last_replay": {"proved": true, "equal": 196, "compared": 200}},
                "loudness": {"short_term_lufs": -18.0, "true_peak_dbtp": -1.5}, "heard": {"louder_db": 0.1, "likeness": 0.987},
                "behind_ticks": 2, "lag": [{"at_most_ms": 504, "listeners": 7}, {"at_most_ms": 1008, "listeners": 2}, {"at_most_ms": null, "listeners": 0}],
                "buffer": {"count": 20, "capacity": 200}, "holds": 0, "silent_frames": 4, "playout_delay_ticks": 20, "listeners": 9}],
            "listeners": {"now": 9, "peak": 12, "mbit": 1.218, "mbit_max": 94.5}, "lateness_ms": {"p50": 0.05, "max": 3},
            "alarms": [{"alarm": "silence", "severity": "failing", "text": "/stream: listeners hear nothing"}],
            "health": {"reasons": ["/stream: listeners hear nothing", "no clock"], "warnings": ["an old certificate"]},
            "now_playing": {"label": "Nina Simone - Sinnerman"}, "programme": {"short_term_lufs": -18.2, "true_peak_dbtp": -1.2},
            "operator": {"fallback_forced": true, "fallback": "tone", "preferred": "dj", "off_air": ["a", "b"]},
            "events": [{"kind": "encoder", "tick": 1, "time": 1_795_407_803.3, "text": "RUNNING again"}],
        });
        let table = table(&status, false);
        for part in [
            "title      Nina Simone - Sinnerman",
            "operator   forces the fallback (tone); prefers dj; keeps off air: a, b",
            "programme  -18.2 LUFS   peak -1.2 dBTP",
            "-12.3 dBFS",
            "  silence  ",
            "-18.0 LUFS  -1.5 dBTP  0.1 dB  0.99      48 ms",
            "all within 1.0 s  proved: 196 of 200 frames equal",
            "\nFAILING no clock\nWARNING an old certificate\n",
            "up 1 d 01:01:01",
            "station for 00:01:00 (pre-roll held)",
            "#####..... 50/100",
            "RUNNING",
            "480 ms",
            "9 now, 12 at most   1.22 Mbit/s of 94.5 allowed",
            "p50 0.05 ms",
            "ALARM silence: /stream: listeners hear nothing",
            "UTC  RUNNING again",
        ] {
            assert!(table.contains(part), "{part} is missing in\n{table}");
        }
        assert_eq!(table.matches("listeners hear nothing").count(), 1, "an alarm is told once");
    }

    #[test]
    fn whatever_is_missing_or_of_another_type_is_a_dash_or_shown_as_it_is() {
        for status in
            [json!({}), json!([]), json!(null), json!({"inputs": 3, "outputs": [7], "on_air": "x", "events": {}})]
        {
            assert!(table(&status, false).starts_with("Radio Tower"), "{status}");
        }
    }

    #[test]
    fn control_characters_of_others_do_not_reach_the_terminal() {
        let status = json!({"on_air": {"source": "\u{1b}[31mred", "reason": "\u{7}"}, "events": ["\u{1b}]0;x"]});
        assert!(!table(&status, false).contains(['\u{1b}', '\u{7}']));
    }
}
