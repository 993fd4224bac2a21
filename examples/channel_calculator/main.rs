//! A calculator on the other end of a connection: a server for many clients, and a client that reads expressions.
//!
//! ```text
//! cargo run --example channel_calculator --all-features -- server 127.0.0.1:5555
//! cargo run --example channel_calculator --all-features -- client 127.0.0.1:5555                    # in a second terminal
//! cargo run --example channel_calculator --all-features -- client 127.0.0.1:5555 "prime 100000" "1 + 2" "7 / 0" history
//! ```
//!
//! What to look for:
//! - The prime is asked for first and comes last: `server.rs` finds it on a thread, and answers others meanwhile.
//! - `7 / 0` fails at the server, with a typed error, and `prime many` at the client, without a request.
//! - Ctrl-D ends either side. A server that ends waits for the primes under way (ask for one of `prime 200000`, and see).
//! - Give `unix:calculator.sock` as the address, `--codec msgpack` on both sides, and then on one side only.
//!
//! On the wire a request is a list such as `["add", 1, 2]`, so aiomas in Python is as good a client:
//!
//! ```python
//! import asyncio, aiomas
//! async def main():
//!     channel = await aiomas.channel.open_connection(("127.0.0.1", 5555))
//!     print(await channel.send(["add", 1, 2]), await channel.send(["history", 1]))
//!     await channel.close()
//! asyncio.run(main())
//! ```
//!
//! See `--help` for options and exit codes.

mod ask;
mod client;
mod server;

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use foreground::channel::{MessagePack, Options};
use foreground::net::Address;

const HELP: &str = "\
A calculator on the other end of a connection.

Usage: channel_calculator server ADDRESS [--codec json|msgpack]
       channel_calculator client ADDRESS [--codec json|msgpack] [EXPRESSION...]

  ADDRESS     host:port, where the server may say port 0 for any that is free; or unix:path
  --codec     how messages are written, the same on both sides. Default: json
  EXPRESSION  \"1 + 2\", with + - * or /; \"prime 1000\", the thousandth prime; \"history 5\", the latest results of all
              clients. Without any, the client reads them from its input, one a line

Exit codes:
  0  all was answered; or the server was ended by the end of its input, or by Ctrl-C
  1  an expression failed; or there is no connection
  2  wrong usage
";

struct Arguments {
    is_server: bool,
    address: Address,
    options: Options,
    expressions: Vec<String>,
}

/// Reads the arguments; the error says what is wrong with them. `None` asks for help.
fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut arguments = arguments;
    let (mut words, mut options) = (Vec::new(), Options::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--codec" => match arguments.next().as_deref() {
                Some("json") => options = options.codec(foreground::channel::Json),
                Some("msgpack") => options = options.codec(MessagePack),
                _ => return Err("--codec is json or msgpack".into()),
            },
            option if option.starts_with("--") => return Err(format!("unknown option {option}")),
            _ => words.push(argument),
        }
    }
    let mut words = words.into_iter();
    let is_server = match words.next().as_deref() {
        Some("server") => true,
        Some("client") => false,
        _ => return Err("say which one: server or client".into()),
    };
    let address = words.next().ok_or("where? Give an address, such as 127.0.0.1:5555")?;
    let address = address.parse().map_err(|error| format!("{error}"))?;
    let expressions: Vec<String> = words.collect();
    if is_server && !expressions.is_empty() {
        return Err(format!("{:?} is for a client", expressions[0]));
    }
    Ok(Some(Arguments { is_server, address, options, expressions }))
}

fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { is_server, address, options, expressions } = arguments;
    if is_server {
        server::run(options.listen(address)?)
    } else {
        client::run(options.connect(address)?, expressions)
    }
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    match parse(arguments) {
        Ok(None) => {
            say(HELP.trim_end());
            ExitCode::SUCCESS
        }
        Ok(Some(arguments)) => run(arguments).unwrap_or_else(|error| {
            complain(error);
            ExitCode::FAILURE
        }),
        Err(error) => {
            complain(format_args!("{error}\nTry --help."));
            ExitCode::from(2)
        }
    }
}

/// Prints a line; `println!` would panic if nobody reads any more.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line to the standard error.
fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "channel_calculator: {line}");
}
