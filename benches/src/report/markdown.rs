//! For the page in the crate's documentation: the table between two markers.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use super::{aims, by_scenario, ratio, value};
use crate::harness::Row;

const BEGIN: &str = "<!-- begin: written by benches/run -->\n";
const END: &str = "<!-- end -->\n";

/// Replaces what is between the markers.
pub fn rewrite(page: &Path, rows: &[Row], conditions: &str) -> io::Result<()> {
    let text = fs::read_to_string(page)?;
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let Some((head, tail)) = parts else {
        return Err(io::Error::other(format!("{} has not both markers", page.display())));
    };
    let (table, aims) = (render(rows), render_aims(rows));
    fs::write(page, format!("{head}{BEGIN}{conditions}\n\n{table}\n{aims}{END}{tail}"))
}

fn render(rows: &[Row]) -> String {
    let mut text = String::from("| scenario | foreground | raw | others, best first |\n|---|---|---|---|\n");
    for rows in by_scenario(rows) {
        let of = |peer| rows.iter().find(|row| row.peer == peer);
        let mut others: Vec<_> =
            rows.iter().filter(|row| !["foreground", "raw"].contains(&row.peer)).collect();
        others.sort_by(|a, b| a.value.total_cmp(&b.value));
        let others: Vec<_> = others.into_iter().map(|row| format!("{} {}", row.peer, figure(row))).collect();
        // Writing to a string succeeds.
        let _ = writeln!(
            text,
            "| {}<br>`{}` | {} | {} | {} |",
            rows[0].scenario.title,
            rows[0].scenario.name,
            of("foreground").map_or_else(String::new, |row| format!("**{}**", figure(row))),
            of("raw").map_or_else(String::new, value),
            others.join(", "),
        );
    }
    text
}

fn render_aims(rows: &[Row]) -> String {
    let mut text = String::from("| aim | at most | reached |\n|---|---|---|\n");
    for aim in aims::of(rows) {
        let verdict = if aim.is_kept() { "" } else { ", not kept" };
        let (at_most, reached) = (aims::shown(aim.at_most), aims::shown(aim.reached));
        let _ = writeln!(text, "| {} | {at_most} | {reached}{verdict} |", aim.what);
    }
    text
}

fn figure(row: &Row) -> String {
    format!("{} ({})", value(row), ratio(row))
}
