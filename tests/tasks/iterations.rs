//! Calls, iterations and kinds of one's own: what they deliver, in which order, and what they leave behind.

use std::ops::ControlFlow::{Break, Continue};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foreground::tasks::{IterationFuture, Task, TaskCancelled, TaskContext, TaskOutcome, TaskState};

use crate::common::{Census, End, Events, Member, Seen, Stage, Steer, Steered, Verdict, steered};

/// Notes the items and the end.
fn observe<R, E>(items: &IterationFuture<u32, Events, R, E>) {
    items.on_item(|seen, n| seen.push(Seen::Message(n)));
    items.on_done(|seen, outcome| seen.push(Seen::Done(End::of(&outcome))));
}

/// Counts its calls of `next`, and does in each what the test wants.
struct Items<F> {
    next: F,
    calls: Arc<AtomicUsize>,
    _member: Member,
}

impl<F: FnMut(usize) -> Option<T>, T> Iterator for Items<F> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        (self.next)(self.calls.fetch_add(1, Ordering::SeqCst))
    }
}

fn messages(numbers: impl IntoIterator<Item = u32>, end: End) -> Events {
    numbers.into_iter().map(Seen::Message).chain([Seen::Done(end)]).collect()
}

#[test]
fn a_call_gives_what_it_returns() {
    let stage = Stage::<Option<String>>::new(1);
    let call = stage.executor.submit_call(|| String::from("result")).unwrap();
    call.on_done(|result: &mut Option<String>, outcome| *result = outcome.completed());
    let mut result = None;
    stage.run_until(&mut result, |result| result.is_some());
    assert_eq!((result.as_deref(), call.state()), (Some("result"), TaskState::Completed));
}

#[test]
fn a_failed_call_gives_its_error_with_its_type() {
    let stage = Stage::<()>::new(1);
    let call = stage.executor.submit_try_call(|| "x".parse::<i32>()).unwrap();
    stage.run_until(&mut (), |_| call.state().is_done());
    assert_eq!(call.state(), TaskState::Failed);
    assert_eq!(call.try_outcome().unwrap().failed(), "x".parse::<i32>().err());
}

#[test]
fn items_arrive_in_order_and_before_done() {
    let stage = Stage::new(1);
    let items = stage.executor.submit_iteration(|| (0..5_000).collect::<Vec<u32>>()).unwrap();
    observe(&items);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| items.state().is_done());
    assert_eq!(seen, messages(0..5_000, End::Completed));
}

#[test]
fn items_before_an_error_are_delivered() {
    let stage = Stage::new(1);
    let numbers = || ["1", "2", "x", "4"].map(str::parse::<u32>);
    let items = stage.executor.submit_try_iteration(numbers).unwrap();
    observe(&items);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| items.state().is_done());
    assert_eq!(seen, messages([1, 2], End::Failed));
}

#[test]
fn items_before_a_panic_in_next_are_delivered_and_the_iterator_is_dropped() {
    let stage = Stage::<Events>::new(1);
    let (census, calls) = (Census::default(), Arc::new(AtomicUsize::new(0)));
    let member = census.member();
    let iterate =
        || Items { next: |n| if n < 2 { Some(n as u32) } else { panic!("in next") }, calls, _member: member };
    let items = stage.executor.submit_iteration(iterate).unwrap();
    items.on_item(|seen, n| seen.push(Seen::Message(n)));
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| items.state().is_done());
    assert_eq!(seen, [Seen::Message(0), Seen::Message(1)]);
    assert!(
        matches!(items.try_outcome(), Some(TaskOutcome::Panicked { message, .. }) if message == "in next")
    );
    assert_eq!(census.alive(), 0);
}

#[test]
fn an_iterator_that_panics_when_it_is_dropped_has_delivered_its_items() {
    struct Trap(std::ops::Range<u32>);
    impl Iterator for Trap {
        type Item = u32;
        fn next(&mut self) -> Option<u32> {
            self.0.next()
        }
    }
    impl Drop for Trap {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let stage = Stage::<Events>::new(1);
    let items = stage.executor.submit_iteration(|| Trap(0..3)).unwrap();
    items.on_item(|seen, n| seen.push(Seen::Message(n)));
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| items.state().is_done());
    assert_eq!(seen, [0, 1, 2].map(Seen::Message));
    assert!(
        matches!(items.try_outcome(), Some(TaskOutcome::Panicked { message, .. }) if message == "in drop")
    );
}

#[test]
fn the_iterator_is_dropped_before_done_is_told() {
    for verdict in [Verdict::Return, Verdict::Fail, Verdict::Panic] {
        for is_cancelled in [false, true] {
            let stage = Stage::<Events>::new(1);
            let (census, calls) = (Census::default(), Arc::new(AtomicUsize::new(0)));
            let (member, (steered, wheel)) = (census.member(), steered());
            let iterate = move || Items {
                next: move |_| steered.obey().err().map(Err::<u32, Steer>),
                calls,
                _member: member,
            };
            let items = stage.executor.submit_try_iteration(iterate).unwrap();
            let counted = census.clone();
            items.on_done(move |seen, outcome| {
                assert_eq!(counted.alive(), 0);
                seen.push(Seen::Done(End::of(&outcome)));
            });
            wheel.wait_for_begin();
            assert_eq!(census.alive(), 1);
            if is_cancelled {
                items.cancel();
            }
            wheel.end(verdict);
            let mut seen = Events::new();
            stage.run_until(&mut seen, |seen| !seen.is_empty());
        }
    }
}

