//! Random programs against the model: what each future reports, in which order, after how many dispatches; and all
//! that was handed in is dropped in the end.

use std::cell::RefCell;
use std::iter;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use foreground::Budget;
use foreground::tasks::{AskError, Progress, Task, TaskContext, TaskExecutor};
use proptest::prelude::*;

use crate::common::{AnyTask, Census, Events, Kind, Member, Seen, Stage, Steer, Verdict, wait_for};
use crate::model::{Command, Model};

#[derive(Clone, Debug)]
enum Step {
    Submit { kind: Kind, hears_messages: bool, hears_done: bool },
    Command(Command),
    Cancel(usize),
    Drop(usize),
    Detach(usize),
    HearMessages(usize),
    HearDone(usize),
    TakeMessage(usize),
    TakeEnd(usize),
    Dispatch,
    DispatchAll,
    Stop,
    RestartRouter,
}

/// What a worker runs: it says when it is ready, and does as it is told.
struct Script {
    number: usize,
    ready: Sender<usize>,
    commands: Receiver<Command>,
    _member: Member,
}

impl Script {
    fn next(&self) -> Command {
        let _ = self.ready.send(self.number);
        self.commands.recv().unwrap_or(Command::End(Verdict::Return))
    }

    /// Obeys until the end; `say` is told what to say, and whether only the newest counts.
    fn obey(&self, mut say: impl FnMut(u32, bool)) -> Result<(), Steer> {
        loop {
            match self.next() {
                Command::Say(n) => say(n, false),
                Command::Latest(n) => say(n, true),
                Command::End(verdict) => return end(verdict),
            }
        }
    }

    fn report(&self, progress: &Progress<'_, u32>) -> Result<(), Steer> {
        self.obey(|n, latest| {
            let _ = if latest { progress.report_latest(n) } else { progress.report(n) };
        })
    }

    /// The next item, or how it ends.
    fn item(&self) -> ControlFlow<Result<(), Steer>, u32> {
        match self.next() {
            Command::Say(n) | Command::Latest(n) => ControlFlow::Continue(n),
            Command::End(verdict) => ControlFlow::Break(end(verdict)),
        }
    }
}

fn end(verdict: Verdict) -> Result<(), Steer> {
    match verdict {
        Verdict::Return => Ok(()),
        Verdict::Fail => Err(Steer),
        // Without the hook, which would print a thousand of them.
        Verdict::Panic => std::panic::resume_unwind(Box::new("as told")),
    }
}

/// For kinds that have no error of their own.
fn end_or_panic(result: Result<(), Steer>) {
    if result.is_err() {
        let _ = end(Verdict::Panic);
    }
}

impl Task for Script {
    type Message = u32;
    type Output = ();
    type Error = Steer;

    fn run(self, context: &TaskContext<'_, u32>) -> Result<(), Steer> {
        self.obey(|n, latest| {
            let _ = if latest { context.send_latest(n) } else { context.send(n) };
        })
    }
}

fn submit(executor: &TaskExecutor<Events>, kind: Kind, script: Script) -> Option<Box<dyn AnyTask>> {
    fn any<T: AnyTask + 'static, F>(result: Result<T, F>) -> Option<Box<dyn AnyTask>> {
        result.ok().map(|task| Box::new(task) as Box<dyn AnyTask>)
    }
    match kind {
        Kind::Call => any(executor.submit_call(move || end_or_panic(script.obey(|_, _| {})))),
        Kind::TryCall => any(executor.submit_try_call(move || script.obey(|_, _| {}))),
        Kind::Iteration => any(executor.submit_iteration(move || {
            iter::from_fn(move || match script.item() {
                ControlFlow::Continue(n) => Some(n),
                ControlFlow::Break(result) => {
                    end_or_panic(result);
                    None
                }
            })
        })),
        Kind::TryIteration => any(executor.submit_try_iteration(move || {
            iter::from_fn(move || match script.item() {
                ControlFlow::Continue(n) => Some(Ok(n)),
                ControlFlow::Break(result) => result.err().map(Err),
            })
        })),
        Kind::Steps => any(executor.submit_steps(move || move || script.item().map_break(end_or_panic))),
        Kind::Progress => any(executor.submit_progress(move |progress: &Progress<'_, u32>| {
            script.report(progress).map_err(|_| AskError::Unanswered)
        })),
        Kind::TryProgress => {
            any(executor.submit_try_progress(move |progress: &Progress<'_, u32>| script.report(progress)))
        }
        Kind::Custom => any(executor.submit(script)),
    }
}

