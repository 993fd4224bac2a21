//! A window that plots what several processes publish, while they do.
//!
//! ```text
//! cargo run -p foreground-windows --features zmq --example dashboard
//! cargo run -p foreground-windows --features zmq --example dashboard -- --headless
//! cargo run -p foreground-windows --features zmq --example dashboard -- publish delta --at tcp://127.0.0.1:PORT     joins, from another terminal;
//!                                                                                  the window shows the address
//! ```
//!
//! What to look for:
//!
//! - `Dashboard::open` is all there is between the network and the window: a subscriber, and a callback that gets each measurement.
//! - The window does not know who publishes. Who joins has a line, who leaves leaves it behind: nobody is asked, nothing breaks.
//! - The publishers are processes of their own. They meet at a forwarder, which lives in the window's program here, and may as well
//!   be a program apart (`bus_forwarder`).

#[allow(unused)]
#[path = "../common/mod.rs"]
mod common;
mod plot;
mod publish;
mod series;
mod window;

use std::env;
use std::error::Error;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use foreground::MessageRouter;
use foreground::pubsub::{Bus, Forwarder, Serving};

use crate::publish::Measurement;
use crate::series::Board;

const USAGE: &str = "\
dashboard                              a window that plots what three processes publish
dashboard --headless                   the same for a moment, without a window
dashboard publish NAME --at ADDRESS    publishes to a window, which shows its address";

/// Who publishes, unless somebody joins.
const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];
/// Without a window, so many measurements of each are enough.
const HEADLESS_MEASUREMENTS: u64 = 20;
/// The channels of the measurements begin so.
const CHANNEL: &str = "measured.";

/// The state that the callback gets.
struct Dashboard {
    board: Board,
    forwarder: Forwarder,
    publishers: Vec<Publisher>,
    _serving: Serving<Self>,
}

/// A process that publishes. It ends when its input does, be it that this program was killed.
struct Publisher {
    name: String,
    process: Child,
}

impl Publisher {
    fn start(name: &str, address: &str) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["publish", name, "--at", address, "--until-end-of-input"]).stdin(Stdio::piped());
        Ok(Self { name: name.into(), process: command.spawn()? })
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Dashboard {
    fn open(router: &MessageRouter<Self>) -> Result<Self, Box<dyn Error>> {
        let forwarder = Bus::new("tcp://127.0.0.1:0")?.forwarder("tcp://127.0.0.1:0")?;
        let subscriber = Bus::new(forwarder.subscribers_address())?.subscriber(CHANNEL)?;
        let serving = subscriber.deliver_to(router, |app: &mut Self, channel, measured: Measurement| {
            if let Some(name) = channel.strip_prefix(CHANNEL) {
                app.board.add(name, measured.value);
            }
        })?;
        Ok(Self { board: Board::default(), forwarder, publishers: Vec::new(), _serving: serving })
    }

    fn runs(&self, name: &str) -> bool {
        self.publishers.iter().any(|publisher| publisher.name == name)
    }

    fn start(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        self.publishers.push(Publisher::start(name, &self.forwarder.publishers_address())?);
        Ok(())
    }

    fn stop(&mut self, name: &str) {
        self.publishers.retain(|publisher| publisher.name != name);
    }

    fn run_headless() -> Result<(), Box<dyn Error>> {
        let router = MessageRouter::new(|| {});
        router.start()?;
        let mut app = Self::open(&router)?;
        NAMES.iter().try_for_each(|name| app.start(name))?;
        let is_enough = |app: &mut Self| {
            NAMES.iter().all(|name| app.board.series(name).is_some_and(|s| s.count >= HEADLESS_MEASUREMENTS))
        };
        router.route_until(&mut app, is_enough, Duration::from_secs(30))?;
        for series in app.board.all().iter().filter(|series| app.runs(&series.name)) {
            println!("{} has published, now {:+.2}", series.name, series.newest());
        }
        Ok(())
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["publish", name, "--at", address] => publish::run(name, address, false),
        ["publish", name, "--at", address, "--until-end-of-input"] => publish::run(name, address, true),
        ["--headless"] => Dashboard::run_headless(),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] if !common::has_display() => {
            eprintln!("dashboard: there is no display; going on without a window");
            Dashboard::run_headless()
        }
        [] => window::run(),
        _ => Err("say `--headless`, `publish NAME --at ADDRESS`, or nothing".into()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dashboard: {error}");
            ExitCode::FAILURE
        }
    }
}
