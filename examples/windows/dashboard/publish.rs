//! A process that measures something and publishes it. Here it makes the measurements up.

use std::error::Error;
use std::io::{self, Read as _};
use std::thread;
use std::time::{Duration, Instant};

use foreground::pubsub::Bus;
use serde::{Deserialize, Serialize};

use crate::CHANNEL;

/// What is published.
#[derive(Deserialize, Serialize)]
pub(crate) struct Measurement {
    pub(crate) value: f64,
}

const INTERVAL: Duration = Duration::from_millis(50);

/// Measures and publishes, for ever, or until the standard input ends.
pub(crate) fn run(name: &str, address: &str, until_end_of_input: bool) -> Result<(), Box<dyn Error>> {
    let publisher = Bus::new(address)?.start_delay(Duration::ZERO).connected_publisher()?;
    if until_end_of_input {
        thread::spawn(|| {
            // Whatever it is, it is the end.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
    }
    // Each name has a rhythm of its own.
    let seed = name.bytes().fold(7_u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let (pace, phase) = (1.0 + f64::from(seed % 7) / 4.0, f64::from(seed % 11));
    let start = Instant::now();
    loop {
        let time = start.elapsed().as_secs_f64();
        let value = (time * pace + phase).sin() * 0.7 + (time * pace * 3.7).sin() * 0.2;
        publisher.put(format!("{CHANNEL}{name}"), &Measurement { value })?;
        thread::sleep(INTERVAL);
    }
}
