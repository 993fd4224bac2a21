//! The handle: dropped, detached, polled; callbacks set late, replaced, and callbacks that do things to their own task.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use foreground::tasks::{Item, Question, TaskFuture, TaskOutcome, TaskState};

use crate::common::{AnyTask, Census, End, Events, Kind, Seen, Stage, Verdict, observe, steered, wait_for};

#[test]
fn dropping_the_handle_cancels_and_the_callbacks_stay() {
    for kind in Kind::ALL {
        let stage = Stage::<Events>::new(1);
        let (task, wheel) = kind.submit(&stage.executor);
        let task: Rc<dyn AnyTask> = Rc::from(task);
        observe(&task);
        wheel.wait_for_begin();
        let mut seen = Events::new();
        stage.dispatch(&mut seen);
        drop(task);
        wheel.end(Verdict::Return);
        stage.fence();
        stage.dispatch(&mut seen);
        let states = [TaskState::Executing, TaskState::Cancelling].map(Seen::State);
        assert_eq!(seen[..2], states, "{kind:?}");
        let end = [Seen::Uncancellable, Seen::State(TaskState::Cancelled), Seen::Done(End::Cancelled)];
        assert_eq!(seen[2..], end, "{kind:?}");
    }
}

#[test]
fn a_detached_task_goes_on_and_its_callbacks_stay() {
    for kind in Kind::ALL {
        let stage = Stage::<Events>::new(1);
        let (task, wheel) = kind.submit(&stage.executor);
        task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
        task.detach();
        wheel.end(Verdict::Return);
        let mut seen = Events::new();
        stage.run_until(&mut seen, |seen| !seen.is_empty());
        assert_eq!(seen, [Seen::Done(End::Completed)], "{kind:?}");
    }
}

#[test]
fn a_detached_task_is_cancelled_with_its_executor() {
    let stage = Stage::<Events>::new(1);
    let (task, wheel) = Kind::Call.submit(&stage.executor);
    task.on_done(Box::new(|seen, end| seen.push(Seen::Done(end))));
    task.detach();
    wheel.wait_for_begin();
    stage.executor.stop().unwrap();
    wheel.end(Verdict::Return);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |seen| !seen.is_empty());
    assert_eq!(seen, [Seen::Done(End::Cancelled)]);
}

#[test]
fn a_task_can_be_polled_without_callbacks() {
    let stage = Stage::<()>::new(1);
    let items = stage.executor.submit_steps(|| {
        let mut left = vec![3, 2, 1];
        move || left.pop().map_or(std::ops::ControlFlow::Break("done"), std::ops::ControlFlow::Continue)
    });
    let items = items.unwrap();
    stage.fence();
    assert_eq!((items.state(), items.try_recv(), items.try_outcome()), (TaskState::Waiting, None, None));
    stage.dispatch(&mut ());
    assert_eq!(items.state(), TaskState::Completed);
    assert_eq!(items.try_outcome(), Some(TaskOutcome::Completed("done")));
    assert_eq!(items.try_outcome(), None);
    assert_eq!([(); 4].map(|()| items.try_recv()), [Some(Item(1)), Some(Item(2)), Some(Item(3)), None]);
}

/// A task that has sent 1, 2, 3 and ended, and for which nobody has set a callback.
fn unheard(stage: &Stage<Events>) -> TaskFuture<Item<u32>, (), std::convert::Infallible, Events> {
    let items = stage.executor.submit_iteration(|| [1, 2, 3]).unwrap();
    stage.fence();
    stage.dispatch(&mut Events::new());
    assert_eq!(items.state(), TaskState::Completed);
    items
}

const ALL_HEARD: [Seen; 4] =
    [Seen::Message(1), Seen::Message(2), Seen::Message(3), Seen::Done(End::Completed)];

