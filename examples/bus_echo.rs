//! A server that sends back what a client sends it, attachments too, over TCP or a Unix socket. In two terminals:
//!
//! ```text
//! cargo run --example bus_echo --features bus -- server 127.0.0.1:5555
//! cargo run --example bus_echo --features bus -- client 127.0.0.1:5555 --attach Cargo.toml hello there
//! ```
//!
//! `unix:echo.sock` in place of the host and port makes it a Unix socket. The server prints what it gets and from whom, and
//! ends by Ctrl-C, after what is under way. The client prints what comes back, and fails if nobody listens. `--demo` in place
//! of all that runs both in one process. The other end may be a program that uses ratchet.bus: the bytes are the same.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::Utf8Error;
use std::thread;
use std::time::Duration;

use foreground::bus::socket::{Client, Message, Options, Server};
use foreground::net::PeerAddress;

const USAGE: &str = "usage: bus_echo server ADDRESS
       bus_echo client ADDRESS [--attach FILE].. TEXT..
       bus_echo --demo
where ADDRESS is host:port or unix:path";

/// What is sent to and fro.
struct Letter {
    text: String,
    enclosed: Vec<Vec<u8>>,
}

/// A letter, and who wrote it.
struct Received {
    letter: Letter,
    from: PeerAddress,
}

fn seal(letter: Letter) -> Result<Message, Utf8Error> {
    Ok(Message { body: letter.text.into(), attachments: letter.enclosed })
}

fn open(message: Message, from: &PeerAddress) -> Result<Received, Utf8Error> {
    let letter = Letter { text: message.text()?.to_owned(), enclosed: message.attachments };
    Ok(Received { letter, from: from.clone() })
}

/// What the command line asks for.
enum Command {
    Serve { address: String },
    Ask { address: String, text: String, files: Vec<String> },
    Demo,
}

impl Command {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let role = arguments.next().ok_or("nothing to do")?;
        if role == "--demo" {
            return arguments.next().map_or(Ok(Self::Demo), |more| Err(format!("{more:?} is too much")));
        }
        if role != "server" && role != "client" {
            return Err(format!("{role:?} is neither server nor client"));
        }
        let address = arguments.next().ok_or("an address is missing")?;
        if role == "server" {
            let end = Self::Serve { address };
            return arguments.next().map_or(Ok(end), |more| Err(format!("{more:?} is too much")));
        }
        let (mut words, mut files) = (Vec::new(), Vec::new());
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--attach" => files.push(arguments.next().ok_or("--attach lacks its file")?),
                option if option.starts_with("--") => return Err(format!("{option} is unknown")),
                _ => words.push(argument),
            }
        }
        if words.is_empty() && files.is_empty() {
            return Err("there is nothing to send".into());
        }
        Ok(Self::Ask { address, text: words.join(" "), files })
    }
}

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("bus_echo: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let done = match command {
        Command::Serve { address } => serve(&address),
        Command::Ask { address, text, files } => ask(&address, text, &files),
        Command::Demo => demo(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bus_echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(address: &str) -> Result<Server<Received, Letter>, Box<dyn Error>> {
    Ok(Server::listen(address, open, seal)?)
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let server = listen(address)?;
    let stopping = server.clone();
    // The loop in `echo` ends when all that has come is received.
    ctrlc::set_handler(move || stopping.close())?;
    if let Some(address) = server.local_address() {
        writeln!(io::stdout(), "listening at {address}")?;
    }
    echo(&server)
}

/// Answers until the server is closed.
fn echo(server: &Server<Received, Letter>) -> Result<(), Box<dyn Error>> {
    while let Ok((transaction, Received { letter, from })) = server.recv_request() {
        writeln!(io::stdout(), "{from} writes: {}", shown(&letter))?;
        if let Err(error) = transaction.send_response(letter) {
            eprintln!("bus_echo: {error}");
        }
    }
    server.stop(Duration::from_secs(5)); // until the last response is written
    Ok(())
}

fn ask(address: &str, text: String, files: &[String]) -> Result<(), Box<dyn Error>> {
    let mut enclosed = Vec::new();
    for file in files {
        enclosed.push(fs::read(file).map_err(|error| format!("{file} cannot be read: {error}"))?);
    }
    let options =
        Options::new().connect_timeout(Duration::from_secs(5)).response_timeout(Duration::from_secs(10));
    let client: Client<Letter, Received> = options.client(address, seal, open)?;
    let pending = client.send_request(Letter { text, enclosed })?;
    let Received { letter, from } = pending.recv_response().map_err(|error| format!("{address}: {error}"))?;
    writeln!(io::stdout(), "{from} answers: {}", shown(&letter))?;
    Ok(())
}

fn shown(letter: &Letter) -> String {
    let sizes: Vec<_> = letter.enclosed.iter().map(|file| format!("{} bytes", file.len())).collect();
    if sizes.is_empty() {
        letter.text.clone()
    } else {
        format!("{} (attached: {})", letter.text, sizes.join(", "))
    }
}

fn demo() -> Result<(), Box<dyn Error>> {
    let server = listen("127.0.0.1:0")?;
    let address = server.local_address().ok_or("the server has no address")?.to_string();
    let stopping = server.clone();
    let echoing = thread::spawn(move || echo(&server).map_err(|error| error.to_string()));
    let asked = ask(&address, "hello".into(), &["Cargo.toml".into()]);
    stopping.close();
    echoing.join().map_err(|_| "the server panicked")??;
    asked
}
