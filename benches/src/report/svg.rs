//! The plot in the documentation: a panel for each of the main scenarios, in two columns, and in it a bar for
//! each peer. It brings its own background, so it can be read on light and dark pages alike, and it has no empty
//! lines, so it can stand inside Markdown.

use std::fmt::Write as _;

use super::{by_scenario, ratio, value};
use crate::harness::{Row, is_share};

/// The scenarios that are shown.
const SHOWN: &[&str] = &[
    "one_producer",
    "four_producers",
    "burst_send",
    "burst_drain",
    "large_messages",
    "many_pipes",
    "idle_latency_park",
    "idle_latency_winit_030",
    "flood_ticks",
    "flood_ticks_winit_030",
    "task_call",
    "task_reports_latest_work",
];

/// A bar that would be longer than this many times the yardstick's is cut off.
const LONGEST: f64 = 5.0;

const WIDTH: usize = 800;
const MARGIN: usize = 20;
const COLUMN: usize = (WIDTH - 3 * MARGIN) / 2;
const TOP: usize = 66;
const TITLE: usize = 26;
const LINE: usize = 18;
/// Of a panel: where its bars begin, and how long the longest is.
const NAMES: usize = 84;
const BAR: f64 = 176.0;

const STYLE: &str = "\
.fg-plot text{font:12px system-ui,sans-serif;fill:#24292f}\
.fg-plot .title{font-weight:600;font-size:13px}\
.fg-plot .head{font-weight:600;font-size:16px}\
.fg-plot .note{fill:#57606a}\
.fg-plot .ours{font-weight:600}";

const OURS: &str = "#d1571d";
const RAW: &str = "#8c959f";
const THEIRS: &str = "#6f9fd8";

pub fn render(rows: &[Row]) -> String {
    let panels = by_scenario(rows).filter(|rows| SHOWN.contains(&rows[0].scenario.name));
    let mut bottoms = [TOP; 2];
    let mut body = String::new();
    for (n, rows) in panels.enumerate() {
        let column = n % 2;
        if column == 0 {
            bottoms = [bottoms[0].max(bottoms[1]); 2];
        }
        let left = MARGIN + column * (COLUMN + MARGIN);
        panel(&mut body, rows, left, bottoms[column]);
        bottoms[column] += TITLE + LINE * rows.len() + MARGIN;
    }
    let height = bottoms[0].max(bottoms[1]);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fg-plot\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" style=\"max-width:100%;height:auto\" role=\"img\" \
         aria-label=\"Bars of what each peer takes in each scenario\">\n\
         <style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#fbfcfd\" stroke=\"#d0d7de\"/>\n\
         {}{}{body}</svg>\n",
        text(MARGIN, 30, "head", "From a worker to a callback on one thread"),
        text(
            MARGIN,
            50,
            "note",
            "Time a message: shorter is better. In brackets: times raw, the least that standard parts can do.",
        ),
    )
}

fn panel(svg: &mut String, rows: &[Row], left: usize, top: usize) {
    let scenario = rows[0].scenario;
    svg.push_str(&text(left, top + 16, "title", scenario.title));
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by(|a, b| a.value.total_cmp(&b.value));
    let yardstick = rows.iter().find(|row| row.peer == "raw").map_or(1.0, |row| row.value);
    let largest = rows.last().map_or(1.0, |row| row.value);
    // Shares have a common scale; times are cut off where one peer would make all others invisible.
    let end = if is_share(scenario) { 1.0 } else { largest.min(LONGEST * yardstick) };
    for (n, row) in rows.into_iter().enumerate() {
        let y = top + TITLE + n * LINE;
        let (fill, class) = match row.peer {
            "foreground" => (OURS, "ours"),
            "raw" => (RAW, "note"),
            _ => (THEIRS, ""),
        };
        let shown = if is_share(scenario) { row.ratio } else { row.value };
        let length = (BAR * shown / end).clamp(1.0, BAR);
        let bar = left + NAMES;
        svg.push_str(&text(left, y + 12, class, row.peer));
        // Writing to a string succeeds.
        let _ = writeln!(
            svg,
            "<rect x=\"{bar}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\" fill=\"{fill}\"/>",
            y + 2,
            LINE - 6,
        );
        if shown > end {
            let x = bar as f64 + BAR - 14.0;
            let _ = writeln!(svg, "<path d=\"M{x:.1} {}l5 -14h4l-5 14z\" fill=\"#fbfcfd\"/>", y + LINE - 3);
        }
        let label = if is_share(scenario) {
            format!("{:.0} %, {}", 100.0 * row.ratio, value(row))
        } else {
            format!("{} ({})", value(row), ratio(row))
        };
        svg.push_str(&text(bar + length.ceil() as usize + 5, y + 12, class, &label));
    }
}

fn text(x: usize, y: usize, class: &str, text: &str) -> String {
    format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>\n")
}
