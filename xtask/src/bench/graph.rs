//! The picture for people who would rather look than read: every figure in ms as a bar, its bound as a mark.

use super::Figure;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const LABEL_WIDTH: f64 = 300.0;
const VALUE_WIDTH: f64 = 90.0;
const ROW: f64 = 34.0;
const TOP: f64 = 48.0;

/// An SVG of the figures that are times.
pub(super) fn svg(figures: &[Figure]) -> String {
    let times: Vec<&Figure> = figures.iter().filter(|figure| figure.unit == "ms").collect();
    let longest = times.iter().map(|f| f.value.max(f.bound.unwrap_or(0.0))).fold(1.0, f64::max);
    // Square roots: the shortest bar is to be seen beside the longest.
    let length = |ms: f64| (ms / longest).sqrt() * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
    let height = TOP + ROW * times.len() as f64 + 16.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"12\" fill=\"#fbfaf8\"/>\n\
         <text x=\"16\" y=\"30\" font-weight=\"700\" fill=\"#1d1b19\">Milliseconds; the mark is the most that is \
         allowed (square-root scale)</text>\n"
    );
    for (row, figure) in times.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let bar = length(figure.value).max(2.0);
        let colour = if figure.bound.is_some_and(|bound| figure.value > bound) { "#c8321e" } else { "#1c7a4a" };
        let Figure { name, value, .. } = figure;
        let _ = write!(
            out,
            "<text x=\"16\" y=\"{:.0}\" fill=\"#1d1b19\">{name}</text>\n\
             <rect x=\"{LABEL_WIDTH}\" y=\"{:.0}\" width=\"{bar:.1}\" height=\"18\" rx=\"3\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.0}\" fill=\"#6b665f\">{value:.1} ms</text>\n",
            y + 18.0,
            y + 4.0,
            LABEL_WIDTH + length(value.max(figure.bound.unwrap_or(0.0))) + 8.0,
            y + 18.0,
        );
        if let Some(bound) = figure.bound {
            let x = LABEL_WIDTH + length(bound);
            let _ = writeln!(out, "<path d=\"M{x:.1} {:.0}v22\" stroke=\"#1d1b19\" stroke-width=\"2\"/>", y + 2.0);
        }
    }
    out + "</svg>\n"
}
