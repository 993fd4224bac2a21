//! The messages of the foreground, which waits for none of them: threads of the client send them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use super::Client;
use crate::transport::client::Tell;
use crate::transport::{Error, ErrorKind};

/// So many at once; further messages wait until one of these has its reply.
const THREADS: usize = 64;

/// The messages that wait for a thread. There are no threads without them.
#[derive(Default)]
pub(super) struct Background(Mutex<State>);

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
}

pub(super) struct Job {
    pub(super) message: Vec<u8>,
    pub(super) expect_reply: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) tell: Tell,
}

impl Background {
    /// Has a thread of the client's send a message.
    pub(super) fn send(client: &Client, job: Job) {
        let this = client.background();
        let mut state = this.0.lock();
        state.jobs.push_back(job);
        if state.threads == THREADS {
            return;
        }
        state.threads += 1;
        drop(state);
        let worker = client.clone();
        let spawned = thread::Builder::new().name("foreground-call".into()).spawn(move || work(&worker));
        if let Err(error) = spawned {
            let mut state = this.0.lock();
            state.threads -= 1;
            if state.threads > 0 {
                return; // They will come to it.
            }
            let jobs = std::mem::take(&mut state.jobs);
            drop(state);
            for job in jobs {
                let text = "no thread to send the message from";
                (job.tell)(Err(Error::new(ErrorKind::Io, text).because(error.to_string())));
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.0.lock();
        let job = state.jobs.pop_front();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }
}

fn work(client: &Client) {
    while let Some(Job { message, expect_reply, deadline, tell }) = client.background().next() {
        // The router's waker is the user's. One that panics has been told of, and costs no other message its thread.
        let _ = catch_unwind(AssertUnwindSafe(|| tell(client.send_until(deadline, &message, expect_reply))));
    }
}
