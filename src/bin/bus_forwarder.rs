//! A place where any number of publishers and subscribers of a bus over 0MQ meet. It runs until it is ended.
//!
//! ```text
//! bus_forwarder --publishers tcp://*:5556 --subscribers tcp://*:5555 [--high-water-mark 1000]
//! ```
//!
//! It prints both addresses, with the ports that the system chose if they were 0. Programs of this crate publish there by
//! `Bus::connected_publisher`; any PUB socket of 0MQ that connects, and any SUB socket, does as well.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::thread;

use foreground::pubsub::Bus;

const USAGE: &str = "bus_forwarder --publishers ADDRESS --subscribers ADDRESS [--high-water-mark MESSAGES]";

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let (mut publishers, mut subscribers, mut mark) = (None, None, 1000);
    while let Some(argument) = arguments.next() {
        let mut value =
            || arguments.next().ok_or_else(|| format!("{argument} needs a value; usage: {USAGE}"));
        match argument.as_str() {
            "--publishers" => publishers = Some(value()?),
            "--subscribers" => subscribers = Some(value()?),
            "--high-water-mark" => mark = value()?.parse()?,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(());
            }
            _ => return Err(format!("{argument}: what is that? Usage: {USAGE}").into()),
        }
    }
    let (Some(publishers), Some(subscribers)) = (publishers, subscribers) else {
        return Err(format!("where? Usage: {USAGE}").into());
    };
    let forwarder = Bus::new(subscribers)?.high_water_mark(mark).forwarder(publishers)?;
    println!("publishers {}", forwarder.publishers_address());
    println!("subscribers {}", forwarder.subscribers_address());
    loop {
        // All is done on another thread.
        thread::park();
    }
}

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bus_forwarder: {error}");
            ExitCode::FAILURE
        }
    }
}
