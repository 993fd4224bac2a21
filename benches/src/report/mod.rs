//! Shows the rows: one file a form.

mod aims;
pub mod json;
pub mod markdown;
pub mod svg;
pub mod table;

use crate::harness::{Row, is_share};
use crate::scenarios::Unit;

/// The rows of each scenario, in order.
fn by_scenario(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| a.scenario.name == b.scenario.name)
}

/// A value as people read it.
fn value(row: &Row) -> String {
    match row.scenario.unit {
        Unit::Nanoseconds => nanoseconds(row.value),
        Unit::Bytes if row.value >= 10_000.0 => format!("{:.1} KiB", row.value / 1024.0),
        Unit::Bytes => format!("{:.0} bytes", row.value),
        Unit::Wakes if row.value > 0.0 && row.value < 0.001 => format!("{:.5}", row.value),
        Unit::Wakes => format!("{:.3}", row.value),
    }
}

fn nanoseconds(value: f64) -> String {
    match value {
        ..100.0 => format!("{value:.1} ns"),
        ..10_000.0 => format!("{value:.0} ns"),
        ..1e6 => format!("{:.1} µs", value / 1e3),
        ..1e9 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.1} s", value / 1e9),
    }
}

/// A ratio to the yardstick, or a share of ticks.
fn ratio(row: &Row) -> String {
    if is_share(row.scenario) {
        return format!("{:.0} % of ticks", 100.0 * row.ratio);
    }
    match row.ratio {
        ..0.01 => format!("{:.5}", row.ratio),
        ..10.0 => format!("{:.2}", row.ratio),
        _ => format!("{:.0}", row.ratio),
    }
}