#[test]
fn callbacks_set_after_the_end_are_told_messages_first_in_whatever_order_they_are_set() {
    for done_first in [false, true] {
        let stage = Stage::<Events>::new(1);
        let items = unheard(&stage);
        let on_done = || items.on_done(|seen, outcome| seen.push(Seen::Done(End::of(&outcome))));
        if done_first {
            on_done();
        }
        items.on_item(|seen, n| seen.push(Seen::Message(n)));
        if !done_first {
            on_done();
        }
        let mut seen = Events::new();
        stage.dispatch(&mut seen);
        assert_eq!(seen, ALL_HEARD, "on_done set first: {done_first}");
    }
}

#[test]
fn messages_that_waited_come_before_later_ones_and_before_done() {
    for sends_more in [false, true] {
        let stage = Stage::<Events>::new(1);
        let (steered, wheel) = steered();
        let job = stage.executor.submit_progress(move |progress| {
            progress.report(1)?;
            progress.report(2)?;
            let _ = steered.obey();
            if sends_more {
                progress.report(3)?;
            }
            Ok(())
        });
        let job = job.unwrap();
        wheel.wait_for_begin();
        stage.dispatch(&mut Events::new());
        wheel.end(Verdict::Return);
        // The end is queued before the callbacks are set.
        stage.fence();
        job.on_progress(|seen, n| seen.push(Seen::Message(n)));
        job.on_done(|seen, outcome| seen.push(Seen::Done(End::of(&outcome))));
        let mut seen = Events::new();
        stage.dispatch(&mut seen);
        let mut expected = ALL_HEARD.to_vec();
        if !sends_more {
            expected.remove(2);
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn on_done_set_after_the_end_is_called_once_unless_the_outcome_was_taken() {
    let stage = Stage::<Events>::new(1);
    let calls = [(); 2].map(|()| stage.executor.submit_call(|| 1).unwrap());
    stage.fence();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    let [call, taken] = calls;
    assert!(taken.try_outcome().is_some());
    let census = Census::default();
    for call in [&call, &call, &taken] {
        let member = census.member();
        call.on_done(move |seen: &mut Events, outcome| {
            let _member = member;
            seen.push(Seen::Done(End::of(&outcome)));
        });
    }
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::Done(End::Completed)]);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_replaced_callback_is_dropped_at_once_and_the_newer_one_is_called() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let (steered, wheel) = steered();
    let job = stage.executor.submit_progress(move |progress| {
        let _ = steered.obey();
        Ok(progress.report(1)?)
    });
    let job = job.unwrap();
    for n in 1..=2 {
        let members = [(); 4].map(|()| census.member());
        let [a, b, c, d] = members;
        job.on_progress(move |seen, _| (seen.push(Seen::Message(n)), &a).0);
        job.on_state(move |seen: &mut Events, state| (seen.push(Seen::State(state)), &b).0);
        job.on_uncancellable(move |seen| (seen.push(Seen::Uncancellable), c).0);
        job.on_done(move |seen, outcome| (seen.push(Seen::Done(End::of(&outcome))), d).0);
        assert_eq!(census.alive(), 4);
    }
    wheel.end(Verdict::Return);
    stage.fence();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[1], Seen::Message(2));
    // Nothing of the user's outlives the end, though the handle does.
    assert_eq!((job.state(), census.alive()), (TaskState::Completed, 0));
}

struct Ask(u32);

impl Question for Ask {
    type Answer = ();
}

#[test]
fn callbacks_may_replace_themselves() {
    let stage = Stage::<Events>::new(1);
    let job = stage.executor.submit_progress(|progress| {
        for n in 0..4 {
            progress.report(n)?;
            progress.ask(Ask(n))?;
        }
        Ok(())
    });
    let job = Rc::new(job.unwrap());
    let own = Rc::clone(&job);
    job.on_progress(move |seen: &mut Events, n| {
        seen.push(Seen::Message(n));
        own.on_progress(|seen, n| seen.push(Seen::Message(10 + n)));
    });
    let own = Rc::clone(&job);
    job.on_ask(move |seen: &mut Events, Ask(n), answer| {
        seen.push(Seen::Message(100 + n));
        answer.reply(());
        own.on_ask(|seen: &mut Events, Ask(n), answer| {
            seen.push(Seen::Message(200 + n));
            answer.reply(());
        });
    });
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| job.state().is_done());
    assert_eq!(seen, [0, 100, 11, 201, 12, 202, 13, 203].map(Seen::Message));
    assert_eq!(Rc::strong_count(&job), 1, "the replaced callbacks are dropped");
}

