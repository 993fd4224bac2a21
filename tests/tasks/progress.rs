//! Progress: all reports, or only the newest; and what a cancel does to them.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use foreground::tasks::{
    AskError, Progress, ProgressFuture, Question, TaskCancelled, TaskOutcome, TaskState,
};

use crate::common::{Census, End, Events, Seen, Stage, Verdict, steered, wait_for};

/// Notes the reports and the end.
fn observe<R, E>(job: &ProgressFuture<u32, R, Events, E>) {
    job.on_progress(|seen, n| seen.push(Seen::Message(n)));
    job.on_done(|seen, outcome| seen.push(Seen::Done(End::of(&outcome))));
}

/// What is seen if `work` is over before anything is dispatched.
fn seen_of(work: impl FnOnce(&Progress<'_, u32>) -> Result<(), AskError> + Send + 'static) -> Vec<u32> {
    let stage = Stage::new(1);
    let job = stage.executor.submit_progress(work).unwrap();
    observe(&job);
    stage.fence();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen.pop(), Some(Seen::Done(End::Completed)));
    let number = |seen| if let Seen::Message(n) = seen { n } else { panic!("{seen:?}") };
    seen.into_iter().map(number).collect()
}

#[test]
fn reports_arrive_in_order_and_before_done() {
    let seen = seen_of(|progress| (0..1_000).try_for_each(|n| progress.report(n)).map_err(AskError::from));
    assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_failure_keeps_its_type() {
    #[derive(Debug, PartialEq)]
    enum Failure {
        Cancelled,
        Full { disk: u8 },
    }
    impl From<TaskCancelled> for Failure {
        fn from(_: TaskCancelled) -> Self {
            Self::Cancelled
        }
    }
    let stage = Stage::<()>::new(1);
    let work = |progress: &Progress<'_, u32>| {
        progress.report(1)?;
        Err::<(), _>(Failure::Full { disk: 7 })
    };
    let job = stage.executor.submit_try_progress(work).unwrap();
    stage.run_until(&mut (), |_| job.state().is_done());
    assert_eq!(job.try_outcome(), Some(TaskOutcome::Failed(Failure::Full { disk: 7 })));
}

#[test]
fn a_report_after_a_cancel_is_an_error_and_sends_nothing() {
    let stage = Stage::new(1);
    let (steered, wheel) = steered();
    let (results, has_results) = channel();
    let job = stage.executor.submit_progress(move |progress| {
        assert!(!progress.is_cancelled());
        let _ = steered.obey();
        results.send((progress.report(1), progress.report_latest(2), progress.check())).unwrap();
        assert!(progress.is_cancelled() && progress.token().is_cancelled());
        progress.report(3)?;
        Ok(())
    });
    let job = job.unwrap();
    observe(&job);
    wheel.wait_for_begin();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    job.cancel();
    wheel.end(Verdict::Return);
    let cancelled = Err(TaskCancelled);
    assert_eq!(wait_for(&has_results), (cancelled, cancelled, cancelled));
    stage.fence();
    assert_eq!(stage.router.stats().sent, 2, "the start and the end");
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::Done(End::Cancelled)]);
    assert_eq!(job.state(), TaskState::Cancelled);
}

#[test]
fn reports_that_are_queued_at_a_cancel_are_dropped() {
    for latest in [false, true] {
        let stage = Stage::<Events>::new(1);
        let census = Census::default();
        let counted = census.clone();
        let (steered, wheel) = steered();
        let job = stage.executor.submit_progress(move |progress| {
            for _ in 0..3 {
                let report = counted.member();
                if latest { progress.report_latest(report)? } else { progress.report(report)? }
            }
            let _ = steered.obey();
            Ok(())
        });
        let job = job.unwrap();
        job.on_progress(|_, _| panic!("delivered after the cancel"));
        wheel.wait_for_begin();
        assert_eq!(census.alive(), if latest { 1 } else { 3 });
        job.cancel();
        wheel.end(Verdict::Return);
        stage.fence();
        stage.dispatch(&mut Events::new());
        assert_eq!((job.state(), census.alive()), (TaskState::Cancelled, 0));
    }
}

#[test]
fn reports_that_nobody_has_taken_are_dropped_by_a_cancel() {
    let stage = Stage::<Events>::new(1);
    let census = Census::default();
    let counted = census.clone();
    let (steered, wheel) = steered();
    let job = stage.executor.submit_progress(move |progress| {
        (0..3).try_for_each(|_| progress.report(counted.member()))?;
        let _ = steered.obey();
        Ok(())
    });
    let job = job.unwrap();
    wheel.wait_for_begin();
    stage.dispatch(&mut Events::new());
    assert!(job.try_recv().is_some());
    assert_eq!(census.alive(), 2);
    job.cancel();
    assert!(job.try_recv().is_none());
    assert_eq!(census.alive(), 0);
}

#[test]
fn the_newest_report_replaces_those_under_way() {
    let seen =
        seen_of(|progress| (0..1_000).try_for_each(|n| progress.report_latest(n)).map_err(AskError::from));
    assert_eq!(seen, [999]);
}

#[test]
fn the_newest_report_and_others_keep_their_order() {
    let seen = seen_of(|progress| {
        progress.report(1)?;
        progress.report_latest(2)?;
        progress.report_latest(3)?;
        progress.report(4)?;
        progress.report(5)?;
        progress.report_latest(6)?;
        Ok(())
    });
    assert_eq!(seen, [1, 3, 4, 5, 6]);
}

