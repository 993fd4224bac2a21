//! Runs the measurements in rounds, and makes one row of all rounds of a peer in a scenario.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::peers::{Place, qt};
use crate::scenarios::{Figure, Job, SCENARIOS, Scenario, Size, Unit, YARDSTICK, headline, jobs};

/// A measurement that takes longer than this has lost messages, or never woke.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to run.
#[derive(Debug)]
pub struct Options {
    pub size: Size,
    /// These peers only; all if empty. The yardstick is always among them.
    pub peers: Vec<String>,
    /// The scenarios whose names contain this.
    pub scenario: String,
    /// The program of the peer that is Qt.
    pub qt: Option<PathBuf>,
    pub has_display: bool,
}

/// The medians of a peer in a scenario.
#[derive(Clone, Debug)]
pub struct Row {
    pub scenario: &'static Scenario,
    pub peer: &'static str,
    pub value: f64,
    /// To the yardstick of the same round; or else the share of the ticks that happened.
    pub ratio: f64,
}

/// A way to one figure.
enum Measurement {
    OurOwn(Job),
    Qt { program: PathBuf },
}

impl Measurement {
    fn peer(&self) -> &'static str {
        match self {
            Self::OurOwn(job) => job.peer,
            Self::Qt { .. } => qt::PEER,
        }
    }

    fn measure(&self, scenario: &Scenario, size: &Size) -> Figure {
        match self {
            Self::OurOwn(job) if job.counts_memory => in_child(&sibling("memory"), job, size),
            Self::OurOwn(job) if job.place != Place::Here => {
                in_child(&env::current_exe().expect("this program has a path"), job, size)
            }
            Self::OurOwn(job) => here(job, size),
            Self::Qt { program } => qt::measure(program, scenario.name, size),
        }
    }
}

/// Runs everything, and tells what it is at.
pub fn run(options: &Options) -> Vec<Row> {
    let wanted = |peer: &str| {
        options.peers.is_empty() || peer == YARDSTICK || options.peers.iter().any(|name| name == peer)
    };
    let mut measurements: HashMap<_, Vec<_>> = HashMap::new();
    for job in jobs() {
        if wanted(job.peer) && (options.has_display || job.place != Place::OwnProcessWithDisplay) {
            measurements.entry(job.scenario).or_default().push(Measurement::OurOwn(job));
        }
    }
    if let Some(program) = options.qt.clone().filter(|_| wanted(qt::PEER)) {
        for scenario in qt::SCENARIOS {
            let program = program.clone();
            measurements.entry(scenario).or_default().push(Measurement::Qt { program });
        }
    }
    let mut rows = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name.contains(&options.scenario)) {
        if let Some(measurements) = measurements.remove(scenario.name) {
            eprintln!("{}", scenario.name);
            rows.extend(run_scenario(scenario, &measurements, &options.size));
        }
    }
    add_headline(&mut rows, options.has_display);
    rows
}

fn run_scenario(scenario: &'static Scenario, measurements: &[Measurement], size: &Size) -> Vec<Row> {
    let rounds: Vec<Vec<Figure>> = if scenario.is_slow {
        (0..size.slow_rounds).map(|_| round(scenario, measurements, size)).collect()
    } else {
        // The first round warms up.
        (0..=size.rounds).map(|_| round(scenario, measurements, size)).skip(1).collect()
    };
    let yardstick = measurements.iter().position(|measurement| measurement.peer() == YARDSTICK);
    let yardstick = yardstick.expect("each scenario has its yardstick");
    let row = |(column, measurement): (usize, &Measurement)| {
        let ratio = |round: &Vec<Figure>| {
            let figure = round[column];
            figure.share.unwrap_or(figure.value / round[yardstick].value)
        };
        Row {
            scenario,
            peer: measurement.peer(),
            value: median(rounds.iter().map(|round| round[column].value)),
            ratio: median(rounds.iter().map(ratio)),
        }
    };
    measurements.iter().enumerate().map(row).collect()
}

/// Everybody in turn.
fn round(scenario: &Scenario, measurements: &[Measurement], size: &Size) -> Vec<Figure> {
    measurements.iter().map(|measurement| measurement.measure(scenario, size)).collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] }
}

/// Shows the figures of one scenario under the name of another too.
fn add_headline(rows: &mut Vec<Row>, has_display: bool) {
    for scenario in SCENARIOS {
        if let Some(source) = headline(scenario.name, has_display && cfg!(feature = "winit")) {
            let of_source: Vec<_> = rows.iter().filter(|row| row.scenario.name == source).cloned().collect();
            let place =
                rows.iter().position(|row| row.scenario.name == "idle_latency_park").unwrap_or(rows.len());
            rows.splice(place..place, of_source.into_iter().map(|row| Row { scenario, ..row }));
        }
    }
}

fn here(job: &Job, size: &Size) -> Figure {
    let (end, ended) = mpsc::channel::<()>();
    let what = format!("{} of {}", job.scenario, job.peer);
    let watch = thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{what}: not done after {PATIENCE:?}: messages were lost, or the loop never woke");
            process::exit(1);
        }
    });
    let figure = (job.measure)(size);
    drop(end);
    watch.join().expect("it only waits");
    figure
}

/// A program beside this one.
fn sibling(name: &str) -> PathBuf {
    let this = env::current_exe().expect("this program has a path");
    this.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn in_child(program: &Path, job: &Job, size: &Size) -> Figure {
    let output = Command::new(program)
        .args([CHILD, job.scenario, job.peer, size.name])
        .stderr(Stdio::inherit())
        .output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    assert!(output.status.success(), "{} of {} failed", job.scenario, job.peer);
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// What makes a process measure one thing and print its figure.
const CHILD: &str = "--child";

/// Measures what the arguments of this process name, if it was started for that.
pub fn run_as_child() -> bool {
    let args: Vec<_> = env::args().skip(1).collect();
    let [mark, scenario, peer, size] = &args[..] else { return false };
    if mark != CHILD {
        return false;
    }
    let size = Size::named(size).expect("a size is named");
    let job = jobs().into_iter().find(|job| job.scenario == scenario && job.peer == peer);
    let figure = here(&job.expect("a measurement is named"), &size);
    println!("{} {}", figure.value, figure.share.map_or("-".into(), |share| share.to_string()));
    true
}

/// Reads what a process printed: a value, and a share or `-`.
pub fn parse(text: &str) -> Figure {
    let words: Vec<_> = text.split_whitespace().collect();
    let [value, share] = words[..] else { panic!("not a value and a share: {text:?}") };
    Figure { value: value.parse().expect("the value is a number"), share: share.parse().ok() }
}

/// What cannot be measured here, and what would help.
pub fn missing(options: &Options) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !cfg!(feature = "winit") {
        missing.push("winit: built without the feature `winit`");
    } else if !options.has_display {
        missing.push("winit: there is no display (apt-get install xvfb)");
    }
    if !cfg!(feature = "glib") {
        missing.push("glib: built without the feature `glib` (apt-get install libglib2.0-dev)");
    }
    if !cfg!(feature = "toolkits") {
        missing.push("egui and Slint: built without the feature `toolkits` (benches/run --toolkits)");
    }
    if options.qt.is_none() {
        missing.push("Qt: its program was not built (apt-get install qt6-base-dev, or qtbase5-dev)");
    }
    missing
}

/// Whether the row's ratio is not one to the yardstick, but the share of the ticks that happened.
pub fn is_share(scenario: &Scenario) -> bool {
    scenario.is_slow
}

impl Unit {
    /// As in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::Wakes => "wakes",
        }
    }
}
