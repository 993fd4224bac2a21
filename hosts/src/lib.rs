//! What the examples of the hosts share, so that each of them shows its host alone: two workers that compute on threads
//! of their own, what is known of them, and how they are cancelled and waited for.
//!
//! A program implements [`Program`] for its state, and opens the pipes by [`Workers::start`].

pub mod terminal;

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use foreground::{MessageReceiver, MessageRouter, PipeEnd, PipeError, StartedSender};

/// How many steps each worker makes.
const STEPS: [u32; 2] = [160, 240];
/// How long a step takes at least.
const STEP: Duration = Duration::from_millis(25);

/// The state of an example's router.
pub trait Program: Sized + 'static {
    fn workers(&mut self) -> &mut Workers<Self>;

    /// Something has changed; for hosts whose windows have to be told.
    fn show(&mut self) {}

    /// For the Cancel button.
    fn cancel(&mut self) {
        self.workers().cancel();
        self.show();
    }
}

/// The two workers, as the foreground knows them.
pub struct Workers<P: 'static> {
    pub bars: [Bar; STEPS.len()],
    receivers: Vec<MessageReceiver<f32, P>>,
    threads: Vec<JoinHandle<()>>,
}

/// What is to be seen of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bar {
    /// From 0 to 1.
    pub done: f32,
    pub state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Working,
    Done,
    Cancelled,
    Failed,
}

impl Bar {
    /// A line about the worker.
    pub fn text(&self) -> String {
        let percent = (100.0 * self.done).floor();
        match self.state {
            State::Working => format!("{percent} %"),
            State::Done => "done".to_owned(),
            State::Cancelled => format!("cancelled at {percent} %"),
            State::Failed => format!("failed at {percent} %"),
        }
    }
}

impl<P: Program> Workers<P> {
    /// Starts the workers, each with a pipe of its own of which the newest report counts.
    pub fn start(router: &MessageRouter<P>) -> Result<Self, PipeError> {
        let mut workers = Self { bars: Default::default(), receivers: Vec::new(), threads: Vec::new() };
        for (index, steps) in STEPS.into_iter().enumerate() {
            let (sender, receiver) = router.latest_pipe::<f32>()?;
            receiver.on_message(move |program: &mut P, done| {
                program.workers().bars[index].done = done;
                program.show();
            });
            receiver.on_end(move |program, end| {
                let is_done = end == PipeEnd::Stopped;
                program.workers().bars[index].state = if is_done { State::Done } else { State::Failed };
                program.show();
            });
            workers.receivers.push(receiver);
            workers.threads.push(thread::spawn(move || compute(steps, &sender.start())));
        }
        Ok(workers)
    }

    pub fn is_working(&self) -> bool {
        self.bars.iter().any(|bar| bar.state == State::Working)
    }

    /// Closes the pipes: the workers learn it from their next send, and end.
    pub fn cancel(&mut self) {
        self.receivers.clear();
        for bar in self.bars.iter_mut().filter(|bar| bar.state == State::Working) {
            bar.state = State::Cancelled;
        }
    }

    /// Cancels what still runs, and waits for the threads. Tells what was done.
    pub fn close(&mut self) {
        self.cancel();
        let ended = self.threads.drain(..).filter_map(|thread| thread.join().ok()).count();
        let [first, second] = self.bars.map(|bar| bar.text());
        println!("{ended} workers have ended: {first}; {second}");
    }
}

/// Computes, and reports after each step how much is done, until it is done or nobody listens.
fn compute(steps: u32, sender: &StartedSender<f32>) {
    let mut start = 1_u64;
    for step in 1..=steps {
        let began = Instant::now();
        while began.elapsed() < STEP {
            (start..start + 1000).for_each(|n| _ = std::hint::black_box(collatz(n)));
            start += 1000;
        }
        if sender.send(step as f32 / steps as f32).is_err() {
            return;
        }
    }
}

/// How many steps the Collatz sequence of a number takes to 1.
fn collatz(mut n: u64) -> u32 {
    let mut steps = 0;
    while n != 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}
