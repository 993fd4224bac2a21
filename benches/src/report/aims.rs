//! What tasks and requests are to cost at most, beside what was measured.

use crate::harness::Row;

pub struct Aim {
    pub what: String,
    pub at_most: f64,
    pub reached: f64,
}

impl Aim {
    pub fn is_kept(&self) -> bool {
        self.reached <= self.at_most
    }
}

/// The aims whose scenarios were measured.
pub fn of(rows: &[Row]) -> Vec<Aim> {
    let ours = |name| rows.iter().find(|row| row.scenario.name == name && row.peer == "foreground");
    let ratio = |name| Some(ours(name)?.ratio);
    let value = |name| Some(ours(name)?.value);
    let original = rows.iter().find(|row| row.scenario.name == "remote_pipe" && row.peer == "traits_futures");
    let to_original =
        value("remote_pipe").zip(original).map(|(ours, original)| 100.0 * ours / original.value);
    let mib = |name| value(name).map(|bytes| bytes / f64::from(1 << 20));
    // It is 1 if the time grows as the number of tasks does.
    let growth = value("task_cancel_all").zip(value("task_cancel_10k")).map(|(all, few)| all / few);
    let aims = [
        ("`task_call`, times raw", 1.5, ratio("task_call")),
        ("`task_reports_latest`, times raw", 1.3, ratio("task_reports_latest")),
        ("`task_reports_latest_work`, times raw", 1.3, ratio("task_reports_latest_work")),
        ("`memory_task`, bytes", 500.0, value("memory_task")),
        ("`task_cancel_all`, times `task_cancel_10k`", 1.25, growth),
        ("`bus_round_trip`, times raw", 1.3, ratio("bus_round_trip")),
        ("`channel_round_trip`, times raw", 1.5, ratio("channel_round_trip")),
        ("`channel_in_flight`, times raw", 1.5, ratio("channel_in_flight")),
        ("`remote_pipe`, times raw", 1.5, ratio("remote_pipe")),
        ("`remote_pipe`, hundredths of traits_futures", 5.0, to_original),
        ("`memory_remote_64_mib`, MiB", 260.0, mib("memory_remote_64_mib")),
        ("`memory_remote_bounded`, MiB", 1.0, mib("memory_remote_bounded")),
        ("`memory_remote_latest`, MiB", 1.0, mib("memory_remote_latest")),
    ];
    let measured = |(what, at_most, reached): (&str, _, Option<f64>)| {
        Some(Aim { what: what.into(), at_most, reached: reached? })
    };
    aims.into_iter().filter_map(measured).chain(rows.iter().filter_map(of_host)).collect()
}

/// What a router in a host is to cost beside the host's own way, if that is what the row tells.
fn of_host(row: &Row) -> Option<Aim> {
    let name = row.scenario.name;
    let at_most = if name.starts_with("messages_in_") {
        1.0 / 3.0
    } else if name.starts_with("latency_in_") {
        1.1
    } else {
        return None;
    };
    let what = format!("`{name}`, times the host's own way");
    (row.peer == "foreground").then_some(Aim { what, at_most, reached: row.ratio })
}

/// A figure of an aim as people read it.
pub fn shown(figure: f64) -> String {
    if figure < 10.0 { format!("{figure:.2}") } else { format!("{figure:.0}") }
}