/// A task of the program.
struct Entry {
    handle: Option<Box<dyn AnyTask>>,
    commands: Sender<Command>,
    seen: Rc<RefCell<Events>>,
}

struct Program {
    stage: Stage<Events>,
    census: Census,
    ready: (Sender<usize>, Receiver<usize>),
    tasks: Vec<Entry>,
    model: Model,
}

impl Program {
    fn submit(&mut self, kind: Kind, hears_messages: bool, hears_done: bool) {
        let (commands, are_commanded) = channel();
        let script = Script {
            number: self.tasks.len(),
            ready: self.ready.0.clone(),
            commands: are_commanded,
            _member: self.census.member(),
        };
        let handle = submit(&self.stage.executor, kind, script);
        assert_eq!(handle.is_none(), self.model.is_stopping);
        let Some(handle) = handle else { return };
        let seen = Rc::new(RefCell::new(Events::new()));
        self.tasks.push(Entry { handle: Some(handle), commands, seen });
        let number = self.tasks.len() - 1;
        let note = self.noter(number);
        let task = &self.tasks[number];
        let handle = task.handle.as_ref().unwrap();
        handle.on_state(Box::new(move |_, state| note(Seen::State(state))));
        let note = self.noter(number);
        handle.on_uncancellable(Box::new(move |_| note(Seen::Uncancellable)));
        if hears_messages {
            self.hear_messages(number);
        }
        if hears_done {
            self.hear_done(number);
        }
        let was_idle = self.model.running.is_none();
        self.model.submit(kind, hears_messages, hears_done);
        if was_idle {
            self.sync();
        }
    }

    /// Returns what notes in a callback, with something that is missed if it is leaked.
    fn noter(&self, task: usize) -> impl Fn(Seen) + 'static {
        let (seen, member) = (Rc::clone(&self.tasks[task].seen), self.census.member());
        move |what| {
            let _ = &member;
            seen.borrow_mut().push(what);
        }
    }

    fn hear_messages(&self, task: usize) {
        let note = self.noter(task);
        if let Some(handle) = &self.tasks[task].handle {
            handle.on_number(Box::new(move |_, n| note(Seen::Message(n))));
        }
    }

    fn hear_done(&self, task: usize) {
        let note = self.noter(task);
        if let Some(handle) = &self.tasks[task].handle {
            handle.on_done(Box::new(move |_, end| note(Seen::Done(end))));
        }
    }

    /// Waits until the worker is where the model's is.
    fn sync(&self) {
        match self.model.running {
            Some(task) => assert_eq!(wait_for(&self.ready.1), task),
            None => self.stage.fence(),
        }
    }

    fn command(&mut self, command: Command) {
        let Some(task) = self.model.running else { return };
        self.tasks[task].commands.send(command).unwrap();
        self.model.command(command);
        self.sync();
    }

    fn step(&mut self, step: Step, budget: usize) {
        let count = self.tasks.len();
        let held = |task: usize| {
            let task = task.checked_rem(count)?;
            self.tasks[task].handle.as_ref().map(|handle| (task, handle))
        };
        match step {
            Step::Submit { kind, hears_messages, hears_done } => {
                self.submit(kind, hears_messages, hears_done)
            }
            Step::Command(command) => self.command(command),
            Step::Cancel(task) => {
                if let Some((task, handle)) = held(task) {
                    assert_eq!(handle.cancel(), self.model.cancel(task));
                }
            }
            Step::Drop(task) => {
                if let Some((task, _)) = held(task) {
                    self.tasks[task].handle = None;
                    self.model.cancel(task);
                }
            }
            Step::Detach(task) => {
                if let Some((task, _)) = held(task) {
                    self.tasks[task].handle.take().unwrap().detach();
                }
            }
            Step::HearMessages(task) => {
                if let Some((task, _)) = held(task) {
                    self.hear_messages(task);
                    self.model.hear_messages(task);
                }
            }
            Step::HearDone(task) => {
                if let Some((task, _)) = held(task) {
                    self.hear_done(task);
                    self.model.hear_done(task);
                }
            }
            Step::TakeMessage(task) => {
                if let Some((task, handle)) = held(task) {
                    assert_eq!(handle.try_number(), self.model.take_message(task));
                }
            }
            Step::TakeEnd(task) => {
                if let Some((task, handle)) = held(task) {
                    assert_eq!(handle.try_end(), self.model.take_end(task));
                }
            }
            Step::Dispatch => {
                self.stage.router.dispatch(&mut Events::new());
                self.stage.router.settle();
                self.model.dispatch(budget);
            }
            Step::DispatchAll => self.dispatch_all(),
            Step::Stop => {
                assert_eq!(self.stage.executor.stop().is_err(), self.model.is_stopping);
                if !self.model.is_stopping {
                    self.model.stop();
                    // In which order it cancels is its own affair.
                    self.dispatch_all();
                }
            }
            Step::RestartRouter => {
                self.stage.router.stop().unwrap();
                self.stage.router.start().unwrap();
                self.model.restart_router();
            }
        }
    }

    fn dispatch_all(&mut self) {
        self.stage.dispatch(&mut Events::new());
        self.model.dispatch(usize::MAX);
    }

    fn compare(&self) {
        for (task, model) in self.tasks.iter().zip(&self.model.tasks) {
            assert_eq!(*task.seen.borrow(), model.seen);
            if let Some(handle) = &task.handle {
                assert_eq!(handle.state(), model.state);
            }
        }
        assert_eq!(self.stage.executor.running(), self.model.live());
        assert_eq!(self.stage.executor.state(), self.model.executor_state());
    }
}

