//! The whole router against a simple sequential model: random programs of opens, sends, closes, dispatches,
//! stops and callbacks that act must have the effects that the model foretells, in the same order, with the
//! same counts, and free every message.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foreground::{Budget, MessageReceiver, MessageRouter, MessageSender, PipeEnd, StartedSender};
use proptest::prelude::*;

/// What a program does from outside.
#[derive(Clone, Debug)]
enum Step {
    Open(Kind, bool),
    Send(usize),
    CloneSender(usize),
    DropSender(usize),
    Close(usize),
    Detach(usize),
    SetCallback(usize),
    Take(usize),
    Dispatch,
    RouteAll,
    Restart,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Unbounded,
    Bounded(usize),
    Latest,
}

/// What a callback does when it has noted its message; chosen by the message's number.
#[derive(Clone, Copy, Debug)]
enum Act {
    Nothing,
    Send(usize),
    Close(usize),
    CloseItself,
    ReplaceItself,
    Stop,
}

/// Messages that callbacks send have numbers from here on, and cause no act: a chain could go on for ever.
const SENT_BY_CALLBACK: u64 = 1_000_000;

fn act_of(acts: &[Act], number: u64) -> Act {
    if number >= SENT_BY_CALLBACK { Act::Nothing } else { acts[number as usize % acts.len()] }
}

/// What happened, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// A pipe's callback got a message; `replaced` tells which callback it was.
    Received {
        pipe: usize,
        number: u64,
        replaced: bool,
    },
    Taken {
        pipe: usize,
        number: u64,
    },
    Ended(usize, PipeEnd),
    /// A message was refused.
    Refused(u64),
}

