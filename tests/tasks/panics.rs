//! Panics: those of tasks are caught and told, those of callbacks go to the caller of dispatch and harm nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;

use foreground::tasks::{ExecutorState, PanicLocation, Question, TaskOutcome, TaskState};

use crate::common::{
    AnyTask, Census, End, Events, Kind, PATIENCE, Seen, Stage, Verdict, observe, panic_text,
};

/// What a call that panics is told to have said, and where.
fn told_of(panics: impl FnOnce() + Send + 'static) -> (String, Option<PanicLocation>) {
    let stage = Stage::<()>::new(1);
    let call = stage.executor.submit_call(panics).unwrap();
    stage.run_until(&mut (), |_| call.state().is_done());
    assert_eq!(call.state(), TaskState::Failed);
    match call.try_outcome() {
        Some(TaskOutcome::Panicked { message, location, .. }) => (message, location),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_text_of_a_panic_is_told() {
    assert_eq!(told_of(|| panic!("a literal")).0, "a literal");
    let number = 7;
    assert_eq!(told_of(move || panic!("number {number}")).0, "number 7");
    assert_eq!(told_of(|| panic_any(7)).0, "a panic whose payload is not text");
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(Self);
        }
    }
    assert_eq!(told_of(|| panic_any(Bomb)).0, "a panic whose payload is not text");
}

#[test]
fn the_place_of_a_panic_is_told() {
    let (_, location) = told_of(|| panic!("here"));
    let line = line!() - 1;
    let location = location.unwrap();
    assert_eq!((location.file.as_str(), location.line), (file!(), line));
    assert_eq!(location.to_string(), format!("{}:{line}:{}", file!(), location.column));
}

#[test]
fn the_place_is_that_of_the_panic_that_ended_the_task() {
    let (text, location) = told_of(|| {
        let _ = catch_unwind(|| panic!("an earlier one"));
        panic!("the last one");
    });
    assert_eq!((text.as_str(), location.unwrap().line), ("the last one", line!() - 2));
    // And of no other task's.
    let (_, location) = told_of(|| std::panic::resume_unwind(Box::new("without the hook")));
    assert_eq!(location, None);
}

#[test]
fn a_worker_survives_a_hundred_panics() {
    let stage = Stage::<Events>::new(1);
    let mut seen = Events::new();
    for n in 0..100 {
        let kind = Kind::ALL[n % Kind::ALL.len()];
        let (task, wheel) = kind.submit(&stage.executor);
        task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
        task.detach();
        wheel.end(Verdict::Panic);
    }
    let call = stage.executor.submit_call(|| 49).unwrap();
    stage.run_until(&mut seen, |_| call.state().is_done());
    assert_eq!(seen, [Seen::Done(End::Panicked); 100]);
    assert_eq!(call.try_outcome(), Some(TaskOutcome::Completed(49)));
}

#[test]
fn a_closure_that_panics_when_it_is_dropped_unrun_costs_no_worker() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let stage = Stage::<()>::new(1);
    let worker = stage.occupy();
    let bomb = Bomb;
    let call = stage.executor.submit_call(move || std::mem::forget(bomb)).unwrap();
    call.cancel();
    drop(worker);
    stage.run_until(&mut (), |_| call.state().is_done());
    assert_eq!(call.try_outcome(), Some(TaskOutcome::Cancelled));
    stage.fence();
}

/// The callbacks of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bad {
    Message,
    Executing,
    Ask,
    Uncancellable,
    Completed,
    Done,
    /// `on_state`, told of the cancel.
    Cancelling,
}

struct Ask;

impl Question for Ask {
    type Answer = ();
}