fn run(budget: usize, steps: Vec<Step>) {
    let census = Census::default();
    let stage = Stage::within(Budget::new(Duration::MAX, budget), 1);
    let executor_seen = Rc::new(RefCell::new(Vec::new()));
    let (noting, member) = (Rc::clone(&executor_seen), census.member());
    stage.executor.on_state(move |_, state| {
        let _ = &member;
        noting.borrow_mut().push(state);
    });
    let mut program = Program {
        stage,
        census: census.clone(),
        ready: channel(),
        tasks: Vec::new(),
        model: Model::default(),
    };
    for step in steps {
        program.step(step, budget);
        program.compare();
        assert_eq!(*executor_seen.borrow(), program.model.executor_seen);
    }
    // What still runs ends with the commands.
    let Program { stage, tasks, .. } = program;
    drop(tasks);
    stage.fence();
    drop(stage);
    assert_eq!(census.alive(), 0, "all that was handed in is dropped");
}

fn step() -> impl Strategy<Value = Step> {
    let task = 0..8_usize;
    let verdict =
        prop_oneof![4 => Just(Verdict::Return), 1 => Just(Verdict::Fail), 1 => Just(Verdict::Panic)];
    let submit = (prop::sample::select(&Kind::ALL[..]), prop::bool::weighted(0.7), prop::bool::weighted(0.7));
    prop_oneof![
        12 => submit.prop_map(|(kind, hears_messages, hears_done)| Step::Submit { kind, hears_messages, hears_done }),
        12 => any::<u32>().prop_map(|n| Step::Command(Command::Say(n))),
        6 => any::<u32>().prop_map(|n| Step::Command(Command::Latest(n))),
        12 => verdict.prop_map(|verdict| Step::Command(Command::End(verdict))),
        5 => task.clone().prop_map(Step::Cancel),
        2 => task.clone().prop_map(Step::Drop),
        2 => task.clone().prop_map(Step::Detach),
        3 => task.clone().prop_map(Step::HearMessages),
        3 => task.clone().prop_map(Step::HearDone),
        3 => task.clone().prop_map(Step::TakeMessage),
        2 => task.prop_map(Step::TakeEnd),
        14 => Just(Step::Dispatch),
        3 => Just(Step::DispatchAll),
        1 => Just(Step::Stop),
        1 => Just(Step::RestartRouter),
    ]
}

/// As many cases as `PROPTEST_CASES` says, or 1,000.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: 1_000, ..config },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tasks_do_what_the_model_does(budget in 1..6_usize, steps in prop::collection::vec(step(), 1..80)) {
        run(budget, steps);
    }
}
