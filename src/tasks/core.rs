//! The foreground's half of a task: its phase, its callbacks, and what waits to be taken.
//!
//! As in `pipe::endpoint`, whatever is the user's is taken out of its cell before it is called or dropped, so it may
//! do anything to the task meanwhile.

use std::any::TypeId;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::{Rc, Weak};
use std::task::Waker;

use super::ask::{Answer, AnyQuestion, Asked, Question};
use super::cancel::CancelToken;
use super::context::Word;
use super::executor::ExecutorCore;
use super::job::Notice;
use super::outcome::{Ending, TaskOutcome};
use super::state::{Event, Phase, TaskState};
use crate::MessageRouter;
use crate::router::WeakRouter;

type OnMessage<M, S> = Box<dyn FnMut(&mut S, M)>;
type OnDone<R, E, S> = Box<dyn FnOnce(&mut S, TaskOutcome<R, E>)>;
type OnState<S> = Box<dyn FnMut(&mut S, TaskState)>;
type OnUncancellable<S> = Box<dyn FnOnce(&mut S)>;
type OnAsk<S> = Box<dyn FnMut(&mut S, AnyQuestion)>;

pub(super) struct TaskCore<M, R, E, S: 'static> {
    phase: Cell<Phase>,
    /// The state that the callbacks have been told.
    told: Cell<TaskState>,
    /// Callbacks are being told.
    is_telling: Cell<bool>,
    /// Messages that waited are being delivered.
    is_delivering: Cell<bool>,
    /// The pipe has gone before the task's end came, and no callback will be called.
    is_lost: Cell<bool>,
    /// A notice is being handled; until that is over, the task's pipe receives nothing.
    is_busy: Cell<bool>,
    token: CancelToken,
    /// To be told later, also when the executor has gone.
    router: WeakRouter<S>,
    executor: Weak<ExecutorCore<S>>,
    /// The place in the executor's table, as long as the task is there.
    key: Cell<Option<u32>>,
    on_message: Cell<Option<OnMessage<M, S>>>,
    on_done: Cell<Option<OnDone<R, E, S>>>,
    /// How it ended, once it has, until somebody takes it.
    ending: Cell<Option<Ending<R, E>>>,
    rare: Cell<Option<Box<Rare<M, S>>>>,
}

/// What few tasks need.
struct Rare<M, S: 'static> {
    on_state: Option<OnState<S>>,
    on_uncancellable: Option<OnUncancellable<S>>,
    on_ask: Vec<(TypeId, OnAsk<S>)>,
    /// Messages for which there is no callback.
    inbox: VecDeque<M>,
    /// Who awaits the outcome.
    waker: Option<Waker>,
}

impl<M, S> Default for Rare<M, S> {
    fn default() -> Self {
        Self {
            on_state: None,
            on_uncancellable: None,
            on_ask: Vec::new(),
            inbox: VecDeque::new(),
            waker: None,
        }
    }
}

