//! Questions to the user: answered now, later, or never; and no wait that could not end.

use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use foreground::MessageRouter;
use foreground::tasks::{Answer, AskError, Progress, ProgressFuture, Question, TaskExecutor, TaskOutcome};

use crate::common::{Census, Member, Stage, no_deadlock, wait_for};

/// Is to be doubled.
struct Double(u32);

impl Question for Double {
    type Answer = u32;
}

struct Name;

impl Question for Name {
    type Answer = String;
}

#[derive(Default)]
struct App {
    asked: Vec<(u32, Answer<u32>)>,
}

/// A task that asks once, and what it was told.
fn asker(stage: &Stage<App>) -> (ProgressFuture<(), (), App>, Receiver<Result<u32, AskError>>) {
    let (told, is_told) = channel();
    let job = stage.executor.submit_progress(move |progress| {
        told.send(progress.ask(Double(21))).unwrap();
        Ok(())
    });
    let job = job.unwrap();
    job.on_ask(|app: &mut App, Double(n), answer| app.asked.push((n, answer)));
    (job, is_told)
}

/// Has a task ask, and does `act` while it waits for the answer. What that returns is dropped when the task was told.
fn told_if<K>(
    act: impl FnOnce(Stage<App>, &mut App, ProgressFuture<(), (), App>) -> K + Send + 'static,
) -> Result<u32, AskError> {
    let (result, is_result) = channel();
    no_deadlock(move || {
        let stage = Stage::new(1);
        let mut app = App::default();
        let (job, is_told) = asker(&stage);
        stage.run_until(&mut app, |app| !app.asked.is_empty());
        assert!(is_told.try_recv().is_err(), "it waits");
        let _kept = act(stage, &mut app, job);
        result.send(wait_for(&is_told)).unwrap();
        assert!(app.asked.iter().all(|(_, answer)| answer.is_cancelled()));
    });
    wait_for(&is_result)
}

fn reply(app: &mut App) {
    app.asked.drain(..).for_each(|(n, answer)| answer.reply(2 * n));
}

#[test]
fn an_answer_in_the_callback() {
    no_deadlock(|| {
        let stage = Stage::<()>::new(1);
        let job = stage.executor.submit_progress(|progress: &Progress<'_, ()>| {
            (0..100).try_fold(0, |sum, n| Ok(sum + progress.ask(Double(n))?))
        });
        let job = job.unwrap();
        job.on_ask(|(), Double(n), answer| answer.reply(2 * n));
        stage.run_until(&mut (), |()| job.state().is_done());
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Completed(9_900)));
    });
}

#[test]
fn an_answer_later() {
    let told = told_if(|stage, app, job| {
        stage.dispatch(app);
        assert!(!app.asked[0].1.is_cancelled());
        reply(app);
        stage.run_until(app, |_| job.state().is_done());
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Completed(())));
    });
    assert_eq!(told, Ok(42));
}

#[test]
fn an_answer_from_another_thread() {
    let told = told_if(|stage, app, job| {
        let asked = std::mem::take(&mut app.asked);
        thread::spawn(|| reply(&mut App { asked })).join().unwrap();
        (stage, job)
    });
    assert_eq!(told, Ok(42));
}

#[test]
fn an_answer_that_is_dropped() {
    let told = told_if(|stage, app, job| {
        app.asked.clear();
        (stage, job)
    });
    assert_eq!(told, Err(AskError::Unanswered));
}

#[test]
fn a_cancel_while_it_waits() {
    let told = told_if(|stage, app, job| {
        assert!(job.cancel());
        assert!(app.asked[0].1.is_cancelled());
        stage.fence();
        stage.dispatch(app);
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Cancelled));
    });
    assert_eq!(told, Err(AskError::Cancelled));
}

#[test]
fn a_dropped_handle_while_it_waits() {
    assert_eq!(told_if(|stage, _, _job| stage), Err(AskError::Cancelled));
}

#[test]
fn an_executor_that_is_stopped_while_it_waits() {
    let told = told_if(|stage, app, job| {
        stage.executor.stop().unwrap();
        stage.run_until(app, |_| job.state().is_done());
        (stage, job)
    });
    assert_eq!(told, Err(AskError::Cancelled));
}

#[test]
fn an_executor_that_is_shut_down_while_it_waits() {
    let told = told_if(|stage, app, _job| stage.executor.shutdown(app, None).unwrap());
    assert_eq!(told, Err(AskError::Cancelled));
}

