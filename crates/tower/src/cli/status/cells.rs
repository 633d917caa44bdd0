//! Values of the status as short texts, and rows of them in columns.

use super::super::Paint;
use serde_json::Value;

/// A text in a grid, in some colour.
pub(super) struct Cell {
    text: String,
    paint: Option<Paint>,
}

impl Cell {
    pub(super) fn painted(text: String, paint: Option<Paint>) -> Self {
        Self { text, paint }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, paint: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Rows in aligned columns below dim titles.
pub(super) fn grid<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: Vec<[Cell; COLUMNS]>, colours: bool) -> String {
    let rows: Vec<_> = std::iter::once(titles.map(Cell::from)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].text.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let is_last = column + 1 == COLUMNS;
            let text = if is_last { cell.text.clone() } else { format!("{:<width$}  ", cell.text) };
            line += &cell.paint.map_or(text.clone(), |paint| paint.on(&text, colours));
        }
        let line = line.trim_end();
        out += &if number == 0 { Paint::Dim.on(line, colours) } else { line.to_owned() };
        out.push('\n');
    }
    out
}

/// A bar and `count/capacity`.
pub(super) fn fill(buffer: &Value) -> String {
    const CELLS: f64 = 10.0;
    let (Some(count), Some(capacity)) = (buffer["count"].as_f64(), buffer["capacity"].as_f64()) else {
        return dash();
    };
    let full = if capacity > 0.0 { (count / capacity * CELLS).round().clamp(0.0, CELLS) as usize } else { 0 };
    format!("{}{} {count}/{capacity}", "#".repeat(full), ".".repeat(CELLS as usize - full))
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn dash() -> String {
    "-".into()
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => dash(),
        Value::String(text) => clean(text),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(0.0)),
        other => clean(&other.to_string()),
    }
}

/// A number to a tenth with its unit.
pub(super) fn measure(value: &Value, unit: &str) -> String {
    value.as_f64().map_or_else(dash, |number| format!("{number:.1} {unit}"))
}

/// Without control characters: a station's title shall not steer somebody's terminal.
pub(super) fn clean(text: &str) -> String {
    radio_base::text::cleaned(text).chars().take(200).collect()
}

pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let days = if days > 0 { format!("{days} d ") } else { String::new() };
    format!("{days}{:02}:{:02}:{:02}", clock / 3600, clock / 60 % 60, clock % 60)
}
