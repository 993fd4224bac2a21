//! Callbacks, destructors and stops that meet where nobody expects them.

use std::cell::RefCell;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::tasks::{
    CallFuture, ExecutorState, Progress, Question, ShutdownError, TaskExecutor, TaskOutcome, TaskState,
};

use crate::common::PATIENCE;

fn stage<S: 'static>() -> (MessageRouter<S>, TaskExecutor<S>) {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    let executor = TaskExecutor::builder(&router).workers(2).build().unwrap();
    (router, executor)
}

/// Routes until so many messages have been delivered in all.
fn deliver<S: 'static>(router: &MessageRouter<S>, state: &mut S, messages: u64) {
    router.route_until(state, |_| router.stats().delivered >= messages, PATIENCE).unwrap();
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("a destructor");
        }
    }
}

#[test]
fn a_cancel_ends_a_copy_that_reports_as_it_reads() {
    struct Reported<'a, 'b, R>(R, &'a Progress<'b, u64>);

    impl<R: Read> Read for Reported<'_, '_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.read(buffer)?;
            self.1.report_latest(bytes as u64)?;
            Ok(bytes)
        }
    }

    let (router, executor) = stage::<()>();
    let copy = executor
        .submit_try_progress(|progress: &Progress<'_, u64>| {
            io::copy(&mut Reported(io::repeat(1), progress), &mut io::sink())
        })
        .unwrap();
    router.route_until(&mut (), |()| copy.state() == TaskState::Executing, PATIENCE).unwrap();
    copy.cancel();
    assert_eq!(executor.shutdown(&mut (), PATIENCE), Ok(()));
}

#[test]
fn a_shutdown_in_the_executors_own_callback_ends_and_no_change_is_lost() {
    let (router, executor) = stage::<Vec<String>>();
    let _other = router.pipe::<()>().unwrap();
    let own = executor.clone();
    executor.on_state(move |seen: &mut Vec<String>, state| {
        seen.push(state.to_string());
        if state == ExecutorState::Stopping {
            let result = own.shutdown(seen, PATIENCE);
            seen.push(format!("{result:?}"));
        }
    });
    executor.stop().unwrap();
    let mut seen = Vec::new();
    router.dispatch(&mut seen);
    assert_eq!(seen, ["stopping", "Ok(())", "stopped"]);
}

#[test]
fn a_callback_of_an_executor_that_owns_it_goes_with_the_last_change() {
    let (router, executor) = stage::<()>();
    let kept = Rc::new(());
    let (owned, own) = (Rc::clone(&kept), executor.clone());
    executor.on_state(move |(), _| _ = (&owned, own.state()));
    executor.stop().unwrap();
    router.dispatch(&mut ());
    assert_eq!(Rc::strong_count(&kept), 1);
    let owned = Rc::clone(&kept);
    executor.on_state(move |(), _| _ = &owned);
    assert_eq!(Rc::strong_count(&kept), 1, "there is no change to come");
}

#[test]
fn callbacks_set_after_the_end_are_called_though_the_executor_has_gone() {
    let (router, executor) = stage::<Vec<i32>>();
    let call = executor.submit_call(|| 7).unwrap();
    let items = executor.submit_iteration(|| 0..3).unwrap();
    let mut seen = Vec::new();
    router.route_until(&mut seen, |_| call.state().is_done() && items.state().is_done(), PATIENCE).unwrap();
    drop(executor);
    call.on_done(|seen: &mut Vec<i32>, outcome| seen.push(outcome.completed().unwrap()));
    items.on_item(|seen: &mut Vec<i32>, item| seen.push(item));
    router.route_until(&mut seen, |seen| seen.len() == 4, PATIENCE).unwrap();
    assert_eq!(seen, [7, 0, 1, 2]);
}