/// Cancels while the `at`th call of `next` is under way.
fn is_cancelled_in_next(
    submit: impl FnOnce(&Stage<Events>, Steered, Arc<AtomicUsize>) -> Box<dyn Fn() -> bool>,
) {
    let stage = Stage::<Events>::new(1);
    let calls = Arc::new(AtomicUsize::new(0));
    let (steered, wheel) = steered();
    let cancel = submit(&stage, steered, Arc::clone(&calls));
    wheel.wait_for_begin();
    assert!(cancel());
    wheel.end(Verdict::Return);
    stage.fence();
    assert_eq!(calls.load(Ordering::SeqCst), 1, "cancel is looked at before the next call");
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::Done(End::Cancelled)]);
}

#[test]
fn after_a_cancel_an_iteration_asks_for_no_further_item_and_delivers_none() {
    let census = Census::default();
    is_cancelled_in_next(|stage, steered, calls| {
        let member = census.member();
        let iterate = || Items { next: move |_| steered.obey().ok(), calls, _member: member };
        let items = stage.executor.submit_iteration(iterate).unwrap();
        observe(&items);
        Box::new(move || items.cancel())
    });
    is_cancelled_in_next(|stage, steered, calls| {
        let member = census.member();
        let iterate = || Items { next: move |_| Some(steered.obey()), calls, _member: member };
        let items = stage.executor.submit_try_iteration(iterate).unwrap();
        observe(&items);
        Box::new(move || items.cancel())
    });
    is_cancelled_in_next(|stage, steered, calls| {
        let steps = move || {
            move || match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Continue(steered.obey().unwrap()),
                _ => Break(()),
            }
        };
        let items = stage.executor.submit_steps(steps).unwrap();
        observe(&items);
        Box::new(move || items.cancel())
    });
}

#[test]
fn an_iteration_cancelled_before_its_first_item_asks_for_none() {
    let stage = Stage::<Events>::new(1);
    let calls = Arc::new(AtomicUsize::new(0));
    let (steered, wheel) = steered();
    let (member, counted) = (Census::default().member(), Arc::clone(&calls));
    let items = stage.executor.submit_iteration(move || {
        let _ = steered.obey();
        Items { next: |_| Some(1_u32), calls: counted, _member: member }
    });
    let items = items.unwrap();
    wheel.wait_for_begin();
    items.cancel();
    wheel.end(Verdict::Return);
    stage.fence();
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn items_that_are_queued_at_a_cancel_are_dropped() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let counted = census.clone();
    let items = stage.executor.submit_iteration(move || (0..10).map(move |_| counted.member())).unwrap();
    items.on_item(|seen, _| seen.push(Seen::Message(0)));
    items.on_done(|seen, outcome| seen.push(Seen::Done(End::of(&outcome))));
    stage.fence();
    assert_eq!(census.alive(), 10);
    items.cancel();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!((seen, census.alive()), (vec![Seen::Done(End::Cancelled)], 0));
}

#[test]
fn steps_have_items_and_a_result() {
    let stage = Stage::<Events>::new(1);
    let steps = || (0..).map(|n| if n < 3 { Continue(n) } else { Break("three") });
    let steps = stage.executor.submit_steps(move || {
        let mut steps = steps();
        move || steps.next().unwrap()
    });
    let steps = steps.unwrap();
    steps.on_item(|seen, n| seen.push(Seen::Message(n)));
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| steps.state().is_done());
    assert_eq!(seen, [0, 1, 2].map(Seen::Message));
    assert_eq!(steps.try_outcome(), Some(TaskOutcome::Completed("three")));
}

/// A kind of one's own, with three types of messages.
struct FizzBuzz {
    up_to: u64,
}

#[derive(Debug, PartialEq)]
enum Heard {
    Fizz(u64),
    Buzz(u64),
    FizzBuzz(u64),
}

impl Task for FizzBuzz {
    type Message = Heard;
    type Output = u64;
    type Error = TaskCancelled;

    fn run(self, context: &TaskContext<Heard>) -> Result<u64, TaskCancelled> {
        for n in 1..=self.up_to {
            match (n % 3, n % 5) {
                (0, 0) => context.send(Heard::FizzBuzz(n))?,
                (0, _) => context.send(Heard::Fizz(n))?,
                (_, 0) => context.send(Heard::Buzz(n))?,
                _ => context.check()?,
            }
        }
        Ok(self.up_to)
    }
}

#[test]
fn a_kind_of_ones_own_sends_what_it_likes() {
    let stage = Stage::<Vec<Heard>>::new(1);
    let game = stage.executor.submit(FizzBuzz { up_to: 15 }).unwrap();
    game.on_message(|seen: &mut Vec<Heard>, heard| seen.push(heard));
    let mut seen = Vec::new();
    stage.run_until(&mut seen, |_| game.state().is_done());
    use Heard::{Buzz, Fizz};
    assert_eq!(seen, [Fizz(3), Buzz(5), Fizz(6), Fizz(9), Buzz(10), Fizz(12), Heard::FizzBuzz(15)]);
    assert_eq!(game.try_outcome(), Some(TaskOutcome::Completed(15)));
}

#[test]
fn a_kind_of_ones_own_ends_by_the_error_of_a_cancel() {
    let stage = Stage::<Vec<Heard>>::new(1);
    let game = stage.executor.submit(FizzBuzz { up_to: u64::MAX }).unwrap();
    game.on_message(|seen: &mut Vec<Heard>, heard| seen.push(heard));
    let mut seen = Vec::new();
    stage.run_until(&mut seen, |seen| !seen.is_empty());
    game.cancel();
    let count = seen.len();
    stage.run_until(&mut seen, |_| game.state().is_done());
    assert_eq!((seen.len(), game.try_outcome()), (count, Some(TaskOutcome::Cancelled)));
}
