//! The model: the same promises, kept in the simplest way, without types, threads or speed.

use std::collections::VecDeque;

use foreground::PipeEnd;

use crate::{Act, Event, Kind, SENT_BY_CALLBACK, act_of};

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) pipes: Vec<ModelPipe>,
    queue: VecDeque<Entry>,
    pub(crate) scheduled: VecDeque<usize>,
    pub(crate) stopped: bool,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) discarded: u64,
    pub(crate) replaced: u64,
    pub(crate) events: Vec<Event>,
    acts: Vec<Act>,
}

#[derive(Clone, Copy)]
enum Entry {
    Message(usize, u64),
    Latest(usize, u64),
    /// The place of a latest value that went with its pipe.
    Stale,
    End(usize),
}

pub(crate) struct ModelPipe {
    kind: Kind,
    pub(crate) senders: usize,
    used: usize,
    callback: Option<bool>,
    inbox: VecDeque<u64>,
    pub(crate) ended: bool,
    pub(crate) closed: bool,
    /// Whether the router has been stopped since it was opened.
    gone: bool,
    detached: bool,
    pub(crate) scheduled: bool,
}

impl Model {
    pub(crate) fn new(acts: Vec<Act>) -> Self {
        Self { acts, ..Self::default() }
    }

    pub(crate) fn open(&mut self, kind: Kind, callback: bool) {
        let callback = callback.then_some(false);
        self.pipes.push(ModelPipe {
            kind,
            senders: 1,
            used: 0,
            callback,
            inbox: VecDeque::new(),
            ended: false,
            closed: false,
            gone: false,
            detached: false,
            scheduled: false,
        });
    }

    pub(crate) fn send(&mut self, pipe: usize, number: u64) {
        let target = &mut self.pipes[pipe];
        let is_full = matches!(target.kind, Kind::Bounded(capacity) if target.used >= capacity);
        if target.senders == 0 {
            return;
        }
        if target.closed || is_full {
            return self.events.push(Event::Refused(number));
        }
        target.used += 1;
        self.sent += 1;
        if target.kind == Kind::Latest {
            let before = self.queue.len();
            self.queue.retain(|entry| !matches!(entry, Entry::Latest(other, _) if *other == pipe));
            self.replaced += (before - self.queue.len()) as u64;
            self.queue.push_back(Entry::Latest(pipe, number));
        } else {
            self.queue.push_back(Entry::Message(pipe, number));
        }
    }

    pub(crate) fn drop_sender(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        if target.senders > 0 {
            target.senders -= 1;
            if target.senders == 0 && !target.gone {
                self.queue.push_back(Entry::End(pipe));
            }
        }
    }

    pub(crate) fn close(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        if target.closed || target.detached {
            return;
        }
        self.close_for_good(pipe);
    }

    fn close_for_good(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        target.closed = true;
        self.discarded += target.inbox.len() as u64;
        target.inbox.clear();
        // A latest value goes at once, messages when their turn comes.
        for entry in &mut self.queue {
            if matches!(entry, Entry::Latest(other, _) if *other == pipe) {
                *entry = Entry::Stale;
                self.discarded += 1;
            }
        }
    }

    fn schedule(&mut self, pipe: usize) {
        if !self.pipes[pipe].scheduled {
            self.pipes[pipe].scheduled = true;
            self.scheduled.push_back(pipe);
        }
    }

    pub(crate) fn set_callback(&mut self, pipe: usize, replaced: bool) {
        let target = &mut self.pipes[pipe];
        if target.closed || target.detached {
            return;
        }
        target.callback = Some(replaced);
        if !target.inbox.is_empty() {
            self.schedule(pipe);
        }
    }

    pub(crate) fn detach(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        if target.closed || target.detached {
            return;
        }
        target.detached = true;
        if target.callback.is_none() {
            self.discarded += target.inbox.len() as u64;
            target.used -= target.inbox.len();
            target.inbox.clear();
        }
        if target.ended {
            self.schedule(pipe);
        }
    }