/// A message that is missed if it is leaked.
#[derive(Debug)]
struct Message(u64, #[allow(dead_code)] Arc<()>);

// The model.

#[derive(Default)]
struct Model {
    pipes: Vec<ModelPipe>,
    /// What the foreground has fetched, and what it has not.
    batch: VecDeque<Entry>,
    queue: VecDeque<Entry>,
    scheduled: VecDeque<usize>,
    stopped: bool,
    sent: u64,
    delivered: u64,
    discarded: u64,
    replaced: u64,
    events: Vec<Event>,
    acts: Vec<Act>,
}

#[derive(Clone, Copy)]
enum Entry {
    Message(usize, u64),
    Latest(usize, u64),
    /// The place of a latest value that has gone.
    Stale,
    End(usize),
}

struct ModelPipe {
    kind: Kind,
    senders: usize,
    used: usize,
    callback: Option<bool>,
    inbox: VecDeque<u64>,
    ended: bool,
    closed: bool,
    detached: bool,
    scheduled: bool,
}

impl Model {
    fn open(&mut self, kind: Kind, callback: bool) {
        let callback = callback.then_some(false);
        self.pipes.push(ModelPipe {
            kind,
            senders: 1,
            used: 0,
            callback,
            inbox: VecDeque::new(),
            ended: false,
            closed: false,
            detached: false,
            scheduled: false,
        });
    }

    fn send(&mut self, pipe: usize, number: u64) {
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
            let replaced = before - self.queue.len() + Self::make_stale(&mut self.batch, pipe);
            self.replaced += replaced as u64;
            self.queue.push_back(Entry::Latest(pipe, number));
        } else {
            self.queue.push_back(Entry::Message(pipe, number));
        }
    }

    fn drop_sender(&mut self, pipe: usize) {
        let target = &mut self.pipes[pipe];
        if target.senders > 0 {
            target.senders -= 1;
            if target.senders == 0 && !target.closed {
                self.queue.push_back(Entry::End(pipe));
            }
        }
    }

    fn close(&mut self, pipe: usize) {
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
        let discarded = Self::make_stale(&mut self.queue, pipe) + Self::make_stale(&mut self.batch, pipe);
        self.discarded += discarded as u64;
    }

    /// Takes the pipe's latest value away, and leaves its place. Returns how many there were.
    fn make_stale(entries: &mut VecDeque<Entry>, pipe: usize) -> usize {
        let own =
            entries.iter_mut().filter(|entry| matches!(entry, Entry::Latest(other, _) if *other == pipe));
        own.map(|entry| *entry = Entry::Stale).count()
    }

    fn schedule(&mut self, pipe: usize) {
        if !self.pipes[pipe].scheduled {
            self.pipes[pipe].scheduled = true;
            self.scheduled.push_back(pipe);
        }
    }

    fn set_callback(&mut self, pipe: usize, replaced: bool) {
        let target = &mut self.pipes[pipe];
        if target.closed || target.detached {
            return;
        }
        target.callback = Some(replaced);
        if !target.inbox.is_empty() {
            self.schedule(pipe);
        }
    }

    fn detach(&mut self, pipe: usize) {
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

    fn take(&mut self, pipe: usize) {
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

    fn stop(&mut self) {
        self.stopped = true;
        self.pipes.iter_mut().for_each(|pipe| {
            pipe.closed = true;
            pipe.inbox.clear();
        });
        self.batch.clear();
        self.queue.clear();
        self.scheduled.clear();
        self.discarded = self.sent - self.delivered - self.replaced;
    }

    fn is_idle(&self) -> bool {
        self.stopped || (self.batch.is_empty() && self.queue.is_empty() && self.scheduled.is_empty())
    }

    /// Routes up to `budget` messages; a step that delivers none counts as one.
    fn route(&mut self, mut budget: usize) {
        while budget > 0 && !self.is_idle() {
            let left = budget;
            self.step(&mut budget);
            if budget == left {
                budget -= 1;
            }
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
        if self.batch.is_empty() {
            std::mem::swap(&mut self.batch, &mut self.queue);
        }
        match self.batch.pop_front() {
            None | Some(Entry::Stale) => {}
            Some(Entry::Message(pipe, _)) if self.pipes[pipe].closed => self.discarded += 1,
            Some(Entry::Message(pipe, number)) => self.arrive(pipe, number, budget),
            Some(Entry::Latest(pipe, number)) => {
                let outdated = std::mem::take(&mut self.pipes[pipe].inbox);
                self.replaced += outdated.len() as u64;
                self.arrive(pipe, number, budget);
            }
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
        match self.batch.front() {
            Some(Entry::Message(other, number)) if *other == pipe && self.scheduled.is_empty() => {
                let number = *number;
                self.batch.pop_front();
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

// The router itself.

struct App {
    router: MessageRouter<App>,
    senders: Vec<Vec<StartedSender<Message>>>,
    receivers: Vec<Option<MessageReceiver<Message, App>>>,
    events: Vec<Event>,
    acts: Vec<Act>,
    census: Arc<()>,
}

impl App {
    fn open(&mut self, kind: Kind, callback: bool) {
        let pipe = self.receivers.len();
        let (sender, receiver): (MessageSender<Message>, _) = match kind {
            Kind::Unbounded => self.router.pipe().unwrap(),
            Kind::Bounded(capacity) => self.router.bounded_pipe(capacity).unwrap(),
            Kind::Latest => self.router.latest_pipe().unwrap(),
        };
        receiver.on_end(move |app, end| app.events.push(Event::Ended(pipe, end)));
        self.senders.push(vec![sender.start()]);
        self.receivers.push(Some(receiver));
        if callback {
            self.set_callback(pipe, false);
        }
    }

    fn set_callback(&mut self, pipe: usize, replaced: bool) {
        if let Some(receiver) = &self.receivers[pipe] {
            receiver.on_message(move |app, message| app.received(pipe, message, replaced));
        }
    }

    fn send(&mut self, pipe: usize, number: u64) {
        if let Some(sender) = self.senders[pipe].last()
            && sender.try_send(Message(number, Arc::clone(&self.census))).is_err()
        {
            self.events.push(Event::Refused(number));
        }
    }

    fn received(&mut self, pipe: usize, message: Message, replaced: bool) {
        let number = message.0;
        self.events.push(Event::Received { pipe, number, replaced });
        let count = self.receivers.len();
        match act_of(&self.acts, number) {
            Act::Nothing => {}
            Act::Send(other) => self.send(other % count, number + SENT_BY_CALLBACK),
            Act::Close(other) => drop(self.receivers[other % count].take()),
            Act::CloseItself => drop(self.receivers[pipe].take()),
            Act::ReplaceItself => self.set_callback(pipe, true),
            Act::Stop => self.router.stop().unwrap(),
        }
    }
}

fn run(budget: usize, acts: Vec<Act>, steps: Vec<Step>) {
    let mut model = Model { acts: acts.clone(), ..Model::default() };
    let census = Arc::new(());
    let router = MessageRouter::builder().budget(Budget::new(Duration::MAX, budget)).build(|| {});
    router.start().unwrap();
    let mut app = App {
        router: router.clone(),
        senders: Vec::new(),
        receivers: Vec::new(),
        events: Vec::new(),
        acts,
        census: Arc::clone(&census),
    };
    let log = Rc::new(RefCell::new(Vec::new()));
    let mut manual = false;
    for (number, step) in steps.into_iter().enumerate() {
        log.borrow_mut().push(step.clone());
        let count = model.pipes.len();
        if count == 0 && !matches!(step, Step::Open(..) | Step::Restart) {
            continue;
        }
        match step {
            Step::Open(kind, callback) => {
                if !model.stopped && count < 6 {
                    model.open(kind, callback);
                    app.open(kind, callback);
                }
            }
            Step::Send(pipe) => {
                model.send(pipe % count, number as u64);
                app.send(pipe % count, number as u64);
            }
            Step::CloneSender(pipe) => {
                if let Some(sender) = app.senders[pipe % count].last().cloned() {
                    app.senders[pipe % count].push(sender);
                    model.pipes[pipe % count].senders += 1;
                }
            }
            Step::DropSender(pipe) => {
                model.drop_sender(pipe % count);
                app.senders[pipe % count].pop();
            }
            Step::Close(pipe) => {
                model.close(pipe % count);
                app.receivers[pipe % count] = None;
            }
            Step::Detach(pipe) => {
                model.detach(pipe % count);
                if let Some(receiver) = app.receivers[pipe % count].take() {
                    receiver.detach();
                }
            }
            Step::SetCallback(pipe) => {
                model.set_callback(pipe % count, false);
                app.set_callback(pipe % count, false);
            }
            Step::Take(pipe) => {
                model.take(pipe % count);
                if let Some(message) = app.receivers[pipe % count].as_ref().and_then(|r| r.try_recv()) {
                    app.events.push(Event::Taken { pipe: pipe % count, number: message.0 });
                }
            }
            Step::Dispatch => {
                if !manual {
                    model.route(budget);
                }
                router.dispatch(&mut app);
                router.settle();
            }
            Step::RouteAll => {
                if !model.stopped {
                    manual = true;
                    // By hand, routing goes message by message.
                    while !model.is_idle() {
                        model.route(1);
                    }
                    // What callbacks send meanwhile is routed by the second call; that sends nothing.
                    for _ in 0..2 {
                        let result = router.route_until(&mut app, |_| false, Duration::ZERO);
                        assert!(result.is_err(), "the condition never holds");
                    }
                }
            }
            Step::Restart => {
                if !model.stopped {
                    model.stop();
                    router.stop().unwrap();
                }
                model.stopped = false;
                manual = false;
                router.start().unwrap();
            }
        }
        assert_eq!(app.events, model.events, "after {:?}", log.borrow());
        let stats = router.stats();
        assert_eq!(
            (stats.sent, stats.delivered, stats.discarded, stats.replaced),
            (model.sent, model.delivered, model.discarded + model.replaced, model.replaced),
            "after {:?}",
            log.borrow(),
        );
    }
    let open = model.pipes.iter().filter(|pipe| !pipe.closed && !pipe.ended).count();
    assert_eq!(router.stats().open_pipes, open, "after {:?}", log.borrow());
    drop(router);
    drop(app);
    assert_eq!(Arc::strong_count(&census), 1, "every message is freed");
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Unbounded), (1..4_usize).prop_map(Kind::Bounded), Just(Kind::Latest)]
}

fn step() -> impl Strategy<Value = Step> {
    let pipe = 0..6_usize;
    prop_oneof![
        3 => (kind(), any::<bool>()).prop_map(|(kind, callback)| Step::Open(kind, callback)),
        16 => pipe.clone().prop_map(Step::Send),
        1 => pipe.clone().prop_map(Step::CloneSender),
        2 => pipe.clone().prop_map(Step::DropSender),
        1 => pipe.clone().prop_map(Step::Close),
        1 => pipe.clone().prop_map(Step::Detach),
        2 => pipe.clone().prop_map(Step::SetCallback),
        3 => pipe.prop_map(Step::Take),
        8 => Just(Step::Dispatch),
        1 => Just(Step::RouteAll),
        1 => Just(Step::Restart),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => Just(Act::Nothing),
        4 => (0..6_usize).prop_map(Act::Send),
        1 => (0..6_usize).prop_map(Act::Close),
        1 => Just(Act::CloseItself),
        1 => Just(Act::ReplaceItself),
        1 => Just(Act::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_router_does_what_the_model_does(
        budget in 1..6_usize,
        acts in prop::collection::vec(act(), 1..12),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        run(budget, acts, steps);
    }
}