#[test]
fn a_callback_that_panics_ends_its_own_task_only() {
    use Bad::{Ask as Asking, Cancelling, Completed, Done, Executing, Message, Uncancellable};
    for bad in [Message, Executing, Asking, Uncancellable, Completed, Done, Cancelling] {
        let stage = Stage::<Events>::new(1);
        let census = Census::default();
        let job = stage.executor.submit_progress(|progress| {
            progress.report(1)?;
            // After the panic it is cancelled, and the answer may be lost in the unwinding.
            progress.ask(Ask)?;
            Ok(())
        });
        let job = job.unwrap();
        let member = census.member();
        let check = Rc::new(move |at| {
            let _ = &member;
            assert!(at != bad, "on purpose");
        });
        let (a, b, c, d) = (Rc::clone(&check), Rc::clone(&check), Rc::clone(&check), Rc::clone(&check));
        job.on_progress(move |seen: &mut Events, n| {
            seen.push(Seen::Message(n));
            a(Message);
        });
        job.on_state(move |seen, state| {
            seen.push(Seen::State(state));
            b(match state {
                TaskState::Executing => Executing,
                TaskState::Cancelling => Cancelling,
                _ => Completed,
            });
        });
        job.on_ask(move |_, Ask, answer| {
            c(Asking);
            answer.reply(());
        });
        job.on_uncancellable(move |seen| {
            seen.push(Seen::Uncancellable);
            d(Uncancellable);
        });
        job.on_done(move |seen, outcome| {
            seen.push(Seen::Done(End::of(&outcome)));
            check(Done);
        });
        let (good, wheel) = Kind::Call.submit(&stage.executor);
        let good: Rc<dyn AnyTask> = Rc::from(good);
        if bad == Cancelling {
            job.cancel();
        }
        let mut seen = Events::new();
        let text = catch_unwind(AssertUnwindSafe(|| {
            stage.run_until(&mut seen, |_| false);
        }));
        let text = text.unwrap_err();
        assert_eq!(text.downcast_ref::<&str>(), Some(&"on purpose"), "{bad:?}");
        // The last that was told is what panicked, and nothing comes after it.
        let told = seen.len();
        observe(&good);
        wheel.end(Verdict::Return);
        stage.run_until(&mut seen, |_| good.state().is_done());
        stage.dispatch(&mut seen);
        let of_good = [
            Seen::State(TaskState::Executing),
            Seen::State(TaskState::Completed),
            Seen::Uncancellable,
            Seen::Done(End::Completed),
        ];
        assert_eq!(seen[told..], of_good, "{bad:?}");
        assert!(job.state().is_done(), "{bad:?}");
        assert_eq!(job.state() == TaskState::Cancelled, !matches!(bad, Uncancellable | Completed | Done));
        assert_eq!((census.alive(), stage.executor.running()), (0, 0), "{bad:?}");
        stage.executor.shutdown(&mut seen, PATIENCE).unwrap();
        assert_eq!(stage.executor.state(), ExecutorState::Stopped);
    }
}

#[test]
fn a_late_callback_that_panics_harms_nobody_else() {
    let stage = Stage::<Events>::new(1);
    let items = stage.executor.submit_iteration(|| [1, 2]).unwrap();
    let call = stage.executor.submit_call(|| 1).unwrap();
    stage.fence();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    items.on_item(|_, _| panic!("late item"));
    call.on_done(|_, _| panic!("late end"));
    assert_eq!(panic_text(|| stage.dispatch(&mut seen)), "late item");
    assert_eq!(panic_text(|| stage.dispatch(&mut seen)), "late end");
    let (task, wheel) = Kind::Call.submit(&stage.executor);
    wheel.end(Verdict::Return);
    stage.run_until(&mut seen, |_| task.state().is_done());
    stage.executor.shutdown(&mut seen, PATIENCE).unwrap();
}

#[test]
fn a_callback_of_the_executor_that_panics_stops_it_all_the_same() {
    let stage = Stage::<Events>::new(1);
    stage.executor.on_state(|_: &mut Events, _| panic!("executor"));
    let mut seen = Events::new();
    assert_eq!(panic_text(|| stage.executor.shutdown(&mut seen, PATIENCE).unwrap()), "executor");
    stage.executor.shutdown(&mut seen, PATIENCE).unwrap();
    assert_eq!(stage.executor.state(), ExecutorState::Stopped);
}

#[test]
fn a_result_that_panics_when_it_is_dropped_ends_its_task() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the result");
        }
    }
    let stage = Stage::<()>::new(1);
    let call = stage.executor.submit_call(|| Bomb).unwrap();
    stage.fence();
    call.cancel();
    assert_eq!(panic_text(|| stage.dispatch(&mut ())), "in the result");
    assert_eq!((call.state(), stage.executor.running()), (TaskState::Cancelled, 0));
    stage.executor.shutdown(&mut (), PATIENCE).unwrap();
}
