//! The status as a compact table: shows what is there, and a dash where something is not.

use super::super::Paint;
use serde_json::Value;

/// Ticks in a second times 24 ms.
const TICK_SECONDS: f64 = 0.024;
const EVENTS_SHOWN: usize = 5;

/// `status` for people.
pub(super) fn table(status: &Value, colours: bool) -> String {
    let mut out = head(status, colours);
    out += &inputs(&status["inputs"], colours);
    out += &outputs(&status["outputs"], colours);
    out += &format!(
        "\nlisteners  {} now, {} at most\n",
        shown(&status["listeners"]["now"]),
        shown(&status["listeners"]["peak"])
    );
    let late = &status["lateness_ms"];
    let figures = ["p50", "p99", "p999", "max"].map(|name| format!("{name} {} ms", shown(&late[name]))).join("   ");
    out += &format!("lateness   {figures}\n");
    out += &alarms(&status["alarms"], colours);
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
    format!("{title}   up {uptime}   tick {tick}   epoch {epoch}\non air     {source}{since}{reason}\n")
}

fn inputs(inputs: &Value, colours: bool) -> String {
    let mut rows = vec![["input", "producer", "buffer", "dropped", "on air"].map(String::from).to_vec()];
    for input in list(inputs) {
        let name = shown(&input["name"]);
        if list(&input["producers"]).is_empty() {
            rows.push(vec![name.clone(), dash(), dash(), dash(), "no".into()]);
        }
        for producer in list(&input["producers"]) {
            let on_air = match producer["on_air"].as_bool() {
                Some(true) => "yes".into(),
                Some(false) => "no".into(),
                None => dash(),
            };
            rows.push(vec![
                name.clone(),
                shown(&producer["id"]),
                fill(producer),
                shown(&producer["overflow_count"]),
                on_air,
            ]);
        }
    }
    grid(&rows, colours)
}

fn outputs(outputs: &Value, colours: bool) -> String {
    let titles = ["output", "encoder", "state", "pid", "restarts", "buffer", "delay", "holds", "silent", "listeners"];
    let mut rows = vec![titles.map(String::from).to_vec()];
    for output in list(outputs) {
        let encoder = &output["encoder"];
        let delay = output["playout_delay_ticks"].as_f64().map_or_else(dash, |ticks| format!("{:.0} ms", ticks * 24.0));
        rows.push(vec![
            shown(&output["mount"]),
            shown(&encoder["kind"]),
            shown(&encoder["state"]),
            shown(&encoder["pid"]),
            shown(&encoder["restarts"]),
            fill(&output["buffer"]),
            delay,
            shown(&output["holds"]),
            shown(&output["silent_frames"]),
            shown(&output["listeners"]),
        ]);
    }
    grid(&rows, colours)
}

/// The alarms that are raised, the failing ones in red.
fn alarms(alarms: &Value, colours: bool) -> String {
    let line = |alarm: &Value| {
        let paint = if alarm["severity"] == "failing" { Paint::Red } else { Paint::Yellow };
        paint.on(&format!("ALARM {}: {}", shown(&alarm["alarm"]), shown(&alarm["text"])), colours) + "\n"
    };
    let lines: String = list(alarms).iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
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

/// A bar and `count/capacity`.
fn fill(buffer: &Value) -> String {
    const CELLS: f64 = 10.0;
    let (Some(count), Some(capacity)) = (buffer["count"].as_f64(), buffer["capacity"].as_f64()) else {
        return dash();
    };
    let full = if capacity > 0.0 { (count / capacity * CELLS).round().clamp(0.0, CELLS) as usize } else { 0 };
    format!("{}{} {count}/{capacity}", "#".repeat(full), ".".repeat(CELLS as usize - full))
}

/// Rows in aligned columns, below an empty line; the first row is the titles.
fn grid(rows: &[Vec<String>], colours: bool) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell_width = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| cell_width(row, column)).max().unwrap_or(0)).collect();
    let mut out = String::from("\n");
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        let line = cells.join("  ");
        let line = line.trim_end();
        out += &if i == 0 { Paint::Dim.on(line, colours) } else { line.to_owned() };
        out.push('\n');
    }
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn dash() -> String {
    "-".into()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => dash(),
        Value::String(text) => clean(text),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(0.0)),
        other => clean(&other.to_string()),
    }
}

/// Without control characters: a station's title shall not steer somebody's terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let days = if days > 0 { format!("{days} d ") } else { String::new() };
    format!("{days}{:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60)
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
            "inputs": [{"name": "station", "producers": [{"id": 3, "count": 50, "capacity": 100, "overflow_count": 2, "on_air": true}]}],
            "outputs": [{"mount": "/stream", "encoder": {"state": "RUNNING", "kind": "builtin", "pid": 77, "restarts": 1},
                "buffer": {"count": 20, "capacity": 200}, "holds": 0, "silent_frames": 4, "playout_delay_ticks": 20, "listeners": 9}],
            "listeners": {"now": 9, "peak": 12}, "lateness_ms": {"p50": 0.05, "max": 3},
            "alarms": [{"alarm": "silence", "severity": "failing", "text": "/stream: listeners hear nothing"}],
            "events": [{"kind": "encoder", "tick": 1, "time": 1_795_407_803.3, "text": "RUNNING again"}],
        });
        let table = table(&status, false);
        for part in [
            "up 1 d 01:01:01",
            "station for 00:01:00 (pre-roll held)",
            "#####..... 50/100",
            "RUNNING",
            "480 ms",
            "9 now, 12 at most",
            "p50 0.05 ms",
            "ALARM silence: /stream: listeners hear nothing",
            "UTC  RUNNING again",
        ] {
            assert!(table.contains(part), "{part} is missing in\n{table}");
        }
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