#[test]
fn callbacks_of_states_and_ends_may_replace_themselves() {
    let stage = Stage::<Events>::new(1);
    let call = Rc::new(stage.executor.submit_call(|| 1).unwrap());
    let own = Rc::clone(&call);
    call.on_state(move |seen: &mut Events, state| {
        seen.push(Seen::State(state));
        own.on_state(|seen, _| seen.push(Seen::Message(1)));
    });
    let own = Rc::clone(&call);
    call.on_done(move |seen, outcome| {
        seen.push(Seen::Done(End::of(&outcome)));
        own.on_done(|seen, _| seen.push(Seen::Message(2)));
    });
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| call.state().is_done());
    stage.dispatch(&mut seen);
    let expected = [Seen::State(TaskState::Executing), Seen::Message(1), Seen::Done(End::Completed)];
    assert_eq!(seen, expected);
    assert_eq!(Rc::strong_count(&call), 1);
}

/// In which callback something is done.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Message,
    Executing,
    Ask,
    Uncancellable,
    Completed,
    Done,
}

const PLACES: [Place; 6] =
    [Place::Message, Place::Executing, Place::Ask, Place::Uncancellable, Place::Completed, Place::Done];

/// Runs a task that sends 1, asks and sends 2, and does `act` in one of its callbacks, once. Returns what was seen, and what
/// `act` left of the handle.
fn act_at(
    place: Place,
    act: impl Fn(&RefCell<Option<Rc<dyn AnyTask>>>) + 'static,
) -> (Events, Option<Rc<dyn AnyTask>>) {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let job = stage.executor.submit_progress(|progress| {
        progress.report(1)?;
        // A task that is cancelled gets no answer; one whose callback has dropped the answer neither.
        progress.ask(Ask(0))?;
        progress.report(2)?;
        Ok(())
    });
    let job = Rc::new(job.unwrap());
    let handle = Rc::new(RefCell::new(None));
    let (acted, kept) = (Rc::new(Cell::new(false)), Rc::clone(&handle));
    let act = Rc::new(move |at| {
        if at == place && !acted.replace(true) {
            act(&kept);
        }
    });
    let member = census.member();
    let noting = Rc::clone(&act);
    job.on_progress(move |seen, n| {
        let _ = &member;
        noting(Place::Message);
        seen.push(Seen::Message(n));
    });
    let (noting, member) = (Rc::clone(&act), census.member());
    job.on_state(move |seen: &mut Events, state| {
        let _ = &member;
        seen.push(Seen::State(state));
        noting(if state == TaskState::Executing { Place::Executing } else { Place::Completed });
    });
    let (noting, member) = (Rc::clone(&act), census.member());
    job.on_ask(move |_: &mut Events, Ask(_), answer| {
        let _ = &member;
        noting(Place::Ask);
        answer.reply(());
    });
    let noting = Rc::clone(&act);
    job.on_uncancellable(move |seen| {
        seen.push(Seen::Uncancellable);
        noting(Place::Uncancellable);
    });
    job.on_done(move |seen, outcome| {
        seen.push(Seen::Done(End::of(&outcome)));
        act(Place::Done);
    });
    *handle.borrow_mut() = Some(job as Rc<dyn AnyTask>);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |seen| seen.iter().any(|seen| matches!(seen, Seen::Done(_))));
    stage.fence();
    stage.dispatch(&mut seen);
    assert_eq!((census.alive(), stage.executor.running()), (0, 0), "at {place:?}");
    (seen, handle.take())
}

