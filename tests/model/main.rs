//! The whole router against a simple sequential model: random programs of opens, sends, closes, dispatches,
//! stops and callbacks that act must have the effects that the model foretells, in the same order, with the
//! same counts, and free every message.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foreground::{Budget, MessageReceiver, MessageRouter, MessageSender, PipeEnd, StartedSender};
use proptest::prelude::*;

use crate::model::Model;

mod model;

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
    let mut model = Model::new(acts.clone());
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
                    model.settle();
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
        model.settle();
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

/// As many cases as `PROPTEST_CASES` says, or 2,000.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: 2_000, ..config },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_router_does_what_the_model_does(
        budget in 1..6_usize,
        acts in prop::collection::vec(act(), 1..12),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        run(budget, acts, steps);
    }
}
