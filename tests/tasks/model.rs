//! What tasks must do, as a sequential program: one worker, and a router's queue of which each entry costs one of the
//! dispatch's budget.

use std::collections::VecDeque;

use foreground::tasks::{ExecutorState, TaskState};

use crate::common::{End, Kind, Seen, Verdict};

/// What a steered task is told to do.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    Say(u32),
    /// Only the newest counts, where the kind has that.
    Latest(u32),
    End(Verdict),
}

/// An entry of the router's queue.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Started(usize),
    Said(usize, u32),
    /// With how often the newest value had been taken back.
    Latest(usize, u32),
    Ended(usize, End),
    Abandoned(usize),
    PipeEnd,
    Tell(usize),
    DeliverInbox(usize),
    DeliverInboxAndDone(usize),
    Executor(ExecutorState),
}

pub struct ModelTask {
    kind: Kind,
    pub state: TaskState,
    told: TaskState,
    pub seen: Vec<Seen>,
    inbox: VecDeque<u32>,
    latest: Option<u32>,
    retakes: u32,
    outcome: Option<End>,
    hears_messages: bool,
    hears_done: bool,
    is_cancelled: bool,
    /// Its pipe is gone.
    is_lost: bool,
}

#[derive(Default)]
pub struct Model {
    pub tasks: Vec<ModelTask>,
    queue: VecDeque<Entry>,
    /// Submitted, and no worker has taken it.
    waiting: VecDeque<usize>,
    /// What the worker runs.
    pub running: Option<usize>,
    pub is_stopping: bool,
    pub executor_seen: Vec<ExecutorState>,
    is_stopped: bool,
}

impl Model {
    pub fn submit(&mut self, kind: Kind, hears_messages: bool, hears_done: bool) {
        self.waiting.push_back(self.tasks.len());
        self.tasks.push(ModelTask {
            kind,
            state: TaskState::Waiting,
            told: TaskState::Waiting,
            seen: Vec::new(),
            inbox: VecDeque::new(),
            latest: None,
            retakes: 0,
            outcome: None,
            hears_messages,
            hears_done,
            is_cancelled: false,
            is_lost: false,
        });
        self.work();
    }

    /// The worker takes what it can.
    fn work(&mut self) {
        while self.running.is_none()
            && let Some(task) = self.waiting.pop_front()
        {
            if self.tasks[task].is_cancelled {
                self.notify(task, Entry::Abandoned(task));
                self.notify(task, Entry::PipeEnd);
            } else {
                self.notify(task, Entry::Started(task));
                self.running = Some(task);
            }
        }
    }

    fn notify(&mut self, task: usize, entry: Entry) {
        if !self.tasks[task].is_lost {
            self.queue.push_back(entry);
        }
    }

    /// The running task, if any, does as it is told.
    pub fn command(&mut self, command: Command) {
        let Some(task) = self.running else { return };
        let it = &mut self.tasks[task];
        let is_iteration = matches!(it.kind, Kind::Iteration | Kind::TryIteration | Kind::Steps);
        let is_call = matches!(it.kind, Kind::Call | Kind::TryCall);
        match command {
            Command::End(verdict) => self.end(task, verdict),
            // It looks before each item.
            Command::Say(_) | Command::Latest(_) if is_iteration && it.is_cancelled => {
                self.end(task, Verdict::Return);
            }
            Command::Say(_) | Command::Latest(_) if is_call || it.is_cancelled => {}
            Command::Latest(n) if !is_iteration => {
                let retakes = it.retakes;
                if it.latest.replace(n).is_none() {
                    self.notify(task, Entry::Latest(task, retakes));
                }
            }
            Command::Say(n) | Command::Latest(n) => {
                if let Some(latest) = it.latest.take() {
                    it.retakes += 1;
                    self.notify(task, Entry::Said(task, latest));
                }
                self.notify(task, Entry::Said(task, n));
            }
        }
    }

    fn end(&mut self, task: usize, verdict: Verdict) {
        let end = match verdict {
            Verdict::Return => End::Completed,
            Verdict::Fail if self.tasks[task].kind.can_fail() => End::Failed,
            Verdict::Fail | Verdict::Panic => End::Panicked,
        };
        self.notify(task, Entry::Ended(task, end));
        self.notify(task, Entry::PipeEnd);
        self.running = None;
        self.work();
    }

    pub fn cancel(&mut self, task: usize) -> bool {
        let it = &mut self.tasks[task];
        if !it.state.is_cancellable() {
            return false;
        }
        it.state = TaskState::Cancelling;
        it.is_cancelled = true;
        it.inbox.clear();
        self.queue.push_back(Entry::Tell(task));
        true
    }

    pub fn stop(&mut self) {
        self.is_stopping = true;
        self.queue.push_back(Entry::Executor(ExecutorState::Stopping));
        for task in 0..self.tasks.len() {
            self.cancel(task);
        }
        self.stop_if_idle();
    }