#[test]
fn callbacks_set_after_the_end_are_dropped_if_the_router_does_not_run() {
    let (router, executor) = stage::<()>();
    let call = executor.submit_call(|| 7).unwrap();
    router.route_until(&mut (), |()| call.state().is_done(), PATIENCE).unwrap();
    router.stop().unwrap();
    let kept = Rc::new(());
    let owned = Rc::clone(&kept);
    call.on_done(move |(), _| drop(owned));
    assert_eq!(Rc::strong_count(&kept), 1);
    assert_eq!(call.try_outcome(), Some(TaskOutcome::Completed(7)), "it is still there to be taken");
}

#[test]
fn the_end_waits_for_messages_whose_late_callback_routes() {
    let (router, executor) = stage::<Vec<String>>();
    let (release, released) = channel::<()>();
    let job = executor
        .submit_progress(move |progress| {
            (0..3).try_for_each(|n| progress.report(n))?;
            let _ = released.recv();
            Ok(())
        })
        .unwrap();
    let mut seen = Vec::new();
    deliver(&router, &mut seen, 4);
    let inner = router.clone();
    let mut release = Some(release);
    job.on_progress(move |seen: &mut Vec<String>, n| {
        seen.push(n.to_string());
        if let Some(release) = release.take() {
            drop(release);
            // Until the end has come out of the queue.
            inner.route_until(seen, |_| inner.stats().delivered >= 5, PATIENCE).unwrap();
        }
    });
    job.on_done(|seen: &mut Vec<String>, _| seen.push("done".into()));
    router.route_until(&mut seen, |seen| seen.len() >= 4, PATIENCE).unwrap();
    assert_eq!(seen, ["0", "1", "2", "done"]);
    assert_eq!(executor.shutdown(&mut seen, PATIENCE), Ok(()));
}

#[test]
fn a_message_that_panics_when_dropped_keeps_no_other_task_from_being_cancelled() {
    let (router, executor) = stage::<()>();
    let armed = executor
        .submit_progress(|progress: &Progress<'_, Bomb>| {
            progress.report(Bomb)?;
            progress.sleep(Duration::MAX)?;
            Ok(())
        })
        .unwrap();
    let other =
        executor.submit_progress(|progress: &Progress<'_, u32>| Ok(progress.sleep(Duration::MAX)?)).unwrap();
    deliver(&router, &mut (), 3);
    assert!(catch_unwind(AssertUnwindSafe(|| executor.stop())).is_err());
    assert_eq!((armed.state(), other.state()), (TaskState::Cancelling, TaskState::Cancelling));
    assert_eq!(executor.shutdown(&mut (), PATIENCE), Ok(()));
}

#[test]
fn a_newest_value_that_panics_when_dropped_holds_up_no_end() {
    let (router, executor) = stage::<Vec<String>>();
    let (reported, is_reported) = channel();
    let (release, released) = channel::<()>();
    let job = executor
        .submit_progress(move |progress: &Progress<'_, Bomb>| {
            progress.report_latest(Bomb)?;
            reported.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        })
        .unwrap();
    job.on_state(|seen: &mut Vec<String>, state| seen.push(state.to_string()));
    job.on_done(|seen: &mut Vec<String>, outcome| seen.push(outcome.is_cancelled().to_string()));
    is_reported.recv_timeout(PATIENCE).unwrap();
    let mut seen = Vec::new();
    router.route_until(&mut seen, |_| job.state() == TaskState::Executing, PATIENCE).unwrap();
    job.cancel();
    // The value has had its turn; the worker is the last to have it.
    deliver(&router, &mut seen, 2);
    drop(release);
    router.route_until(&mut seen, |_| job.state().is_done(), PATIENCE).unwrap();
    assert_eq!(seen, ["executing", "cancelling", "cancelled", "true"]);
}