#[test]
fn a_router_that_is_stopped_while_it_waits() {
    let told = told_if(|stage, _, job| {
        stage.router.stop().unwrap();
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Cancelled));
        (stage, job)
    });
    assert_eq!(told, Err(AskError::Cancelled));
}

#[test]
fn a_router_that_is_dropped_while_it_waits() {
    let told = told_if(|stage, _, job| {
        job.detach();
        drop(stage);
    });
    assert_eq!(told, Err(AskError::Cancelled));
}

#[test]
fn a_question_for_which_there_is_no_callback_is_unanswered() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let job = stage.executor.submit_progress(|progress: &Progress<'_, ()>| {
            assert_eq!(progress.ask(Name), Err(AskError::Unanswered));
            progress.ask(Double(1))
        });
        let job = job.unwrap();
        job.on_ask(|_, Double(_), answer| answer.reply(7));
        stage.run_until(&mut App::default(), |_| job.state().is_done());
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Completed(7)));
    });
}

#[test]
fn an_unanswered_question_that_ends_the_task_is_its_error() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let job = stage.executor.submit_progress(|progress: &Progress<'_, ()>| progress.ask(Name));
        let job = job.unwrap();
        stage.run_until(&mut App::default(), |_| job.state().is_done());
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Failed(AskError::Unanswered)));
    });
}

#[test]
fn questions_of_two_types_come_each_to_its_callback() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let job = stage.executor.submit_progress(|progress: &Progress<'_, ()>| {
            let (a, b) = (progress.ask(Double(1))?, progress.ask(Name)?);
            Ok(format!("{b} {a} {}", progress.ask(Double(2))?))
        });
        let job = job.unwrap();
        job.on_ask(|_, Double(n), answer| answer.reply(2 * n));
        job.on_ask(|_, Name, answer| answer.reply("name".into()));
        stage.run_until(&mut App::default(), |_| job.state().is_done());
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Completed("name 2 4".into())));
    });
}

#[test]
fn questions_that_are_queued_at_a_cancel_or_stop_are_cancelled_and_dropped() {
    struct Counted(#[allow(dead_code)] Member);
    impl Question for Counted {
        type Answer = ();
    }
    for stops_router in [false, true] {
        no_deadlock(move || {
            let stage = Stage::<App>::new(1);
            let census = Census::default();
            let (member, (told, is_told)) = (census.member(), channel());
            let (sent, is_sent) = channel();
            let job = stage.executor.submit_progress(move |progress: &Progress<'_, ()>| {
                let pending = progress.send_question(Counted(member))?;
                sent.send(()).unwrap();
                told.send(pending.wait()).unwrap();
                Ok(())
            });
            let job = job.unwrap();
            job.on_ask(|_, Counted(_), _| panic!("after the cancel"));
            wait_for(&is_sent);
            if stops_router {
                stage.router.stop().unwrap();
            } else {
                job.cancel();
            }
            assert_eq!(wait_for(&is_told), Err(AskError::Cancelled));
            stage.fence();
            stage.dispatch(&mut App::default());
            assert_eq!(census.alive(), 0);
        });
    }
}

#[test]
fn a_question_after_the_cancel_is_not_sent() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let (steered, wheel) = crate::common::steered();
        let (told, is_told) = channel();
        let job = stage.executor.submit_progress(move |progress: &Progress<'_, ()>| {
            let _ = steered.obey();
            told.send(progress.ask(Double(1))).unwrap();
            Ok(())
        });
        let job = job.unwrap();
        wheel.wait_for_begin();
        job.cancel();
        wheel.end(crate::common::Verdict::Return);
        assert_eq!(wait_for(&is_told), Err(AskError::Cancelled));
        stage.fence();
        assert_eq!(stage.router.stats().sent, 2, "the start and the end");
    });
}

