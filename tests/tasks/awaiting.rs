//! Results and answers that are awaited, without a runtime.

use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};

use foreground::tasks::{Answer, AskError, PendingAnswer, Progress, ProgressFuture, Question, TaskOutcome};

use crate::common::{Stage, Verdict, panic_text, steered, wait_for};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future + Unpin>(future: &mut F, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(wakes));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

/// Polls when it is woken, and turns the loop meanwhile.
fn block_on<S: 'static, F: Future>(stage: &Stage<S>, state: &mut S, future: F) -> F::Output {
    let mut future = pin!(future);
    let wakes = Arc::new(Wakes::default());
    loop {
        let seen = wakes.count();
        if let Poll::Ready(output) = poll(&mut future, &wakes) {
            return output;
        }
        stage.run_until(state, |_| wakes.count() > seen);
    }
}

#[test]
fn results_can_be_awaited_one_after_the_other() {
    let stage = Stage::<()>::new(1);
    let executor = stage.executor.clone();
    let sum = block_on(&stage, &mut (), async move {
        let mut sum = 0;
        for n in 1..=10 {
            let square = executor.submit_call(move || n * n).unwrap().await;
            sum += square.completed().unwrap();
        }
        sum
    });
    assert_eq!(sum, 385);
}

#[test]
fn the_dispatch_that_brings_the_end_wakes_once() {
    let stage = Stage::<()>::new(1);
    let (steered, wheel) = steered();
    let mut outcome = stage.executor.submit_try_call(move || steered.obey()).unwrap().into_future();
    let (old, new) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    wheel.wait_for_begin();
    assert!(poll(&mut outcome, &old).is_pending());
    stage.dispatch(&mut ());
    assert!(poll(&mut outcome, &new).is_pending());
    wheel.end(Verdict::Fail);
    stage.fence();
    assert_eq!((old.count(), new.count()), (0, 0));
    stage.dispatch(&mut ());
    assert_eq!((old.count(), new.count()), (0, 1), "the newest waker, once");
    let Poll::Ready(outcome) = poll(&mut outcome, &new) else { panic!("it is done") };
    assert_eq!(outcome.failed(), Some(crate::common::Steer));
}

#[test]
fn what_has_ended_is_ready_at_once() {
    let stage = Stage::<()>::new(1);
    let call = stage.executor.submit_call(|| 7).unwrap();
    stage.fence();
    stage.dispatch(&mut ());
    let wakes = Arc::new(Wakes::default());
    assert_eq!(poll(&mut call.into_future(), &wakes), Poll::Ready(TaskOutcome::Completed(7)));
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_panic_and_a_cancel_can_be_awaited() {
    let stage = Stage::<()>::new(1);
    let panicked = stage.executor.submit_call(|| panic!("on purpose")).unwrap();
    let outcome: TaskOutcome<()> = block_on(&stage, &mut (), panicked.into_future());
    assert!(matches!(outcome, TaskOutcome::Panicked { message, .. } if message == "on purpose"));
    let cancelled = stage.executor.submit_call(|| 1).unwrap();
    cancelled.cancel();
    assert_eq!(block_on(&stage, &mut (), cancelled.into_future()), TaskOutcome::Cancelled);
}

#[test]
fn dropping_what_awaits_cancels() {
    let stage = Stage::<()>::new(1);
    let (steered, wheel) = steered();
    let (told, is_told) = channel();
    let job = stage.executor.submit_progress(move |progress: &Progress<'_, ()>| {
        let _ = steered.obey();
        told.send(progress.is_cancelled()).unwrap();
        Ok(())
    });
    wheel.wait_for_begin();
    drop(job.unwrap().into_future());
    wheel.end(Verdict::Return);
    assert!(wait_for(&is_told));
}

#[test]
fn stopping_the_router_wakes_who_awaits() {
    let stage = Stage::<()>::new(1);
    let worker = stage.occupy();
    let mut outcome = stage.executor.submit_call(|| 1).unwrap().into_future();
    let wakes = Arc::new(Wakes::default());
    assert!(poll(&mut outcome, &wakes).is_pending());
    stage.router.stop().unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(&mut outcome, &wakes), Poll::Ready(TaskOutcome::Cancelled));
    drop(worker);
}