/// What an executor knows of its tasks, whatever their kind.
pub(super) trait Live {
    /// Cancels it, if it is not too late for that.
    fn cancel(self: Rc<Self>);
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> TaskCore<M, R, E, S> {
    pub(super) fn new(router: WeakRouter<S>, executor: Weak<ExecutorCore<S>>, token: CancelToken) -> Self {
        Self {
            phase: Cell::new(Phase::Waiting),
            told: Cell::new(TaskState::Waiting),
            is_telling: Cell::new(false),
            is_delivering: Cell::new(false),
            is_lost: Cell::new(false),
            is_busy: Cell::new(false),
            token,
            router,
            executor,
            key: Cell::new(None),
            on_message: Cell::new(None),
            on_done: Cell::new(None),
            ending: Cell::new(None),
            rare: Cell::new(None),
        }
    }

    pub(super) fn set_key(&self, key: u32) {
        self.key.set(Some(key));
    }

    pub(super) fn state(&self) -> TaskState {
        self.phase.get().state()
    }

    pub(super) fn take_outcome(&self) -> Option<TaskOutcome<R, E>> {
        // Before that, it is an end that waits for the messages before it.
        if !self.state().is_done() {
            return None;
        }
        self.ending.take().map(Ending::into_outcome)
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        let waker = waker.clone();
        let old = self.with_rare(|rare| rare.waker.replace(waker));
        drop(old);
    }

    pub(super) fn set_on_message(self: &Rc<Self>, callback: OnMessage<M, S>) {
        let has_waiting = self.has_waiting();
        if self.told.get().is_done() && !has_waiting {
            return;
        }
        let old = self.on_message.replace(Some(callback));
        if has_waiting && !self.later(Self::deliver_late) {
            let never_called = self.on_message.take();
            drop(never_called);
        }
        drop(old);
    }

    pub(super) fn set_on_state(&self, callback: OnState<S>) {
        if !self.state().is_done() {
            let old = self.with_rare(|rare| rare.on_state.replace(callback));
            drop(old);
        }
    }

    pub(super) fn set_on_uncancellable(&self, callback: OnUncancellable<S>) {
        if self.told.get().is_cancellable() && !self.state().is_done() {
            let old = self.with_rare(|rare| rare.on_uncancellable.replace(callback));
            drop(old);
        }
    }

    pub(super) fn set_on_ask<Q: Question>(
        &self,
        mut callback: impl FnMut(&mut S, Q, Answer<Q::Answer>) + 'static,
    ) {
        if self.state().is_done() {
            return;
        }
        let callback: OnAsk<S> = Box::new(move |state, question| {
            if let Ok(asked) = question.downcast::<Asked<Q>>() {
                let Asked { question, answer } = *asked;
                callback(state, question, answer);
            }
        });
        let kind = TypeId::of::<Asked<Q>>();
        let old = self.with_rare(|rare| {
            let old = rare.on_ask.iter().position(|(known, _)| *known == kind);
            let old = old.map(|at| rare.on_ask.swap_remove(at));
            rare.on_ask.push((kind, callback));
            old
        });
        drop(old);
    }

    pub(super) fn set_on_done(self: &Rc<Self>, callback: OnDone<R, E, S>) {
        let old = self.on_done.replace(Some(callback));
        // Told already: there is no news to come that would call it.
        let is_late = self.told.get().is_done();
        if is_late
            && !self.later(|core, state| {
                core.deliver_inbox(state);
                core.call_on_done(state);
            })
        {
            let never_called = self.on_done.take();
            drop(never_called);
        }
        drop(old);
    }

    pub(super) fn try_recv(&self) -> Option<M> {
        self.if_rare(|rare| rare.inbox.pop_front())?
    }

    /// Takes a notice from the task's pipe.
    pub(super) fn receive(self: &Rc<Self>, state: &mut S, notice: Notice<M, R, E>) {
        let _busy = Busy::new(self);
        self.or_silence(|| self.handle(state, notice));
    }

    /// Handles a notice; before that, tells of a cancel that the callbacks have not heard of.
    fn handle(self: &Rc<Self>, state: &mut S, notice: Notice<M, R, E>) {
        match notice {
            // A callback that is on the stack routes. The rest of what waited comes first.
            Notice::Ended(ending) if self.is_delivering.get() => self.ending.set(Some(ending)),
            Notice::Ended(ending) => {
                // What waited for a callback comes before the end.
                self.deliver_inbox(state);
                self.end(ending, state);
            }
            Notice::Started => {
                self.tell(state);
                self.step(Event::Started, state);
            }
            Notice::Said(word) => {
                self.tell(state);
                if self.phase.get() == Phase::Executing {
                    self.hear(word, state);
                }
            }
            Notice::Abandoned => {
                self.ending.set(Some(Ending::Cancelled));
                self.tell(state);
                self.step(Event::Abandoned, state);
            }
        }
    }

    fn end(self: &Rc<Self>, ending: Ending<R, E>, state: &mut S) {
        if matches!(ending, Ending::Cancelled) {
            // By itself, if not from here.
            self.cancel_quietly();
        }
        self.tell(state);
        let event = if ending.is_return() { Event::Returned } else { Event::Raised };
        let seen = if self.phase.get() == Phase::Executing { ending } else { Ending::Cancelled };
        self.ending.set(Some(seen));
        self.step(event, state);
    }

    fn step(self: &Rc<Self>, event: Event, state: &mut S) {
        let Some(next) = self.phase.get().after(event) else {
            log::error!("foreground: a task that is {} cannot be {event:?}: a bug", self.state());
            return;
        };
        self.phase.set(next);
        if next.state().is_done() {
            self.leave();
        }
        self.tell(state);
    }

    /// Leaves the executor, before any callback is told: none can change the task any more.
    fn leave(&self) {
        if let Some(executor) = self.executor.upgrade() {
            if self.is_busy.replace(false) {
                executor.leave_callback();
            }
            if let Some(key) = self.key.take() {
                executor.forget(key);
            }
        }
    }

    fn hear(self: &Rc<Self>, word: Word<M>, state: &mut S) {
        match word {
            Word::Message(message) => self.deliver(message, state),
            Word::Latest(place) => {
                if let Some(value) = place.take() {
                    self.deliver(value, state);
                }
            }
            Word::Question(question) => {
                let kind = (*question).type_id();
                let handler = self.if_rare(|rare| {
                    let at = rare.on_ask.iter().position(|(known, _)| *known == kind)?;
                    Some(rare.on_ask.swap_remove(at))
                });
                // Without one, the question is dropped here, which tells the worker.
                if let Some((kind, mut callback)) = handler.flatten() {
                    callback(state, question);
                    let is_lost = self.is_lost.get();
                    let unneeded = self.with_rare(|rare| {
                        if is_lost || rare.on_ask.iter().any(|(known, _)| *known == kind) {
                            return Some(callback);
                        }
                        rare.on_ask.push((kind, callback));
                        None
                    });
                    drop(unneeded);
                }
            }
        }
    }

    fn deliver(self: &Rc<Self>, message: M, state: &mut S) {
        if self.has_waiting() {
            self.with_rare(|rare| rare.inbox.push_back(message));
            return self.deliver_inbox(state);
        }
        match self.on_message.take() {
            Some(callback) => self.call_on_message(callback, state, message),
            None => self.with_rare(|rare| rare.inbox.push_back(message)),
        }
    }

    fn has_waiting(&self) -> bool {
        self.if_rare(|rare| !rare.inbox.is_empty()).unwrap_or(false)
    }

    fn deliver_late(self: &Rc<Self>, state: &mut S) {
        let _busy = Busy::new(self);
        self.deliver_inbox(state);
    }

    fn deliver_inbox(self: &Rc<Self>, state: &mut S) {
        if self.is_delivering.replace(true) {
            return;
        }
        let delivering = Reset(&self.is_delivering);
        self.deliver_all(state);
        drop(delivering);
        // The end that came while a callback routed.
        if !self.state().is_done()
            && let Some(ending) = self.ending.take()
        {
            self.end(ending, state);
        }
    }

    fn deliver_all(&self, state: &mut S) {
        while let Some(callback) = self.on_message.take() {
            match self.try_recv() {
                Some(message) => self.call_on_message(callback, state, message),
                // No message can come any more.
                None if self.told.get().is_done() => return drop(callback),
                None => return self.on_message.set(Some(callback)),
            }
        }
    }

    fn call_on_message(&self, mut callback: OnMessage<M, S>, state: &mut S, message: M) {
        callback(state, message);
        if self.is_lost.get() {
            return drop(callback);
        }
        let newer = self.on_message.take();
        self.on_message.set(Some(newer.unwrap_or(callback)));
    }

    /// Tells the callbacks of the state, unless they know it: state, cancellable, done.
    fn tell(&self, state: &mut S) {
        if self.told.get() == self.state() {
            return;
        }
        if self.is_telling.replace(true) {
            // The callback that is on the stack changed it. Whoever called that goes on with the news.
            return;
        }
        let _telling = Reset(&self.is_telling);
        loop {
            let (before, now) = (self.told.get(), self.state());
            if before == now {
                return;
            }
            self.told.set(now);
            if let Some(mut callback) = self.if_rare(|rare| rare.on_state.take()).flatten() {
                callback(state, now);
                let is_lost = self.is_lost.get();
                let unneeded = self.with_rare(|rare| match rare.on_state {
                    None if !is_lost => rare.on_state.replace(callback),
                    _ => Some(callback),
                });
                drop(unneeded);
            }
            if before.is_cancellable() && !now.is_cancellable() {
                let callback = self.if_rare(|rare| rare.on_uncancellable.take()).flatten();
                if let Some(callback) = callback {
                    callback(state);
                }
            }
            if now.is_done() {
                self.wake();
                self.call_on_done(state);
                self.drop_callbacks();
            }
        }
    }

    fn call_on_done(&self, state: &mut S) {
        if let Some(callback) = self.on_done.take() {
            match self.take_outcome() {
                Some(outcome) => callback(state, outcome),
                None => drop(callback),
            }
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.if_rare(|rare| rare.waker.take()).flatten() {
            waker.wake();
        }
    }

    /// Callbacks that will not be called any more, which may own whatever they like. Messages stay for those who poll.
    fn drop_callbacks(&self) {
        let rare = self.if_rare(|rare| {
            (rare.on_state.take(), rare.on_uncancellable.take(), std::mem::take(&mut rare.on_ask))
        });
        drop(rare);
        if !self.has_waiting() {
            let on_message = self.on_message.take();
            drop(on_message);
        }
    }

    /// Does what may call callbacks. If one of them panics, the task is cancelled and no other is called.
    fn or_silence(self: &Rc<Self>, action: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(action)) {
            self.cancel_quietly();
            if self.state().is_done() {
                self.wake();
            }
            let callbacks = (self.on_message.take(), self.on_done.take());
            self.drop_callbacks();
            drop(callbacks);
            resume_unwind(panic);
        }
    }

    fn cancel_quietly(&self) -> bool {
        let Some(next) = self.phase.get().after(Event::Cancel) else { return false };
        self.phase.set(next);
        self.token.cancel();
        let undelivered = self.if_rare(|rare| std::mem::take(&mut rare.inbox));
        drop(undelivered);
        true
    }

    pub(super) fn cancel(self: &Rc<Self>) -> bool {
        if !self.cancel_quietly() {
            return false;
        }
        let is_heard = self.if_rare(|rare| rare.on_state.is_some() || rare.on_uncancellable.is_some());
        // A callback that is on the stack has news to come anyway, and its cell is empty.
        if is_heard.unwrap_or(false) {
            self.later(|core, state| core.tell(state));
        }
        true
    }

    /// The task's pipe has gone before the task's end came through it: the router was stopped, or a callback panicked.
    fn lose(&self) {
        if self.state().is_done() {
            return;
        }
        self.is_lost.set(true);
        self.phase.set(Phase::CancelledAbandoned);
        self.told.set(TaskState::Cancelled);
        self.ending.set(Some(Ending::Cancelled));
        self.token.cancel();
        // After the cancel, which wakes all who wait, and the executor waits for the end.
        if let Some(executor) = self.executor.upgrade() {
            executor.lose(&self.token);
        }
        self.leave();
        self.wake();
        let undelivered = self.if_rare(|rare| std::mem::take(&mut rare.inbox));
        drop(undelivered);
        self.drop_callbacks();
        let on_done = self.on_done.take();
        drop(on_done);
    }

    /// Does something in a later turn of the router; says whether there will be one.
    fn later(self: &Rc<Self>, action: impl FnOnce(&Rc<Self>, &mut S) + 'static) -> bool {
        let core = Rc::clone(self);
        let router = self.router.upgrade();
        router.is_some_and(|router| later(&router, move |state| core.or_silence(|| action(&core, state))))
    }

    /// Lends the rare part, making it if there is none. `access` must not run user code.
    fn with_rare<V>(&self, access: impl FnOnce(&mut Rare<M, S>) -> V) -> V {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = access(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    /// Lends the rare part, if there is one. `access` must not run user code.
    fn if_rare<V>(&self, access: impl FnOnce(&mut Rare<M, S>) -> V) -> Option<V> {
        let mut rare = self.rare.take()?;
        let result = access(&mut rare);
        self.rare.set(Some(rare));
        Some(result)
    }
}

impl<M: 'static, R: 'static, E: 'static, S: 'static> Live for TaskCore<M, R, E, S> {
    fn cancel(self: Rc<Self>) {
        TaskCore::cancel(&self);
    }
}

/// Has the router call `action` in its next turn: opens a pipe for that, and ends it at once. Returns `false`, and drops
/// the action, if the router does not run.
pub(super) fn later<S: 'static>(router: &MessageRouter<S>, action: impl FnOnce(&mut S) + 'static) -> bool {
    let Ok((sender, receiver)) = router.pipe::<()>() else { return false };
    receiver.on_end(move |state, _| action(state));
    receiver.detach();
    drop(sender);
    true
}

/// The owner of a task's core in the callback of its pipe: gone when the pipe is.
pub(super) struct Line<M: 'static, R: 'static, E: 'static, S: 'static>(pub(super) Rc<TaskCore<M, R, E, S>>);

impl<M, R, E, S: 'static> Drop for Line<M, R, E, S> {
    fn drop(&mut self) {
        self.0.lose();
    }
}

/// Clears a flag when what it marks is over, be it by a panic.
pub(super) struct Reset<'a>(pub(super) &'a Cell<bool>);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Marks a task whose callbacks are on the stack, for the executor to know that it cannot end meanwhile. Empty if it was
/// marked before.
struct Busy<'a, M: 'static, R: 'static, E: 'static, S: 'static>(Option<&'a TaskCore<M, R, E, S>>);

impl<'a, M, R, E, S> Busy<'a, M, R, E, S> {
    fn new(core: &'a TaskCore<M, R, E, S>) -> Self {
        if core.state().is_done() || core.is_busy.replace(true) {
            return Self(None);
        }
        if let Some(executor) = core.executor.upgrade() {
            executor.enter_callback();
        }
        Self(Some(core))
    }
}

impl<M, R, E, S> Drop for Busy<'_, M, R, E, S> {
    fn drop(&mut self) {
        if let Some(core) = self.0
            && core.is_busy.replace(false)
            && let Some(executor) = core.executor.upgrade()
        {
            executor.leave_callback();
        }
    }
}
