//! For the terminal.

use std::fmt::Write as _;

use super::{by_scenario, ratio, value};
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
    text
}
