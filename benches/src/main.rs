//! Measures everything and reports it. `benches/run` builds and starts this; see there for the options.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::thread;

use foreground_benches::harness::{self, Options};
use foreground_benches::report::{json, markdown, svg, table};
use foreground_benches::scenarios::{Size, remote};

fn main() -> Result<(), Box<dyn Error>> {
    if harness::run_as_child() || remote::run_as_sender() {
        return Ok(());
    }
    let mut options = Options {
        size: Size::FULL,
        peers: Vec::new(),
        scenario: String::new(),
        qt: None,
        has_display: env::var_os("DISPLAY").is_some_and(|display| !display.is_empty()),
    };
    let (mut json_file, mut svg_file, mut page) = (None, None, None);
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => options.size = Size::QUICK,
            "--only" => options.peers = value()?.split(',').map(String::from).collect(),
            "--scenario" => options.scenario = value()?,
            "--qt" => options.qt = Some(PathBuf::from(value()?)),
            "--json" => json_file = Some(PathBuf::from(value()?)),
            "--svg" => svg_file = Some(PathBuf::from(value()?)),
            "--page" => page = Some(PathBuf::from(value()?)),
            _ => return Err(format!("there is no option {arg}").into()),
        }
    }

    let rows = harness::run(&options);
    print!("{}", table::render(&rows));
    for missing in harness::missing(&options) {
        println!("\nNot measured: {missing}");
    }
    if let Some(file) = json_file {
        fs::write(file, json::render(&rows))?;
    }
    if let Some(file) = svg_file {
        fs::write(file, svg::render(&rows))?;
    }
    if let Some(page) = page {
        markdown::rewrite(&page, &rows, &conditions(&options.size))?;
    }
    Ok(())
}

/// Under what conditions this run was made, in words.
fn conditions(size: &Size) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let machine = format!("{cores} cores, {}, {}", env::consts::ARCH.replace('_', "-"), env::consts::OS);
    format!(
        "The last {} run: {machine}; medians of {} rounds ({} of the floods), {} messages each.",
        size.name, size.rounds, size.slow_rounds, size.messages
    )
}
