//! Three workers that ask the user: the window shows one question at a time, and each worker waits for its answer.
//!
//! ```text
//! cargo run -p foreground-windows --features bus --example ask_the_window [-- --headless]
//! ```
//!
//! What to look for:
//! - To a worker, asking is one line: `send_request(..)` and `recv_response()`. It knows neither window nor event loop.
//! - `serve_on` below brings the questions to the window, which keeps the right to answer until a button is clicked.
//! - Close the window while they wait: each learns that there will be no response, and ends.

mod window;

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foreground::bus::{self, Client, Serving, Transaction};
use foreground::{MessageRouter, Waker};

const WORKERS: [&str; 3] = ["Photos", "Backup", "Mail"];

const QUESTIONS: [Question; 6] = [
    question("Photos", "IMG_0412 is blurred. Shall it go?", ["Delete", "Keep"]),
    question("Photos", "IMG_0413 and IMG_0414 look alike.", ["Keep one", "Keep both"]),
    question("Backup", "The disk is nearly full. May the oldest backup go?", ["Delete", "Stop"]),
    question("Backup", "The network is slow today.", ["Wait", "Skip"]),
    question("Mail", "“Re: kettle” has no text. Send it?", ["Send", "Edit"]),
    question("Mail", "Remind Ada of the appointment?", ["Remind", "Leave it"]),
];

#[derive(Clone, Copy)]
struct Question {
    asker: &'static str,
    text: &'static str,
    choices: [Answer; 2],
}

const fn question(asker: &'static str, text: &'static str, choices: [Answer; 2]) -> Question {
    Question { asker, text, choices }
}

type Answer = &'static str;

/// Runs on a thread of its own.
fn work(worker: &str, client: &Client<Question, Answer>) -> Result<(), Box<dyn Error>> {
    for question in QUESTIONS.into_iter().filter(|question| question.asker == worker) {
        thread::sleep(Duration::from_millis(150)); // stands for hard work
        let answer = client.send_request(question)?.recv_response()?;
        say(format_args!("{worker}: {} {answer}.", question.text));
    }
    Ok(())
}

/// Prints a line; `println!` would panic if the standard output was closed.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

#[derive(Default)]
struct App {
    /// The first one is shown, and the others wait in line.
    questions: VecDeque<(Question, Transaction<Answer>)>,
    answered: Vec<(Question, Answer)>,
    are_all_done: bool,
}

impl App {
    /// Answers the first question, and lets its worker go on.
    fn answer(&mut self, choice: usize) {
        if let Some((question, transaction)) = self.questions.pop_front() {
            let answer = question.choices[choice];
            // A worker that has given up needs no answer.
            if transaction.send_response(answer).is_ok() {
                self.answered.push((question, answer));
            }
        }
    }
}

/// The application, its router, and who else works.
struct Program {
    router: MessageRouter<App>,
    app: App,
    serving: Option<Serving<App>>,
    workers: Vec<JoinHandle<()>>,
}

impl Program {
    fn start(waker: impl Waker) -> Result<Self, Box<dyn Error>> {
        let router = MessageRouter::new(waker);
        router.start()?;
        let (client, server) = bus::local();
        let serving = server.serve_on(&router, |app: &mut App, transaction, question| {
            app.questions.push_back((question, transaction));
        })?;
        serving.on_end(|app| app.are_all_done = true); // when the last worker has dropped its client
        let start = |worker| {
            let client = client.clone();
            thread::spawn(move || match work(worker, &client) {
                Ok(()) => say(format_args!("{worker} has done its work")),
                Err(error) => say(format_args!("{worker} ends: {error}")),
            })
        };
        let workers = WORKERS.map(start).into();
        Ok(Self { router, app: App::default(), serving: Some(serving), workers })
    }

    /// Answers all questions by the first choice.
    fn run_headless(&mut self) -> Result<(), Box<dyn Error>> {
        let answer = |app: &mut App| {
            app.answer(0);
            app.are_all_done
        };
        Ok(self.router.route_until(&mut self.app, answer, None)?)
    }

    /// Turns away whoever waits for an answer, and sees everybody off.
    fn shut_down(&mut self) {
        self.serving = None;
        self.app.questions.clear();
        self.workers.drain(..).for_each(|worker| worker.join().unwrap_or_default());
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if !env::args_os().any(|argument| argument == "--headless") {
        return window::run();
    }
    let mut program = Program::start(|| {})?; // `route_until` waits by itself and needs no waker
    let result = program.run_headless();
    program.shut_down();
    result
}
