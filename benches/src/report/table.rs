//! For the terminal.

use std::fmt::Write as _;

use super::{aims, by_scenario, ratio, value};
use crate::harness::Row;

pub fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    for rows in by_scenario(rows) {
        let scenario = rows[0].scenario;
        // Writing to a string succeeds.
        let _ = writeln!(text, "\n{}: {}", scenario.name, scenario.title);
        for row in rows {
            let _ = writeln!(text, "  {:<14}{:>12}{:>16}", row.peer, value(row), ratio(row));
        }
    }
    let aims = aims::of(rows);
    if !aims.is_empty() {
        text.push_str("\nAims\n");
    }
    for aim in aims {
        let (at_most, reached) = (aims::shown(aim.at_most), aims::shown(aim.reached));
        let verdict = if aim.is_kept() { "" } else { ": not kept" };
        let _ = writeln!(text, "  {:<44}{reached:>8}, at most {at_most}{verdict}", aim.what);
    }
    text
}