#[test]
fn an_answer_that_comes_after_the_cancel_is_dropped() {
    struct Member_;
    impl Question for Member_ {
        type Answer = Member;
    }
    no_deadlock(|| {
        let stage = Stage::<Option<Answer<Member>>>::new(1);
        let census = Census::default();
        let job = stage.executor.submit_progress(|progress: &Progress<'_, ()>| progress.ask(Member_));
        let job = job.unwrap();
        job.on_ask(|dialog: &mut Option<Answer<Member>>, Member_, answer| *dialog = Some(answer));
        let mut dialog = None;
        stage.run_until(&mut dialog, |dialog| dialog.is_some());
        job.cancel();
        stage.fence();
        dialog.take().unwrap().reply(census.member());
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn several_threads_of_a_task_ask_at_once() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let job = stage.executor.submit_progress(|progress: &Progress<'_, ()>| {
            thread::scope(|scope| {
                let askers = [1, 2, 3, 4].map(|n| scope.spawn(move || progress.ask(Double(n))));
                Ok(askers.map(|asker| asker.join().unwrap()))
            })
        });
        let job = job.unwrap();
        job.on_ask(|app: &mut App, Double(n), answer| app.asked.push((n, answer)));
        let mut app = App::default();
        stage.run_until(&mut app, |app| app.asked.len() == 4);
        // The other way round than they came.
        app.asked.reverse();
        reply(&mut app);
        stage.run_until(&mut app, |_| job.state().is_done());
        assert_eq!(job.try_outcome(), Some(TaskOutcome::Completed([2, 4, 6, 8].map(Ok))));
    });
}

#[test]
fn several_threads_that_wait_are_all_cancelled() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let (told, is_told) = channel();
        let job = stage.executor.submit_progress(move |progress: &Progress<'_, ()>| {
            thread::scope(|scope| {
                for n in 0..4 {
                    let told = told.clone();
                    scope.spawn(move || told.send(progress.ask(Double(n))).unwrap());
                }
            });
            Ok(())
        });
        let job = job.unwrap();
        job.on_ask(|app: &mut App, Double(n), answer| app.asked.push((n, answer)));
        let mut app = App::default();
        stage.run_until(&mut app, |app| app.asked.len() == 4);
        job.cancel();
        for _ in 0..4 {
            assert_eq!(wait_for(&is_told), Err(AskError::Cancelled));
        }
    });
}

#[test]
fn an_answer_is_not_waited_for_on_the_foreground() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let (sender, receiver) = channel();
        let job = stage.executor.submit_progress(move |progress: &Progress<'_, ()>| {
            sender.send(progress.send_question(Double(1))?).unwrap();
            Ok(())
        });
        let _job = job.unwrap();
        assert_eq!(wait_for(&receiver).wait(), Err(AskError::OnForeground));
    });
}

#[test]
fn a_question_is_not_asked_on_the_foreground() {
    thread_local! {
        /// What lives on after the task that has made it.
        static KEPT: RefCell<Vec<(MessageRouter, TaskExecutor)>> = const { RefCell::new(Vec::new()) };
    }
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let (pool, (told, is_told)) = (stage.pool.clone(), channel());
        // The only worker becomes the foreground of another executor, whose task it then runs itself.
        let submit = move || {
            let router: MessageRouter = MessageRouter::new(|| {});
            router.start().unwrap();
            let executor = TaskExecutor::builder(&router).pool(&pool).build().unwrap();
            let ask = move |progress: &Progress<'_, ()>| {
                told.send(progress.ask(Double(1))).unwrap();
                KEPT.take();
                Ok(())
            };
            executor.submit_progress(ask).unwrap().detach();
            KEPT.with_borrow_mut(|kept| kept.push((router, executor)));
        };
        let _call = stage.executor.submit_call(submit).unwrap();
        assert_eq!(wait_for(&is_told), Err(AskError::OnForeground));
    });
}

#[test]
fn a_callback_that_panics_leaves_nobody_waiting() {
    no_deadlock(|| {
        let stage = Stage::<App>::new(1);
        let (job, is_told) = asker(&stage);
        job.on_ask(|_, Double(_), _| panic!("on purpose"));
        let text = crate::common::panic_text(|| stage.run_until(&mut App::default(), |_| false));
        assert_eq!(text, "on purpose");
        // The answer is dropped in the unwinding; the task is cancelled after that.
        assert!(wait_for(&is_told).is_err());
    });
}

#[test]
fn the_errors_become_those_of_others() {
    let io_errors = [AskError::Cancelled, AskError::Unanswered, AskError::OnForeground].map(io::Error::from);
    let kinds = io_errors.each_ref().map(io::Error::kind);
    assert_eq!(kinds, [io::ErrorKind::Other, io::ErrorKind::Other, io::ErrorKind::Other]);
    assert!(io_errors.iter().all(|error| error.get_ref().is_some_and(|source| source.is::<AskError>())));
    let boxed: Box<dyn Error + Send + Sync> = AskError::Cancelled.into();
    assert_eq!(boxed.to_string(), "the task was cancelled; it should end now");
}
