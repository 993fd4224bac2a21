//! A window that other programs drive while it runs: they set its title and colour, add to its list, and ask its user.
//!
//! ```text
//! cargo run -p foreground-windows --features channel --example remote_control -- window
//! cargo run -p foreground-windows --features channel --example remote_control -- set-title "Shopping"          # in a second terminal
//! cargo run -p foreground-windows --features channel --example remote_control -- set-color green
//! cargo run -p foreground-windows --features channel --example remote_control -- add-item "Two pounds of apples"
//! cargo run -p foreground-windows --features channel --example remote_control -- ask "Is that all?"
//! cargo run -p foreground-windows --features channel --example remote_control -- get
//! ```
//!
//! What to look for:
//! - `desk.rs`: requests come to the foreground as calls with `&mut Desk`, by `Requests::serve_on`. No lock, no thread.
//! - A question is a `Request` that the desk keeps until its user has clicked. The program that asks waits; the window
//!   does not, and other programs drive it meanwhile. Ask twice at once: the second question waits behind the first.
//! - Close the window while a question is open: the asker is told, and exits with 1. Press Ctrl-C in the asker: its
//!   question goes from the window.
//!
//! A socket in a folder that is yours alone keeps other users out. See `--help` for options and exit codes.

#[path = "../common/mod.rs"]
mod common;
mod desk;
mod options;
mod place;
mod remote;
mod view;
mod window;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::options::{HELP, Role};

/// What the window is asked to do. In JSON: `{"set-title": "Shopping"}`, `"get"`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Command {
    SetTitle(String),
    SetColor(Color),
    AddItem(String),
    Ask(String),
    Get,
    Close,
}

/// Red, green and blue.
type Color = [u8; 3];

/// What the window shows.
#[derive(Debug, Deserialize, Serialize)]
struct Shown {
    title: String,
    color: Color,
    items: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let result = match options::parse(arguments) {
        Ok(Role::Window { listen, headless }) => window::run(listen, headless),
        Ok(Role::Remote { connect, command }) => remote::run(connect, &command),
        Ok(Role::Help) => {
            print(HELP.trim_end());
            Ok(())
        }
        Err(error) => {
            complain(format_args!("{error}\nTry --help."));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error);
            ExitCode::FAILURE
        }
    }
}

/// Prints a line; `println!` would panic if nobody reads any more.
fn print(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line to the standard error.
fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "remote_control: {line}");
}