#[test]
fn a_newest_report_after_an_arrival_arrives_too() {
    let stage = Stage::new(1);
    let (first, wheel) = steered();
    let job = stage.executor.submit_progress(move |progress| {
        progress.report_latest(1)?;
        let _ = first.obey();
        progress.report_latest(2)?;
        progress.report_latest(3)?;
        Ok(())
    });
    let job = job.unwrap();
    observe(&job);
    wheel.wait_for_begin();
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    wheel.end(Verdict::Return);
    stage.fence();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::Message(1), Seen::Message(3), Seen::Done(End::Completed)]);
}

#[test]
fn a_question_comes_after_the_newest_report_before_it() {
    struct Go;
    impl Question for Go {
        type Answer = ();
    }
    let stage = Stage::new(1);
    let job = stage.executor.submit_progress(|progress| {
        progress.report_latest(1)?;
        progress.ask(Go)?;
        progress.report_latest(3)?;
        Ok(())
    });
    let job = job.unwrap();
    observe(&job);
    job.on_ask(|seen: &mut Events, Go, answer| {
        seen.push(Seen::Message(2));
        answer.reply(());
    });
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| job.state().is_done());
    assert_eq!(seen[..3], [1, 2, 3].map(Seen::Message));
}

#[test]
fn a_million_newest_reports_without_a_dispatch_queue_one() {
    let stage = Stage::new(1);
    let job = stage.executor.submit_progress(|progress| {
        (0..=1_000_000).try_for_each(|n| progress.report_latest(n)).map_err(AskError::from)
    });
    let job = job.unwrap();
    observe(&job);
    stage.fence();
    assert_eq!(stage.router.stats().queued, 3, "the start, the report, the end");
    let mut seen = Events::new();
    stage.dispatch(&mut seen);
    assert_eq!(seen, [Seen::Message(1_000_000), Seen::Done(End::Completed)]);
}

#[test]
fn the_newest_report_grows_while_the_foreground_looks_on() {
    const LAST: u32 = 200_000;
    let stage = Stage::new(1);
    let job = stage.executor.submit_progress(|progress| {
        (1..=LAST).try_for_each(|n| progress.report_latest(n)).map_err(AskError::from)
    });
    let job = job.unwrap();
    observe(&job);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| job.state().is_done());
    assert_eq!(seen.pop(), Some(Seen::Done(End::Completed)));
    assert_eq!(seen.last(), Some(&Seen::Message(LAST)));
    let numbers: Vec<_> =
        seen.iter().map(|seen| if let Seen::Message(n) = seen { *n } else { panic!("{seen:?}") }).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "each is newer than the one before");
}

#[test]
fn threads_of_a_task_report_each_in_order() {
    let seen = seen_of(|progress| {
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for n in 0..1_000 {
                        progress.report(thread * 10_000 + n).unwrap();
                    }
                });
            }
        });
        Ok(())
    });
    assert_eq!(seen.len(), 4_000);
    for thread in 0..4 {
        let of_thread: Vec<_> = seen.iter().filter(|n| **n / 10_000 == thread).map(|n| n % 10_000).collect();
        assert_eq!(of_thread, (0..1_000).collect::<Vec<_>>());
    }
}

#[test]
fn the_newest_reports_of_a_thread_keep_their_order_among_those_of_another() {
    const LAST: u32 = 100_000;
    const OTHERS: u32 = 1_000_000;
    let stage = Stage::new(1);
    let job = stage.executor.submit_progress(|progress| {
        thread::scope(|scope| {
            let other = scope.spawn(move || {
                let mut sent = 0;
                for n in 0..LAST {
                    progress.report(OTHERS + n)?;
                    sent += 1;
                }
                Ok::<_, TaskCancelled>(sent)
            });
            // Each may be made a message like any by the other thread, and the next one sent meanwhile.
            for n in 1..=LAST {
                progress.report_latest(n)?;
            }
            Ok::<u32, AskError>(other.join().unwrap()?)
        })
    });
    let job = job.unwrap();
    observe(&job);
    let mut seen = Events::new();
    stage.run_until(&mut seen, |_| job.state().is_done());
    assert_eq!(seen.pop(), Some(Seen::Done(End::Completed)));
    let numbers =
        seen.into_iter().map(|seen| if let Seen::Message(n) = seen { n } else { panic!("{seen:?}") });
    let (others, newest): (Vec<_>, Vec<_>) = numbers.partition(|n| *n >= OTHERS);
    assert_eq!(others, (OTHERS..OTHERS + LAST).collect::<Vec<_>>());
    assert_eq!(newest.last(), Some(&LAST));
    let turned = newest.windows(2).find(|pair| pair[0] >= pair[1]);
    assert_eq!(turned, None, "each is newer than the one before");
}

#[test]
fn a_cancel_wakes_a_task_that_sleeps() {
    let stage = Stage::<Events>::new(1);
    let (begun, has_begun) = channel();
    let job = stage.executor.submit_progress(move |progress: &Progress<'_, u32>| {
        begun.send(()).unwrap();
        Ok(progress.sleep(Duration::MAX)?)
    });
    let job = job.unwrap();
    wait_for(&has_begun);
    job.cancel();
    stage.fence();
    stage.dispatch(&mut Events::new());
    assert_eq!(job.state(), TaskState::Cancelled);
}