    pub fn live(&self) -> usize {
        self.tasks.iter().filter(|task| !task.state.is_done()).count()
    }

    pub fn executor_state(&self) -> ExecutorState {
        match (self.is_stopping, self.live()) {
            (false, _) => ExecutorState::Running,
            (true, 0) => ExecutorState::Stopped,
            (true, _) => ExecutorState::Stopping,
        }
    }

    fn stop_if_idle(&mut self) {
        if self.is_stopping && self.live() == 0 && !self.is_stopped {
            self.is_stopped = true;
            self.queue.push_back(Entry::Executor(ExecutorState::Stopped));
        }
    }

    /// The router is stopped, and started again.
    pub fn restart_router(&mut self) {
        for task in &mut self.tasks {
            if !task.state.is_done() {
                task.state = TaskState::Cancelled;
                task.told = TaskState::Cancelled;
                task.outcome = Some(End::Cancelled);
                task.is_cancelled = true;
                task.inbox.clear();
                (task.hears_messages, task.hears_done) = (false, false);
            }
            task.is_lost = true;
        }
        self.stop_if_idle();
        // Nobody can be told.
        self.queue.clear();
    }

    pub fn hear_messages(&mut self, task: usize) {
        let it = &mut self.tasks[task];
        if it.told.is_done() && it.inbox.is_empty() {
            return;
        }
        it.hears_messages = true;
        if !it.inbox.is_empty() {
            self.queue.push_back(Entry::DeliverInbox(task));
        }
    }

    pub fn hear_done(&mut self, task: usize) {
        let it = &mut self.tasks[task];
        it.hears_done = true;
        if it.told.is_done() {
            self.queue.push_back(Entry::DeliverInboxAndDone(task));
        }
    }

    pub fn take_message(&mut self, task: usize) -> Option<u32> {
        self.tasks[task].inbox.pop_front()
    }

    pub fn take_end(&mut self, task: usize) -> Option<End> {
        self.tasks[task].outcome.take()
    }

    pub fn dispatch(&mut self, budget: usize) {
        for _ in 0..budget {
            let Some(entry) = self.queue.pop_front() else { return };
            match entry {
                Entry::Started(task) => {
                    self.tasks[task].tell();
                    if self.tasks[task].state == TaskState::Waiting {
                        self.tasks[task].state = TaskState::Executing;
                    }
                    self.tasks[task].tell();
                }
                Entry::Said(task, n) => self.tasks[task].hear(n),
                Entry::Latest(task, retakes) => {
                    let it = &mut self.tasks[task];
                    let is_heard = it.state == TaskState::Executing && it.retakes == retakes;
                    match it.latest.take_if(|_| is_heard) {
                        Some(value) => it.hear(value),
                        // A void place: what waits has an entry of its own, by which it is delivered.
                        None => it.tell(),
                    }
                }
                Entry::Ended(task, end) => {
                    let it = &mut self.tasks[task];
                    it.deliver_inbox();
                    it.tell();
                    let (state, end) = match (it.state, end) {
                        (TaskState::Executing, End::Completed) => (TaskState::Completed, end),
                        (TaskState::Executing, _) => (TaskState::Failed, end),
                        _ => (TaskState::Cancelled, End::Cancelled),
                    };
                    self.finish(task, state, end);
                }
                Entry::Abandoned(task) => {
                    self.tasks[task].tell();
                    self.finish(task, TaskState::Cancelled, End::Cancelled);
                }
                Entry::PipeEnd => {}
                Entry::Tell(task) => self.tasks[task].tell(),
                Entry::DeliverInbox(task) => self.tasks[task].deliver_inbox(),
                Entry::DeliverInboxAndDone(task) => {
                    self.tasks[task].deliver_inbox();
                    self.tasks[task].call_on_done();
                }
                Entry::Executor(state) => self.executor_seen.push(state),
            }
        }
    }

    fn finish(&mut self, task: usize, state: TaskState, end: End) {
        let it = &mut self.tasks[task];
        it.outcome = Some(end);
        it.state = state;
        self.stop_if_idle();
        self.tasks[task].tell();
    }
}

impl ModelTask {
    fn hear(&mut self, message: u32) {
        self.tell();
        if self.state == TaskState::Executing {
            self.inbox.push_back(message);
            self.deliver_inbox();
        }
    }

    fn deliver_inbox(&mut self) {
        if self.hears_messages {
            self.seen.extend(self.inbox.drain(..).map(Seen::Message));
        }
    }

    fn tell(&mut self) {
        if self.told == self.state {
            return;
        }
        let was_cancellable = self.told.is_cancellable();
        self.told = self.state;
        self.seen.push(Seen::State(self.state));
        if was_cancellable && !self.state.is_cancellable() {
            self.seen.push(Seen::Uncancellable);
        }
        if self.state.is_done() {
            self.call_on_done();
        }
    }

    fn call_on_done(&mut self) {
        if std::mem::take(&mut self.hears_done) {
            self.seen.extend(self.outcome.take().map(Seen::Done));
        }
    }
}
