//! A JSON-RPC 2.0 service in a running window, over 0MQ and HTTP at once. Some calls are answered as they come, others when the
//! user has clicked.
//!
//! ```text
//! cargo run -p foreground-windows --features http,zmq --example rpc_window -- window
//! curl -d '{"jsonrpc": "2.0", "id": 1, "method": "approve", "params": ["Pay 12 euros?"]}' http://127.0.0.1:8080/
//! cargo run -p foreground-windows --features http,zmq --example rpc_window -- call tcp://127.0.0.1:5556 approve '["Ship the parcel?"]'
//! cargo run -p foreground-windows --features http,zmq --example rpc_window -- call http://127.0.0.1:8080/ add '[1, 2]'
//! ```
//!
//! Or in Python, by tinyrpc:
//!
//! ```text
//! client = RPCClient(JSONRPCProtocol(), ZmqClientTransport.create(zmq.Context(), "tcp://127.0.0.1:5556"))
//! print(client.get_proxy().approve("Pay 12 euros?"))
//! ```
//!
//! What to look for:
//! - `service.rs`: one function serves both transports, as calls with `&mut Desk`. No lock, no thread.
//! - `rpc.rs`: an answer is owed by whoever holds a `Call`. The desk keeps those of questions until its user has clicked, in any
//!   order; the client waits, the window does not. A batch is answered when its last call is.
//! - `call.rs`: the client takes a `Box<dyn ClientTransport>`; which transport it is the address tells.
//!
//! See `--help` for methods, options and exit codes.

mod call;
#[path = "../common/mod.rs"]
mod common;
mod desk;
mod options;
mod rpc;
mod service;
mod view;
mod window;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::options::{HELP, Role};

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let result = match options::parse(arguments) {
        Ok(Role::Window(options)) => window::run(options),
        Ok(Role::Call { address, method, params }) => call::run(&address, &method, params),
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
    let _ = writeln!(io::stderr(), "rpc_window: {line}");
}
