//! The command line.

use serde_json::Value;

pub(crate) const HELP: &str = "\
A JSON-RPC 2.0 service in a running window, over 0MQ and HTTP.

Usage: rpc_window window [--zmq ADDRESS] [--http ADDRESS] [--headless]
       rpc_window call ADDRESS METHOD [PARAMS]

  --zmq        tcp://host:port, or ipc://path; default: tcp://127.0.0.1:5556
  --http       host:port; default: 127.0.0.1:8080. Port 0 is one that is free
  --headless   without a window, until it is told to close; there is nobody to ask then
  ADDRESS      tcp://host:port, ipc://path, or http://host:port/
  PARAMS       a JSON array; default: []

Methods:
  add NUMBER NUMBER    their sum
  set_title TEXT       the heading of the window
  approve QUESTION     true or false, when the user has clicked
  pending              how many questions wait
  close                closes the window

Exit codes:
  0  done; the result is printed as JSON
  1  the service cannot be reached, or answered with an error
  2  wrong usage
";

pub(crate) enum Role {
    Window(Options),
    Call { address: String, method: String, params: Value },
    Help,
}

pub(crate) struct Options {
    pub(crate) zmq: String,
    pub(crate) http: String,
    pub(crate) headless: bool,
}

/// Reads the arguments; the error says what is wrong with them.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Role, String> {
    match arguments.next().as_deref() {
        None => Err("say what to do: window, or call".into()),
        Some("--help" | "-h") => Ok(Role::Help),
        Some("window") => window(arguments).map(Role::Window),
        Some("call") => {
            let words: Vec<_> = arguments.collect();
            let (address, method, params) = match &words[..] {
                [address, method] => (address, method, "[]"),
                [address, method, params] => (address, method, &**params),
                _ => return Err("call wants an address, a method, and perhaps its parameters".into()),
            };
            let params =
                serde_json::from_str(params).map_err(|error| format!("{params:?} is no JSON: {error}"))?;
            Ok(Role::Call { address: address.clone(), method: method.clone(), params })
        }
        Some(word) => Err(format!("unknown word {word:?}: say window, or call")),
    }
}

fn window(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let (zmq, http) = ("tcp://127.0.0.1:5556".into(), "127.0.0.1:8080".into());
    let mut options = Options { zmq, http, headless: false };
    while let Some(argument) = arguments.next() {
        let mut address = || arguments.next().ok_or(format!("{argument} wants an address"));
        match argument.as_str() {
            "--zmq" => options.zmq = address()?,
            "--http" => options.http = address()?,
            "--headless" => options.headless = true,
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    Ok(options)
}