    pub(crate) fn take(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        if target.detached {
            return;
        }
        if let Some(number) = target.inbox.pop_front() {
            target.used = target.used.saturating_sub(1);
            self.delivered += 1;
            self.events.push(Event::Taken { pipe, number });
            if self.pipes[pipe].ended && self.pipes[pipe].inbox.is_empty() {
                self.schedule(pipe);
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.pipes.iter_mut().for_each(|pipe| {
            pipe.closed = true;
            pipe.gone = true;
            pipe.inbox.clear();
        });
        self.queue.clear();
        self.scheduled.clear();
        self.discarded = self.sent - self.delivered - self.replaced;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.stopped || (self.queue.is_empty() && self.scheduled.is_empty())
    }

    /// Routes up to `budget` messages; a step that delivers none counts as one.
    pub(crate) fn route(&mut self, mut budget: usize) {
        while budget > 0 && !self.is_idle() {
            let left = budget;
            self.step(&mut budget);
            if budget == left {
                budget -= 1;
            }
        }
    }

    /// The loop is about to sleep. The ends of closed pipes, which nobody is told, then cost no budget.
    pub(crate) fn settle(&mut self) {
        while let Some(Entry::End(pipe)) = self.queue.front()
            && self.pipes[*pipe].closed
        {
            self.queue.pop_front();
        }
    }

    fn step(&mut self, budget: &mut usize) {
        if let Some(pipe) = self.scheduled.pop_front() {
            self.pipes[pipe].scheduled = false;
            if !self.pipes[pipe].closed {
                self.deliver_waiting(pipe, budget);
            }
            return;
        }
        match self.queue.pop_front() {
            None | Some(Entry::Stale) => {}
            Some(Entry::Message(pipe, _)) if self.pipes[pipe].closed => self.discarded += 1,
            Some(Entry::Message(pipe, number)) => self.arrive(pipe, number, budget),
            Some(Entry::Latest(pipe, number)) => {
                let outdated = std::mem::take(&mut self.pipes[pipe].inbox);
                self.replaced += outdated.len() as u64;
                self.arrive(pipe, number, budget);
            }
            Some(Entry::End(pipe)) if self.pipes[pipe].closed => {}
            Some(Entry::End(pipe)) => {
                self.pipes[pipe].ended = true;
                self.finish(pipe);
            }
        }
    }

    fn arrive(&mut self, pipe: usize, number: u64, budget: &mut usize) {
        let target = &mut self.pipes[pipe];
        *budget -= 1;
        if target.callback.is_some() {
            self.call(pipe, number);
        } else if target.detached {
            target.used -= 1;
            self.discarded += 1;
        } else {
            target.inbox.push_back(number);
        }
    }

    fn deliver_waiting(&mut self, pipe: usize, budget: &mut usize) {
        while *budget > 0 && !self.stopped && !self.pipes[pipe].closed && self.pipes[pipe].callback.is_some()
        {
            let waiting = self.pipes[pipe].inbox.pop_front();
            let Some(number) = waiting.or_else(|| self.next_of(pipe)) else { break };
            *budget -= 1;
            self.call(pipe, number);
        }
        if self.stopped || self.pipes[pipe].closed {
            return;
        }
        if *budget > 0 {
            self.finish(pipe);
        } else if self.pipes[pipe].ended || !self.pipes[pipe].inbox.is_empty() {
            self.schedule(pipe);
        }
    }

    /// What comes next, if that is a message of the pipe.
    fn next_of(&mut self, pipe: usize) -> Option<u64> {
        match self.queue.front() {
            Some(Entry::Message(other, number)) if *other == pipe && self.scheduled.is_empty() => {
                let number = *number;
                self.queue.pop_front();
                Some(number)
            }
            _ => None,
        }
    }

    fn call(&mut self, pipe: usize, number: u64) {
        let target = &mut self.pipes[pipe];
        target.used = target.used.saturating_sub(1);
        self.delivered += 1;
        let replaced = target.callback == Some(true);
        self.events.push(Event::Received { pipe, number, replaced });
        match act_of(&self.acts, number) {
            Act::Nothing => {}
            Act::Send(other) => {
                let other = other % self.pipes.len();
                self.send(other, number + SENT_BY_CALLBACK);
            }
            Act::Close(other) => {
                let other = other % self.pipes.len();
                self.close(other);
            }
            Act::CloseItself => self.close(pipe),
            Act::ReplaceItself => self.set_callback(pipe, true),
            Act::Stop => self.stop(),
        }
    }

    fn finish(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        if target.ended && !target.closed && target.inbox.is_empty() {
            target.closed = true;
            self.events.push(Event::Ended(pipe, PipeEnd::Stopped));
        }
    }
}
