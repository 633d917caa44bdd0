//! Figures as one table, as JSON, and as a verdict on all of them.

use super::figure::{Figure, Verdict};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// One row for each figure: value, bound, bare loop, verdict, and how it was measured.
pub(crate) fn table(figures: &[Figure]) -> String {
    let head = ["figure", "value", "bound", "bare loop (quiet)", "verdict", "how"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(figures.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    // The last column holds sentences; padding would only make the lines longer.
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |row: &[String; 6]| {
        let padded: String = row.iter().zip(&widths).map(|(cell, &width)| format!("| {cell:<width$} ")).collect();
        format!("{padded}| {} |\n", row[5])
    };
    let rule: String = widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))).collect();
    let (head, figures) = rows.split_at(1);
    format!("{}{rule}|---|\n{}", line(&head[0]), figures.iter().map(line).collect::<String>())
}

fn cells(figure: &Figure) -> [String; 6] {
    let Figure { name, value, unit, bound, bare, note, .. } = figure;
    let with_unit = |text: String| format!("{text} {unit}").trim_end().to_owned();
    [
        name.clone(),
        with_unit(format!("{value:.2}")),
        bound.map_or(String::new(), |bound| with_unit(format!("{bound}"))),
        bare.map_or(String::new(), |bare| with_unit(format!("{:.2} ({:.2})", bare.value, bare.quiet))),
        figure.verdict().word().to_owned(),
        note.clone(),
    ]
}

/// One line: how many bounds are met, and how.
pub(crate) fn count(figures: &[Figure]) -> String {
    let of = |verdict| figures.iter().filter(|figure| figure.verdict() == verdict).count();
    format!(
        "Bounds: {} met, {} met against the bare loop, {} MISSED, {} aims missed; {} figures without a bound.",
        of(Verdict::Met),
        of(Verdict::MetAgainstBareLoop),
        of(Verdict::Missed),
        of(Verdict::AimMissed),
        of(Verdict::Unbounded)
    )
}

/// An error that names every promise that is missed.
pub(crate) fn check(figures: &[Figure]) -> Result<()> {
    let missed: Vec<String> = figures
        .iter()
        .filter(|figure| figure.verdict() == Verdict::Missed)
        .map(|figure| cells(figure)[..4].join("  "))
        .collect();
    ensure!(
        missed.is_empty(),
        "{} bounds are missed that must hold (figure, value, bound, bare loop):\n{}",
        missed.len(),
        missed.join("\n")
    );
    Ok(())
}

/// The same for scripts.
pub(crate) fn json(figures: &[Figure]) -> Value {
    let one = |figure: &Figure| {
        let bare = figure.bare.map(|bare| json!({ "value": bare.value, "quiet": bare.quiet }));
        json!({
            "name": figure.name,
            "value": figure.value,
            "unit": figure.unit,
            "bound": figure.bound,
            "judged": format!("{:?}", figure.judged).to_lowercase(),
            "bare_loop": bare,
            "verdict": figure.verdict().word(),
            "note": figure.note,
        })
    };
    figures.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_proof::punctuality::Bare;

    fn figures() -> Vec<Figure> {
        vec![
            Figure::new("gap", 600.0, "ms").bound(654.0).beside(Bare { value: 505.0, quiet: 504.0 }),
            Figure::new("lateness", 9.5, "ms").bound(5.0).beside(Bare { value: 8.0, quiet: 0.1 }).note("60 s"),
            Figure::new("CPU", 1.5, "% of a core").aim(1.0),
            Figure::new("RSS", 30.0, "MB"),
        ]
    }

    #[test]
    fn a_row_has_value_bound_bare_loop_and_verdict() {
        let table = table(&figures());
        let row = |name: &str| {
            let line = table.lines().find(|line| line.contains(name)).expect("a row");
            line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(row("gap"), ["gap", "600.00 ms", "654 ms", "505.00 (504.00) ms", "met"]);
        let late = ["lateness", "9.50 ms", "5 ms", "8.00 (0.10) ms", "met against the bare loop", "60 s"];
        assert_eq!(row("lateness"), late);
        assert_eq!(row("CPU"), ["CPU", "1.50 % of a core", "1 % of a core", "missed (an aim)"]);
        assert_eq!(row("RSS"), ["RSS", "30.00 MB"]);
    }

    #[test]
    fn a_missed_promise_is_an_error_that_names_it_and_an_aim_is_none() {
        let mut all = figures();
        assert!(check(&all).is_ok());
        all.push(Figure::new("lost bytes", 1.0, "").bound(0.0));
        let error = check(&all).expect_err("a missed promise").to_string();
        assert!(error.contains("lost bytes  1.00  0") && !error.contains("CPU"), "{error}");
        assert!(
            count(&all).contains("1 met, 1 met against the bare loop, 1 MISSED, 1 aims missed; 1 "),
            "{}",
            count(&all)
        );
    }

    #[test]
    fn scripts_are_told_the_same() {
        let all = json(&figures());
        assert_eq!(all[1]["bare_loop"]["value"], 8.0);
        assert_eq!([&all[1]["verdict"], &all[2]["judged"]], ["met against the bare loop", "aim"]);
        assert_eq!(all[3]["bound"], Value::Null);
    }
}