#[test]
fn a_shutdown_waits_for_a_task_whose_callback_panicked() {
    let (router, executor) = stage::<()>();
    let has_ended = Arc::new(AtomicBool::new(false));
    let (release, released) = channel::<()>();
    let ended = Arc::clone(&has_ended);
    let job = executor
        .submit_progress(move |progress: &Progress<'_, u32>| {
            progress.report(1)?;
            let _ = released.recv();
            ended.store(true, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
    job.on_progress(|(), _| panic!("a callback"));
    let routed = catch_unwind(AssertUnwindSafe(|| router.route_until(&mut (), |()| false, PATIENCE)));
    assert!(routed.is_err());
    let short = executor.shutdown(&mut (), Duration::from_millis(1));
    assert!(matches!(short, Err(ShutdownError::Timeout { running: 1, .. })), "{short:?}");
    drop(release);
    assert_eq!(executor.shutdown(&mut (), PATIENCE), Ok(()));
    assert!(has_ended.load(Ordering::SeqCst));
}

#[test]
fn a_callback_that_stops_the_router_on_the_news_of_a_cancel_leaks_nothing() {
    let (router, executor) = stage::<()>();
    let kept = Rc::new(());
    let held: Rc<RefCell<Option<CallFuture<()>>>> = Rc::default();
    let (release, released) = channel::<()>();
    let call = executor.submit_call(move || _ = released.recv()).unwrap();
    let (owned, owner, own) = (Rc::clone(&kept), Rc::clone(&held), router.clone());
    call.on_state(move |(), state| {
        let _ = (&owned, &owner);
        if state == TaskState::Cancelling {
            own.stop().unwrap();
        }
    });
    call.cancel();
    *held.borrow_mut() = Some(call);
    drop(held);
    router.dispatch(&mut ());
    drop((release, executor, router));
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
fn a_task_that_cancels_itself_by_its_token_is_cancelled() {
    let (router, executor) = stage::<Vec<String>>();
    let job = executor
        .submit_progress(|progress: &Progress<'_, u32>| {
            progress.token().cancel();
            progress.report(1)?;
            Ok(())
        })
        .unwrap();
    job.on_state(|seen: &mut Vec<String>, state| seen.push(state.to_string()));
    let mut seen = Vec::new();
    router.route_until(&mut seen, |_| job.state().is_done(), PATIENCE).unwrap();
    assert_eq!(seen, ["executing", "cancelling", "cancelled"]);
    assert_eq!(job.try_outcome(), Some(TaskOutcome::Cancelled));
}

#[test]
fn a_question_comes_between_the_newest_reports_before_and_after_it() {
    struct Which;

    impl Question for Which {
        type Answer = ();
    }

    let (router, executor) = stage::<Vec<String>>();
    let (sent, is_sent) = channel();
    let job = executor
        .submit_progress(move |progress: &Progress<'_, u32>| {
            progress.report_latest(1)?;
            let answer = progress.send_question(Which)?;
            progress.report_latest(2)?;
            sent.send(()).unwrap();
            answer.wait()
        })
        .unwrap();
    job.on_progress(|seen: &mut Vec<String>, n| seen.push(n.to_string()));
    job.on_ask(|seen: &mut Vec<String>, _: Which, answer| {
        seen.push("asked".into());
        answer.reply(());
    });
    is_sent.recv_timeout(PATIENCE).unwrap();
    let mut seen = Vec::new();
    router.route_until(&mut seen, |_| job.state().is_done(), PATIENCE).unwrap();
    assert_eq!(seen, ["1", "asked", "2"]);
}

#[test]
fn a_shutdown_makes_room_for_a_task_whose_callback_panicked() {
    let (router, executor) = stage::<u32>();
    let (sender, receiver) = router.bounded_pipe::<u32>(1).unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let (release, released) = channel::<()>();
    let job = executor
        .submit_progress(move |progress: &Progress<'_, u32>| {
            progress.report(1)?;
            let _ = released.recv();
            let sender = sender.start();
            (0..100).for_each(|_| sender.send(1).unwrap());
            Ok(())
        })
        .unwrap();
    job.on_progress(|_, _| panic!("a callback"));
    let mut sum = 0;
    let routed = catch_unwind(AssertUnwindSafe(|| router.route_until(&mut sum, |_| false, PATIENCE)));
    assert!(routed.is_err());
    drop(release);
    assert_eq!(executor.shutdown(&mut sum, PATIENCE), Ok(()));
    router.route_until(&mut sum, |sum| *sum == 100, PATIENCE).unwrap();
}