#[test]
fn a_callback_that_panics_at_the_end_does_not_keep_who_awaits() {
    let stage = Stage::<()>::new(1);
    let call = stage.executor.submit_call(|| 1).unwrap();
    call.on_uncancellable(|()| panic!("on purpose"));
    let mut outcome = call.into_future();
    let wakes = Arc::new(Wakes::default());
    assert!(poll(&mut outcome, &wakes).is_pending());
    assert_eq!(panic_text(|| stage.run_until(&mut (), |()| false)), "on purpose");
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(&mut outcome, &wakes), Poll::Ready(TaskOutcome::Completed(1)));
}

#[test]
fn an_outcome_that_a_callback_took_is_awaited_as_cancelled() {
    let stage = Stage::<Option<u32>>::new(1);
    let call = stage.executor.submit_call(|| 1).unwrap();
    call.on_done(|result: &mut Option<u32>, outcome| *result = outcome.completed());
    let mut result = None;
    assert_eq!(block_on(&stage, &mut result, call.into_future()), TaskOutcome::Cancelled);
    assert_eq!(result, Some(1));
}

struct Ask;

impl Question for Ask {
    type Answer = u32;
}

type Dialog = Option<Answer<u32>>;

/// A question that was asked, its answer to be given, and the task, which goes on until it is released.
fn asked(stage: &Stage<Dialog>) -> (PendingAnswer<u32>, Answer<u32>, ProgressFuture<(), (), Dialog>) {
    let (sender, receiver) = channel();
    let ask = move |progress: &Progress<'_, ()>| {
        sender.send(progress.send_question(Ask)?).unwrap();
        // Until it is cancelled.
        Ok(progress.sleep(std::time::Duration::MAX)?)
    };
    let job = stage.executor.submit_progress(ask).unwrap();
    job.on_ask(|dialog: &mut Dialog, Ask, answer| *dialog = Some(answer));
    let mut dialog = None;
    stage.run_until(&mut dialog, |dialog| dialog.is_some());
    (wait_for(&receiver), dialog.unwrap(), job)
}

#[test]
fn an_answer_wakes_who_awaits_it_even_on_the_foreground() {
    let stage = Stage::new(1);
    let (pending, answer, _job) = asked(&stage);
    let (mut pending, wakes) = (pending.into_future(), Arc::new(Wakes::default()));
    assert!(poll(&mut pending, &wakes).is_pending());
    answer.reply(7);
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(&mut pending, &wakes), Poll::Ready(Ok(7)));
}

#[test]
fn an_answer_given_before_the_first_poll_is_ready() {
    let stage = Stage::new(1);
    let (pending, answer, _job) = asked(&stage);
    answer.reply(7);
    assert_eq!(block_on(&stage, &mut None, async { pending.await }), Ok(7));
}

#[test]
fn a_dropped_answer_wakes_who_awaits_it() {
    let stage = Stage::new(1);
    let (pending, answer, _job) = asked(&stage);
    let (mut pending, wakes) = (pending.into_future(), Arc::new(Wakes::default()));
    assert!(poll(&mut pending, &wakes).is_pending());
    drop(answer);
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll(&mut pending, &wakes), Poll::Ready(Err(AskError::Unanswered)));
}

#[test]
fn a_cancel_wakes_the_newest_waker_of_who_awaits_an_answer() {
    let stage = Stage::new(1);
    let (pending, _answer, job) = asked(&stage);
    let (old, new) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    let mut pending = pending.into_future();
    assert!(poll(&mut pending, &old).is_pending());
    assert!(poll(&mut pending, &new).is_pending());
    job.cancel();
    assert_eq!((old.count(), new.count()), (0, 1));
    assert_eq!(poll(&mut pending, &new), Poll::Ready(Err(AskError::Cancelled)));
}

#[test]
fn who_awaits_no_more_is_not_woken_and_kept_nowhere() {
    let stage = Stage::new(1);
    let (pending, answer, job) = asked(&stage);
    let (mut pending, wakes) = (pending.into_future(), Arc::new(Wakes::default()));
    assert!(poll(&mut pending, &wakes).is_pending());
    drop(pending);
    job.cancel();
    answer.reply(1);
    assert_eq!(Arc::strong_count(&wakes), 1);
}
