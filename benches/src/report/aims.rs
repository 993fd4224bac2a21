//! What tasks and requests are to cost at most, beside what was measured.

use crate::harness::Row;

pub struct Aim {
    pub what: &'static str,
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
    ];
    let measured =
        |(what, at_most, reached): (_, _, Option<f64>)| Some(Aim { what, at_most, reached: reached? });
    aims.into_iter().filter_map(measured).collect()
}

/// A figure of an aim as people read it.
pub fn shown(figure: f64) -> String {
    if figure < 10.0 { format!("{figure:.2}") } else { format!("{figure:.0}") }
}
