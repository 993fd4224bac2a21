//! The side that calculates.

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use foreground::MessageRouter;
use foreground::channel::{Listener, Request, SendError};
use foreground::net::PeerAddress;

use crate::ask::{Answer, Ask, Operator, What, shown};
use crate::{complain, say};

/// How long the primes under way may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);
const HISTORY: usize = 100;
const PRIME_THREADS: usize = 2;
const LARGEST_PRIME: usize = 200_000;

/// What the callbacks have between them, and nobody else: it needs no lock.
struct Calculator {
    /// To the threads that find primes.
    primes: Sender<(Request, usize)>,
    history: VecDeque<String>,
    is_stopping: bool,
}

pub(crate) fn run(listener: Listener) -> Result<ExitCode, Box<dyn Error>> {
    // There is no window: `route_until` waits by itself and needs no waker.
    let router: MessageRouter<Calculator> = MessageRouter::new(|| {});
    router.start()?;
    let requests = listener.requests(); // of all clients
    let serving = requests.serve_on(&router, Calculator::answer)?;
    let (stop, stopped) = router.pipe::<()>()?;
    stopped.on_message(|calculator, ()| calculator.is_stopping = true);
    let stop = stop.start();
    let stop_too = stop.clone();
    // Nobody listens any more when it is stopping already.
    ctrlc::set_handler(move || _ = stop.send(()))?;
    thread::Builder::new().spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink()); // until Ctrl-D
        let _ = stop_too.send(());
    })?;
    say(format_args!("listening at {}; Ctrl-D ends", requests.local_address()));

    let mut calculator =
        Calculator { primes: start_threads()?, history: VecDeque::new(), is_stopping: false };
    router.route_until(&mut calculator, |calculator| calculator.is_stopping, None)?;
    drop(serving);
    match requests.stop(GRACE) {
        0 => say("stopped"),
        cut_off => complain(format_args!("stopped; left unanswered: {cut_off}")),
    }
    Ok(ExitCode::SUCCESS)
}

impl Calculator {
    /// Called for each request. What does not take long is answered at once.
    fn answer(&mut self, request: Request, ask: Ask) {
        let number = match ask {
            Ask::Calculate(operator, a, b) => calculate(operator, a, b),
            Ask::Find(What::History, count) => {
                let lines = self.history.iter().rev().take(count).rev().cloned().collect();
                return reply(request, ask, Ok(Answer::Lines(lines)));
            }
            Ask::Find(What::Prime, count) => {
                // The threads end with the program, not before.
                let _ = self.primes.send((request, count));
                return;
            }
        };
        if let Ok(number) = number {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(format!("{ask} = {}", shown(number)));
        }
        reply(request, ask, number.map(Answer::Number));
    }
}

/// What takes long is done here, and answered from here.
fn start_threads() -> io::Result<Sender<(Request, usize)>> {
    let (sender, receiver) = crossbeam_channel::unbounded::<(Request, usize)>();
    for _ in 0..PRIME_THREADS {
        let receiver = receiver.clone();
        thread::Builder::new().spawn(move || {
            for (request, count) in receiver {
                reply(request, Ask::Find(What::Prime, count), prime(count).map(Answer::Number));
            }
        })?;
    }
    Ok(sender)
}

/// Sends the result, or why there is none, and prints it.
fn reply(request: Request, ask: Ask, answer: Result<Answer, Failure>) {
    let who = match request.peer_address() {
        Some(PeerAddress::Tcp(address)) => address.to_string(),
        _ => "a local program".into(), // the clients of Unix sockets have no names
    };
    match &answer {
        Ok(Answer::Lines(lines)) => say(format_args!("{who}: {ask}: the latest {}", lines.len())),
        Ok(Answer::Number(number)) => say(format_args!("{who}: {ask} = {}", shown(*number))),
        Err((kind, why)) => say(format_args!("{who}: {ask}: {kind}: {why}")),
    }
    let sent: Result<(), SendError> = match answer {
        Ok(answer) => request.reply(&answer),
        Err((kind, why)) => request.fail_as(kind, why),
    };
    if let Err(error) = sent {
        complain(format_args!("{who}: {ask}: {error}"));
    }
}

/// The type of an error, as Python calls it, and the reason.
type Failure = (&'static str, &'static str);

fn calculate(operator: Operator, a: f64, b: f64) -> Result<f64, Failure> {
    let result = match operator {
        Operator::Divide if b == 0.0 => return Err(("ZeroDivisionError", "division by zero")),
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
    };
    if result.is_finite() { Ok(result) } else { Err(("OverflowError", "the result is too large")) }
}

/// Stands for what takes long.
fn prime(count: usize) -> Result<f64, Failure> {
    if !(1..=LARGEST_PRIME).contains(&count) {
        return Err(("ValueError", "only the first 200000 primes are known here"));
    }
    let is_prime = |n: &u64| !(2..).take_while(|d| d * d <= *n).any(|d| n.is_multiple_of(d));
    (2..)
        .filter(is_prime)
        .nth(count - 1)
        .map(|prime| prime as f64)
        .ok_or(("ValueError", "there is no such prime"))
}
