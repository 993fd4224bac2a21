//! Qt's queued calls: the program of `benches/qt`, which measures by itself.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::parse;
use crate::scenarios::{Figure, Size};

pub const PEER: &str = "qt";

/// What the program measures. It knows the scenarios by their names.
pub const SCENARIOS: &[&str] = &[
    "one_producer",
    "one_producer_8",
    "one_producer_64",
    "large_messages",
    "four_producers",
    "four_producers_8",
    "four_producers_64",
    "four_producers_256",
    "burst_drain",
    "burst_drain_8",
    "burst_drain_64",
    "burst_drain_256",
    "burst_send",
    "burst_send_8",
    "burst_send_64",
    "burst_send_256",
    "many_pipes",
    "idle_latency_park",
    "flood_ticks",
    "wakes",
    "wakes_idle",
];

pub fn measure(program: &Path, scenario: &str, size: &Size) -> Figure {
    let numbers = [size.messages, size.pipes as u64, size.pings, size.flood.as_millis() as u64];
    let numbers = numbers.map(|number| number.to_string());
    let output = Command::new(program).arg(scenario).args(numbers).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    assert!(output.status.success(), "{scenario} of {PEER} failed");
    parse(&String::from_utf8_lossy(&output.stdout))
}