fn check_a_cancel_at(place: Place, seen: &Events) {
    let executing = Seen::State(TaskState::Executing);
    let cancelled = [
        Seen::State(TaskState::Cancelling),
        Seen::Uncancellable,
        Seen::State(TaskState::Cancelled),
        Seen::Done(End::Cancelled),
    ];
    let mut expected = vec![executing];
    match place {
        Place::Executing => expected.extend(cancelled),
        Place::Message | Place::Ask => {
            expected.push(Seen::Message(1));
            expected.extend(cancelled);
        }
        // Too late.
        _ => {
            expected.extend([1, 2].map(Seen::Message));
            let completed = Seen::State(TaskState::Completed);
            expected.extend([completed, Seen::Uncancellable, Seen::Done(End::Completed)]);
        }
    }
    assert_eq!(*seen, expected, "at {place:?}");
}

#[test]
fn callbacks_may_cancel_their_task() {
    for place in PLACES {
        let is_early = matches!(place, Place::Message | Place::Executing | Place::Ask);
        let (seen, _handle) = act_at(place, move |handle| {
            let handle = handle.borrow();
            assert_eq!(handle.as_ref().unwrap().cancel(), is_early);
        });
        check_a_cancel_at(place, &seen);
    }
}

#[test]
fn callbacks_may_drop_their_own_future() {
    for place in PLACES {
        let (seen, _) = act_at(place, |handle| drop(handle.take()));
        check_a_cancel_at(place, &seen);
    }
}

#[test]
fn callbacks_that_own_their_future_are_dropped_after_the_end() {
    for verdict in [Verdict::Return, Verdict::Panic] {
        let stage = Stage::<Events>::new(1);
        let census = Census::default();
        let (steered, wheel) = steered();
        let call = Rc::new(stage.executor.submit_call(move || steered.obey()).unwrap());
        let held = || (Rc::clone(&call), census.member());
        let (a, b, c, d) = (held(), held(), held(), held());
        call.on_state(move |_: &mut Events, _| {
            let _ = &a;
        });
        call.on_ask(move |_, Ask(_), _| {
            let _ = &b;
        });
        call.on_uncancellable(move |_| drop(c));
        call.on_done(move |_, _| drop(d));
        drop(call);
        wheel.end(verdict);
        stage.fence();
        stage.dispatch(&mut Events::new());
        assert_eq!(census.alive(), 0, "{verdict:?}");
    }
}

#[test]
fn a_callback_that_owns_its_future_and_gets_its_messages_late_is_dropped() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let items = Rc::new(unheard(&stage));
    let held = (Rc::clone(&items), census.member());
    items.on_item(move |seen, n| (seen.push(Seen::Message(n)), &held).0);
    drop(items);
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!((seen.len(), census.alive()), (3, 0));
}

#[test]
fn a_callback_may_submit_the_next_task() {
    let stage = Stage::<Vec<u32>>::new(1);
    let executor = stage.executor.clone();
    let first = stage.executor.submit_call(|| 1).unwrap();
    first.on_done(move |seen: &mut Vec<u32>, outcome| {
        seen.extend(outcome.completed());
        let second = executor.submit_call(|| 2).unwrap();
        second.on_done(|seen, outcome| seen.extend(outcome.completed()));
        second.detach();
    });
    let mut seen = Vec::new();
    stage.run_until(&mut seen, |seen| seen.len() == 2);
    assert_eq!(seen, [1, 2]);
}

#[test]
fn a_future_says_its_state_in_debug() {
    let stage = Stage::<()>::new(1);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let call = stage.executor.submit_call(move || wait_for(&released)).unwrap();
    assert_eq!(format!("{call:?}"), "TaskFuture { state: Waiting, .. }");
    release.send(()).unwrap();
}
