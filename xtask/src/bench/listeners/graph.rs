//! Processor time against listeners, a line for each server.

use super::Run;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 46.0;
const NAME_HEIGHT: f64 = 18.0;

/// Names, colours and order of the lines.
const LINES: [(&str, &str); 3] = [("Icecast", "#c8321e"), ("tower", "#1c7a4a"), ("bare loop", "#6b665f")];

/// An SVG of the runs with only normal listeners; other runs are left out.
pub(super) fn svg(runs: &[Run]) -> String {
    let points: Vec<(&str, f64, f64)> = runs
        .iter()
        .filter(|run| run.scenario.starts_with("curve") || run.scenario.starts_with("steady"))
        .map(|run| {
            let cost = &run.report.cost;
            let percent = cost.us_per_listener_second * cost.listeners as f64 / 10_000.0;
            (run.server, cost.listeners as f64, percent)
        })
        .collect();
    draw(&points)
}

fn draw(points: &[(&str, f64, f64)]) -> String {
    let most = |value: fn(&(&str, f64, f64)) -> f64| points.iter().map(value).fold(1.0, f64::max);
    let (listeners_max, percent_max) = (most(|point| point.1), most(|point| point.2));
    let x = |listeners: f64| LEFT + listeners / listeners_max * (WIDTH - LEFT - RIGHT);
    let y = |percent: f64| HEIGHT - BOTTOM - percent / percent_max * (HEIGHT - TOP - BOTTOM);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"12\" fill=\"#fbfaf8\"/>\n\
         <text x=\"16\" y=\"30\" font-weight=\"700\" fill=\"#1d1b19\">Per cent of one core against listeners \
         (128 kbit/s)</text>\n"
    );
    for step in ticks(percent_max) {
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {0:.1}H{1}\" stroke=\"#e4e0da\"/>\
             <text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\" fill=\"#6b665f\">{step} %</text>",
            y(step),
            WIDTH - RIGHT,
            LEFT - 8.0,
            y(step) + 5.0
        );
    }
    for step in ticks(listeners_max) {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\" fill=\"#6b665f\">{step}</text>",
            x(step),
            HEIGHT - BOTTOM + 22.0
        );
    }
    // Names stand at the ends of their lines, but not on one another.
    let mut names: Vec<(&str, &str, f64, f64)> = Vec::new();
    for (server, colour) in LINES {
        let mut line: Vec<(f64, f64)> =
            points.iter().filter(|point| point.0 == server).map(|point| (point.1, point.2)).collect();
        line.sort_by(|one, other| one.0.total_cmp(&other.0));
        let Some(&(last_x, last_y)) = line.last() else { continue };
        let places: Vec<String> = line.iter().map(|(l, p)| format!("{:.1},{:.1}", x(*l), y(*p))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\" stroke-linejoin=\"round\"/>",
            places.join(" ")
        );
        for (listeners, percent) in &line {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>",
                x(*listeners),
                y(*percent)
            );
        }
        names.push((server, colour, x(last_x) + 10.0, y(last_y) + 5.0));
    }
    names.sort_by(|one, other| one.3.total_cmp(&other.3));
    let mut above = f64::MIN;
    for (server, colour, x, wanted_y) in names {
        above = wanted_y.max(above + NAME_HEIGHT);
        let _ =
            writeln!(out, "<text x=\"{x:.1}\" y=\"{above:.1}\" fill=\"{colour}\" font-weight=\"700\">{server}</text>");
    }
    out + "</svg>\n"
}

/// Round numbers up to `most`, about five of them.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough);
    (0..=(most / step) as usize).map(|count| count as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_its_line_and_its_name() {
        let svg = draw(&[("tower", 1000.0, 3.0), ("tower", 500.0, 1.5), ("Icecast", 1000.0, 10.0)]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains(">tower</text>") && svg.contains(">Icecast</text>"));
    }

    #[test]
    fn names_do_not_stand_on_one_another() {
        let svg = draw(&[("tower", 1000.0, 10.0), ("bare loop", 1000.0, 10.1), ("Icecast", 1000.0, 10.2)]);
        let place = |line: &str| line.split("y=\"").nth(1)?.split('"').next()?.parse::<f64>().ok();
        let mut places: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("700\">") && !line.contains("Per cent"))
            .filter_map(place)
            .collect();
        places.sort_by(f64::total_cmp);
        assert_eq!(places.len(), 3);
        assert!(places.windows(2).all(|two| two[1] - two[0] >= NAME_HEIGHT), "{places:?}");
    }

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks(10_000.0), [0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10_000.0]);
        assert_eq!(ticks(53.0), [0.0, 20.0, 40.0]);
    }
}
