//! What a function in a worker has in the place of its executor: what it says becomes frames.

use std::collections::HashMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::function::{QuestionKind, Reply, Write};
use super::wire::{self, Failure, kind};
use super::worker::{Call, Running, Serving};
use crate::tasks::remote::{AnyQuestion, LatestPlace, Outlet, Word, drop_quietly};
use crate::tasks::{CancelToken, TaskCancelled};

/// One call's. `M` is what its function sends.
pub(super) struct Voice<M: Send + 'static> {
    serving: Arc<Serving>,
    token: CancelToken,
    write_message: Write<M>,
    questions: Vec<Arc<QuestionKind<M>>>,
    state: Mutex<State<M>>,
}

struct State<M> {
    latest: Latest<M>,
    last_question: u32,
    asked: HashMap<u32, Reply>,
    /// What the function could not say. It is cancelled then.
    failure: Option<Failure>,
}

/// The value of which the newest counts. One is on its way at most; what comes meanwhile stays here, as what it is, and only the
/// newest is written.
struct Latest<M> {
    is_under_way: bool,
    waiting: Option<LatestPlace<M>>,
    /// A thread has taken it and writes it. What is said meanwhile comes after it, and is sent by that thread.
    is_being_written: bool,
    after: Vec<Vec<u8>>,
    /// How the call has ended meanwhile, if the value can be written.
    end: Option<Vec<u8>>,
}

impl<M> State<M> {
    /// How the call ends that would end like this, if all that it said could be written.
    fn end(&mut self, end: Vec<u8>) -> Vec<u8> {
        self.failure.take().map_or(end, |failure| failure.to_frame())
    }
}

impl<M: Send + 'static> Voice<M> {
    pub(super) fn new(
        serving: Arc<Serving>,
        call: &Call,
        write_message: Write<M>,
        questions: Vec<Arc<QuestionKind<M>>>,
    ) -> Self {
        let latest = Latest {
            is_under_way: false,
            waiting: None,
            is_being_written: false,
            after: Vec::new(),
            end: None,
        };
        let state = State { latest, last_question: 0, asked: HashMap::new(), failure: None };
        Self { serving, token: call.token.clone(), write_message, questions, state: Mutex::new(state) }
    }

    /// Ends the call, after all that it said.
    pub(super) fn finish(&self, call: &Call, end: Vec<u8>) {
        let mut state = self.state.lock();
        let last = state.latest.waiting.take();
        let asked = mem::take(&mut state.asked);
        drop(state);
        // Nobody waits for the answers any more, but they are the user's.
        drop_quietly(asked);
        if let Some(bytes) = last.and_then(|last| self.write_place(&last)) {
            let _ = self.say(bytes);
        }
        self.serving.forget_call(call);
        let mut state = self.state.lock();
        if state.latest.is_being_written {
            // Whether it can be is known when that is done.
            state.latest.end = Some(end);
            return;
        }
        let end = state.end(end);
        drop(state);
        // If this fails, the connection has ended, which is told elsewhere.
        let _ = self.serving.send(end);
    }

    /// Sends bytes after those that are to come before them. It may wait until the executor's process has taken what was sent before.
    fn say(&self, bytes: Vec<u8>) -> Result<(), TaskCancelled> {
        let mut state = self.state.lock();
        if state.latest.is_being_written {
            state.latest.after.push(bytes);
            return Ok(());
        }
        drop(state);
        self.serving.send(bytes)
    }

    fn write(&self, kind: u8, message: &M) -> Result<Vec<u8>, TaskCancelled> {
        let mut bytes = wire::open(kind);
        let written = (self.write_message)(message, &mut bytes)
            .map_err(|error| Failure::Codec(format!("a message cannot be written: {error}")))
            .and_then(|()| self.serving.close_frame(bytes));
        written.map_err(|failure| self.fail(failure))
    }

    /// Writes the value that has this place, if it has not come to another one. The value is the user's, and this may be no
    /// thread of his.
    fn write_place(&self, place: &LatestPlace<M>) -> Option<Vec<u8>> {
        let written = catch_unwind(AssertUnwindSafe(|| {
            let value = place.take()?;
            self.write(kind::LATEST, &value).ok()
        }));
        written.unwrap_or_else(|panic| {
            mem::forget(panic); // its destructor is the user's too
            self.fail(Failure::Codec("a message cannot be written: its `Serialize` panicked".into()));
            None
        })
    }

    /// Sends the newest value, if there is one; else the next one is sent at once.
    fn send_latest(&self) {
        loop {
            let mut state = self.state.lock();
            let latest = &mut state.latest;
            let Some(place) = latest.waiting.take() else {
                latest.is_under_way = false;
                return;
            };
            // Before the value is taken: who finds it gone has to find this.
            latest.is_being_written = true;
            drop(state);
            let bytes = self.write_place(&place);
            drop_quietly(place);
            let mut state = self.state.lock();
            state.latest.is_being_written = false;
            let is_sent = bytes.is_some();
            let after = mem::take(&mut state.latest.after);
            let end = state.latest.end.take().map(|end| state.end(end));
            // Under the lock, so that nothing overtakes them. It never waits.
            for bytes in bytes.into_iter().chain(after).chain(end) {
                self.serving.send_now(bytes);
            }
            if is_sent {
                return;
            }
        }
    }

    fn ask(&self, question: AnyQuestion) -> Result<(), TaskCancelled> {
        let type_id = (*question).type_id();
        let Some(known) = self.questions.iter().find(|known| known.type_id == type_id) else {
            // The question is dropped, which tells the function.
            return self.say(wire::short(kind::STRANGE_QUESTION, &()));
        };
        let mut state = self.state.lock();
        state.last_question += 1;
        let id = state.last_question;
        drop(state);
        let mut bytes = wire::begin(kind::QUESTION, &(id, known.name));
        let written = (known.write)(question, &mut bytes)
            .map_err(|error| {
                Failure::Codec(format!("a question of {} cannot be written: {error}", known.name))
            })
            .and_then(|reply| Ok((reply, self.serving.close_frame(bytes)?)));
        let (reply, bytes) = written.map_err(|failure| self.fail(failure))?;
        if let Some(reply) = reply {
            self.state.lock().asked.insert(id, reply);
        }
        self.say(bytes)
    }

    /// The function cannot go on, by no fault that it would know of.
    fn fail(&self, failure: Failure) -> TaskCancelled {
        self.state.lock().failure.get_or_insert(failure);
        self.token.cancel();
        TaskCancelled
    }
}

impl<M: Send + 'static> Outlet<M> for Voice<M> {
    fn send(&self, word: Word<M>) -> Result<(), TaskCancelled> {
        match word {
            Word::Message(message) => self.say(self.write(kind::MESSAGE, &message)?),
            Word::Latest(place) => {
                let mut state = self.state.lock();
                let old = state.latest.waiting.replace(place);
                let is_first = !mem::replace(&mut state.latest.is_under_way, true);
                drop(state);
                drop(old);
                if is_first {
                    self.send_latest();
                }
                Ok(())
            }
            Word::Question(question) => self.ask(question),
        }
    }
}

impl<M: Send + 'static> Running for Voice<M> {
    fn latest_came(&self) {
        self.send_latest();
    }

    fn answered(&self, question: u32, answer: Option<&[u8]>) {
        let reply = self.state.lock().asked.remove(&question);
        if let (Some(reply), Some(answer)) = (reply, answer)
            && let Err(error) = reply(answer)
        {
            // Its standard error is in the executor's log.
            eprintln!("foreground: the answer to a question cannot be read in the worker: {error}");
        }
    }
}
