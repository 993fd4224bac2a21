//! For other programs. All names are plain, so nothing needs to be escaped.

use crate::harness::Row;
use crate::scenarios::Unit;

pub fn render(rows: &[Row]) -> String {
    let rows: Vec<_> = rows.iter().map(row).collect();
    format!("{{\"rows\":[\n{}\n]}}\n", rows.join(",\n"))
}

/// `ns` holds the value also where the unit is another.
fn row(row: &Row) -> String {
    let unit = match row.scenario.unit {
        Unit::Nanoseconds => String::new(),
        unit => format!(",\"unit\":\"{}\"", unit.name()),
    };
    format!(
        "{{\"scenario\":\"{}\",\"peer\":\"{}\",\"ns\":{:.6},\"ratio\":{:.6}{unit}}}",
        row.scenario.name, row.peer, row.value, row.ratio,
    )
}
