//! The loop, the clock and the waker that users test with, when things go wrong as well.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use foreground::testing::{CountingWaker, RunErrorReason, TestLoop, VirtualClock};
use foreground::{Budget, MessageRouter, RouteUntilError, SendTimeoutError, StartedSender, Waker};

use crate::common::{Census, PATIENCE, PATIENT, timed};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

type Said = Vec<&'static str>;

/// Opens a pipe of words that are said.
fn saying(router: &MessageRouter<Said>) -> StartedSender<&'static str> {
    let (sender, receiver) = router.pipe().unwrap();
    receiver.on_message(|said: &mut Said, word| said.push(word));
    receiver.detach();
    sender.start()
}

#[test]
fn a_loop_that_is_not_woken_says_what_was_queued() {
    let router = MessageRouter::<Said>::new(|| {});
    router.start().unwrap();
    let sender = saying(&router);
    // The wrong waker, so nobody tells the loop.
    let test_loop = TestLoop::driving(&router, CountingWaker::new()).with_patience(10 * MS);
    sender.send("unheard").unwrap();
    let start = Instant::now();
    let error = test_loop.run_until(&mut Said::new(), |said| !said.is_empty()).unwrap_err();
    assert!(start.elapsed() >= 10 * MS);
    assert_eq!(error.reason, RunErrorReason::NotWoken);
    assert_eq!((error.queued, error.open_pipes, error.timers, error.ran.turns), (1, 1, 0, 0));
    let text = error.to_string();
    assert!(text.starts_with("the loop was not woken in time"), "{text}");
    assert!(text.contains("1 messages are queued"), "{text}");
}

#[test]
fn a_wait_that_nobody_can_end_is_given_up_at_once() {
    // The patience would be for ever.
    let test_loop = TestLoop::<Said>::new().with_patience(Duration::MAX);
    let sender = saying(test_loop.router());
    sender.send("last words").unwrap();
    drop(sender);
    let mut said = Said::new();
    test_loop.after(SECOND, |_| {});
    let error = test_loop.run_until(&mut said, |said| said.len() == 2).unwrap_err();
    assert_eq!((error.reason, error.ran.delivered, error.timers), (RunErrorReason::NoSenders, 1, 1));
    assert!(error.to_string().ends_with("(`advance` moves the time)"), "{error}");

    test_loop.router().stop().unwrap();
    let error = test_loop.run_until(&mut said, |said| said.len() == 2).unwrap_err();
    assert_eq!(error.reason, RunErrorReason::NoSenders);
}

#[test]
fn a_wake_from_elsewhere_is_waited_for() {
    let test_loop = TestLoop::<()>::new().with_patience(PATIENCE);
    let waker = test_loop.waker().clone();
    let worker = thread::spawn(move || waker.wake());
    let mut looks = 0;
    test_loop
        .run_until(&mut (), |()| {
            looks += 1;
            looks == 2
        })
        .unwrap();
    worker.join().unwrap();
}

#[test]
fn what_woke_before_the_loop_was_made_is_not_forgotten() {
    let waker = CountingWaker::new();
    let router = MessageRouter::<Said>::new(waker.clone());
    router.start().unwrap();
    saying(&router).send("early").unwrap();
    let test_loop = TestLoop::driving(&router, waker);
    assert!(!test_loop.is_asleep());
    let mut said = Said::new();
    assert!(test_loop.turn(&mut said).woken);
    assert_eq!(said, ["early"]);
}

#[test]
fn the_loop_goes_on_after_a_callback_that_panicked() {
    let test_loop = TestLoop::<Said>::new();
    let (bad, receiver) = test_loop.router().pipe::<()>().unwrap();
    receiver.on_message(|_, ()| panic!("on purpose"));
    let good = saying(test_loop.router());
    test_loop.after(Duration::ZERO, |said| said.push("timer"));
    bad.start().send(()).unwrap();
    good.send("message").unwrap();
    let mut said = Said::new();
    assert!(catch_unwind(AssertUnwindSafe(|| test_loop.turn(&mut said))).is_err());
    assert!(said.is_empty());
    test_loop.run_until_idle(&mut said).unwrap();
    assert_eq!(said, ["message", "timer"]);
    good.send("again").unwrap();
    assert!(!test_loop.is_asleep(), "the loop was settled");
}

#[test]
fn the_loop_goes_on_after_a_timer_that_panicked() {
    let test_loop = TestLoop::<Said>::new();
    test_loop.after(SECOND, |_| panic!("on purpose"));
    test_loop.after(SECOND, |said| said.push("same time"));
    test_loop.after(2 * SECOND, |said| said.push("later"));
    let mut said = Said::new();
    assert!(catch_unwind(AssertUnwindSafe(|| test_loop.advance(&mut said, 2 * SECOND))).is_err());
    assert_eq!((said.len(), test_loop.clock().elapsed()), (0, SECOND));
    test_loop.advance(&mut said, SECOND).unwrap();
    assert_eq!(said, ["same time", "later"]);
}

#[test]
fn timers_run_in_the_order_of_their_times_and_then_of_their_setting() {
    let test_loop = TestLoop::<Said>::new();
    let start = test_loop.clock().now();
    test_loop.after(2 * SECOND, |said| said.push("third"));
    test_loop.after(SECOND, |said| said.push("first"));
    test_loop.at(start + SECOND, |said| said.push("second"));
    test_loop.at(start, |said| said.push("due already"));
    let mut said = Said::new();
    assert_eq!(test_loop.turn(&mut said).timers, 1);
    let ran = test_loop.advance(&mut said, 5 * SECOND).unwrap();
    assert_eq!((ran.timers, ran.turns), (3, 2));
    assert_eq!(said, ["due already", "first", "second", "third"]);
    // The past is now.
    test_loop.at(start, |said| said.push("late"));
    assert_eq!(test_loop.turn(&mut said).timers, 1);
}

#[test]
fn each_timer_finds_the_clock_at_its_time() {
    let test_loop = TestLoop::<Vec<Duration>>::new();
    for seconds in [3, 1, 2] {
        let clock = test_loop.clock().clone();
        test_loop.after(seconds * SECOND, move |seen| seen.push(clock.elapsed()));
    }
    let mut seen = Vec::new();
    test_loop.advance(&mut seen, 10 * SECOND).unwrap();
    assert_eq!(seen, [SECOND, 2 * SECOND, 3 * SECOND]);
    assert_eq!(test_loop.clock().elapsed(), 10 * SECOND);
}

#[test]
fn messages_are_delivered_before_time_passes_and_between_timers() {
    let test_loop = TestLoop::<Vec<(Duration, u32)>>::new();
    let (sender, receiver) = test_loop.router().pipe::<u32>().unwrap();
    let clock = test_loop.clock().clone();
    receiver.on_message(move |seen: &mut Vec<_>, n| seen.push((clock.elapsed(), n)));
    let sender = sender.start();
    sender.send(1).unwrap();
    test_loop.after(SECOND, move |_| sender.send(2).unwrap());
    let clock = test_loop.clock().clone();
    test_loop.after(2 * SECOND, move |seen| seen.push((clock.elapsed(), 3)));
    let mut seen = Vec::new();
    test_loop.advance(&mut seen, 5 * SECOND).unwrap();
    assert_eq!(seen, [(Duration::ZERO, 1), (SECOND, 2), (2 * SECOND, 3)]);
}

#[test]
fn a_timer_that_sets_a_timer_that_is_due_lets_the_loop_turn_first() {
    let test_loop = TestLoop::<Said>::new();
    let timers = test_loop.timers();
    test_loop.after(Duration::ZERO, move |said| {
        said.push("first");
        timers.after(Duration::ZERO, |said| said.push("second"));
    });
    let mut said = Said::new();
    assert_eq!(test_loop.turn(&mut said).timers, 1);
    assert_eq!(said, ["first"]);
    assert!(!test_loop.is_asleep());
    assert_eq!(test_loop.run_until_idle(&mut said).unwrap().turns, 1);
    assert_eq!(said, ["first", "second"]);
}

#[test]
fn a_timer_may_open_and_close_pipes_and_cancel_others() {
    let test_loop = TestLoop::<Said>::new();
    let (old, receiver) = test_loop.router().pipe::<u32>().unwrap();
    let old = old.start();
    let (router, timers) = (test_loop.router().clone(), test_loop.timers());
    let victim = test_loop.after(2 * SECOND, |said| said.push("cancelled"));
    test_loop.after(2 * SECOND, |said| said.push("kept"));
    test_loop.after(SECOND, move |_| {
        router.close_pipe(receiver).unwrap();
        saying(&router).send("from a new pipe").unwrap();
        assert!(timers.cancel(victim));
        assert!(!timers.cancel(victim));
    });
    let mut said = Said::new();
    test_loop.advance(&mut said, 5 * SECOND).unwrap();
    assert_eq!(said, ["from a new pipe", "kept"]);
    assert!(old.is_closed());
}

#[test]
fn two_timers_of_one_time_where_the_first_cancels_the_second() {
    let test_loop = TestLoop::<Said>::new();
    let timers = test_loop.timers();
    let second = Rc::new(std::cell::Cell::new(None));
    let its_id = Rc::clone(&second);
    test_loop.after(SECOND, move |said| {
        said.push("first");
        assert!(timers.cancel(its_id.get().unwrap()));
    });
    second.set(Some(test_loop.after(SECOND, |said| said.push("second"))));
    let mut said = Said::new();
    assert_eq!(test_loop.advance(&mut said, SECOND).unwrap().timers, 1);
    assert_eq!(said, ["first"]);
}

/// Sets a timer that sets itself again, for ever.
fn tick(timers: &foreground::testing::Timers<u64>, every: Duration) {
    let again = timers.clone();
    timers.after(every, move |ticks| {
        *ticks += 1;
        tick(&again, every);
    });
}

#[test]
fn a_timer_that_sets_itself_again_runs_as_often_as_time_allows() {
    let test_loop = TestLoop::<u64>::new();
    tick(&test_loop.timers(), 10 * MS);
    let mut ticks = 0;
    test_loop.advance(&mut ticks, SECOND).unwrap();
    assert_eq!(ticks, 100);
    test_loop.advance(&mut ticks, 9 * MS).unwrap();
    assert_eq!(ticks, 100);
    test_loop.advance(&mut ticks, MS).unwrap();
    assert_eq!(ticks, 101);
}

#[test]
fn a_loop_that_finds_no_rest_is_given_up() {
    let test_loop = TestLoop::<u64>::new().with_patience(10 * MS);
    tick(&test_loop.timers(), MS);
    let error = test_loop.advance(&mut 0, Duration::MAX).unwrap_err();
    assert_eq!(error.reason, RunErrorReason::NeverIdle);
    assert!(error.ran.timers > 0);

    // A message that sends the next; the condition never holds.
    let test_loop = TestLoop::<u64>::new().with_patience(10 * MS);
    let (sender, receiver) = test_loop.router().pipe::<()>().unwrap();
    let sender = sender.start();
    let again = sender.clone();
    receiver.on_message(move |_, ()| again.send(()).unwrap());
    sender.send(()).unwrap();
    let error = test_loop.run_until_idle(&mut 0).unwrap_err();
    assert_eq!(error.reason, RunErrorReason::NeverIdle);
    let error = test_loop.run_until(&mut 0, |_| false).unwrap_err();
    assert_eq!(error.reason, RunErrorReason::NeverIdle);
    test_loop.router().stop().unwrap();
}

#[test]
fn a_loop_without_patience_still_does_what_is_due() {
    let test_loop = TestLoop::<Said>::new().with_patience(Duration::ZERO);
    let sender = saying(test_loop.router());
    sender.send("heard").unwrap();
    let mut said = Said::new();
    assert_eq!(test_loop.run_until(&mut said, |said| !said.is_empty()).unwrap().turns, 1);
    let error = test_loop.run_until(&mut said, |said| said.is_empty()).unwrap_err();
    assert_eq!(error.reason, RunErrorReason::NotWoken);
}

#[test]
fn the_end_of_time_is_reached_without_overflow() {
    let test_loop = TestLoop::<Said>::new();
    test_loop.after(Duration::MAX, |said| said.push("never"));
    test_loop.after(100 * 365 * 24 * 3600 * SECOND, |said| said.push("in a century"));
    let mut said = Said::new();
    test_loop.advance(&mut said, Duration::MAX).unwrap();
    assert_eq!(said, ["in a century"]);
    let end = test_loop.clock().elapsed();
    test_loop.advance(&mut said, Duration::MAX).unwrap();
    test_loop.clock().advance(SECOND);
    assert_eq!(test_loop.clock().elapsed(), end);
    // Messages, and timers of this very moment, still come.
    test_loop.after(Duration::ZERO, |said| said.push("now"));
    saying(test_loop.router()).send("a message").unwrap();
    test_loop.run_until_idle(&mut said).unwrap();
    assert_eq!(said, ["in a century", "a message", "now"]);
    // So does the end of a wait that has one.
    let zero = test_loop.router().route_until(&mut said, |_| false, Duration::ZERO);
    assert_eq!(zero, Err(RouteUntilError::Timeout));
    let beyond = test_loop.router().route_until(&mut said, |_| false, SECOND);
    assert_eq!(beyond, Err(RouteUntilError::NoSenders), "as for any timeout that the clock cannot name");
}

#[test]
fn a_loop_may_be_dropped_before_its_router() {
    let census = Census::default();
    let test_loop = TestLoop::<Said>::new();
    let (router, timers, waker) = (test_loop.router().clone(), test_loop.timers(), test_loop.waker().clone());
    let sender = saying(&router);
    let (member, again) = (census.member(), timers.clone());
    let pending = timers.after(SECOND, move |_| drop((member, again)));
    drop(test_loop);
    assert_eq!(census.alive(), 0, "what is to come goes with the loop");
    assert!(!timers.cancel(pending));

    let member = census.member();
    let dead = timers.after(SECOND, move |_| drop(member));
    assert_eq!(census.alive(), 0);
    assert!(!timers.cancel(dead));

    sender.send("to nobody").unwrap();
    assert_eq!(waker.count(), 1);
    // Another loop takes over.
    let test_loop = TestLoop::driving(&router, waker);
    let mut said = Said::new();
    test_loop.run_until_idle(&mut said).unwrap();
    assert_eq!(said, ["to nobody"]);
}

#[test]
fn a_callback_may_turn_the_loop() {
    let test_loop = Rc::new(TestLoop::<Said>::new());
    let words = saying(test_loop.router());
    let (dialog, receiver) = test_loop.router().pipe::<()>().unwrap();
    let (inner, inner_words) = (Rc::downgrade(&test_loop), words.clone());
    receiver.on_message(move |said: &mut Said, ()| {
        let inner = inner.upgrade().unwrap();
        said.push("dialog opens");
        inner.after(SECOND, |said| said.push("timer"));
        inner_words.send("in the dialog").unwrap();
        // The loop was not settled yet: what is queued waits for a wake that comes with the settling.
        inner.turn(said);
        inner.advance(said, SECOND).unwrap();
        inner.run_until(said, |said| said.contains(&"in the dialog")).unwrap();
        said.push("dialog closes");
    });
    dialog.start().send(()).unwrap();
    words.send("before").unwrap();
    let mut said = Said::new();
    test_loop.run_until_idle(&mut said).unwrap();
    assert_eq!(said, ["dialog opens", "before", "in the dialog", "timer", "dialog closes"]);
    words.send("after").unwrap();
    test_loop.run_until_idle(&mut said).unwrap();
    assert_eq!(said.last(), Some(&"after"));
}

#[test]
fn a_timer_may_let_time_pass() {
    let test_loop = Rc::new(TestLoop::<Said>::new());
    let inner = Rc::downgrade(&test_loop);
    test_loop.after(SECOND, move |said| {
        inner.upgrade().unwrap().advance(said, 5 * SECOND).unwrap();
        said.push("outer");
    });
    test_loop.after(2 * SECOND, |said| said.push("inner"));
    test_loop.after(8 * SECOND, |said| said.push("too late"));
    let mut said = Said::new();
    test_loop.advance(&mut said, 3 * SECOND).unwrap();
    assert_eq!(said, ["inner", "outer"]);
    assert_eq!(test_loop.clock().elapsed(), 6 * SECOND, "time does not go back");
}

#[test]
fn what_the_budget_left_takes_another_turn() {
    let budget = Budget::new(Duration::MAX, 10);
    let test_loop = TestLoop::from_builder(MessageRouter::<u32>::builder().budget(budget).name("tested"));
    assert_eq!(test_loop.router().name(), Some("tested"));
    let (sender, receiver) = test_loop.router().pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    (0..25).for_each(|_| sender.send(1).unwrap());
    let mut sum = 0;
    for (delivered, has_more) in [(10, true), (10, true), (5, false)] {
        let turn = test_loop.turn(&mut sum);
        assert!(turn.woken);
        assert_eq!((turn.dispatched.delivered, turn.dispatched.has_more), (delivered, has_more));
    }
    assert_eq!((test_loop.wakes(), test_loop.is_asleep()), (3, true));
    assert!(!test_loop.turn(&mut sum).woken);
}

#[test]
fn the_builders_clock_is_the_loops() {
    let clock = VirtualClock::new();
    let test_loop = TestLoop::from_builder(MessageRouter::<()>::builder().clock(clock.clone()));
    test_loop.advance(&mut (), SECOND).unwrap();
    assert_eq!(clock.elapsed(), SECOND);
    // So it is for a router that exists.
    let second = TestLoop::driving(test_loop.router(), CountingWaker::new());
    assert_eq!(second.clock().elapsed(), SECOND);
}

#[test]
fn a_sleeping_loop_wakes_when_a_thread_moves_the_clock() {
    let test_loop = TestLoop::<Said>::new().with_patience(PATIENCE);
    let _silent = saying(test_loop.router());
    test_loop.after(3600 * SECOND, |said| said.push("an hour"));
    let clock = test_loop.clock().clone();
    let worker = thread::spawn(move || (0..60).for_each(|_| clock.advance(60 * SECOND)));
    test_loop.run_until(&mut Said::new(), |said| !said.is_empty()).unwrap();
    worker.join().unwrap();
}

#[test]
fn a_parked_router_wakes_when_a_thread_moves_the_clock() {
    let (router, clock) = timed::<Said>(PATIENT);
    let sender = saying(&router);
    // In steps, for the deadline is fixed when the wait begins.
    let worker = thread::spawn(move || {
        while !sender.is_closed() {
            clock.advance(60 * SECOND);
            thread::yield_now();
        }
    });
    let result = router.route_until(&mut Said::new(), |_| false, 3600 * SECOND);
    assert_eq!(result, Err(RouteUntilError::Timeout));
    router.stop().unwrap();
    worker.join().unwrap();
}

#[test]
fn a_parked_router_still_hears_messages_in_virtual_time() {
    let (router, clock) = timed::<Said>(PATIENT);
    let sender = saying(&router);
    let worker = thread::spawn(move || sender.send("heard").unwrap());
    let mut said = Said::new();
    router.route_until(&mut said, |said| !said.is_empty(), 3600 * SECOND).unwrap();
    assert_eq!(clock.elapsed(), Duration::ZERO);
    worker.join().unwrap();
    // Nobody is left who could send, so an hour passes at once.
    let result = router.route_until(&mut said, |_| false, 3600 * SECOND);
    assert_eq!((result, clock.elapsed()), (Err(RouteUntilError::Timeout), 3600 * SECOND));
}

#[test]
fn a_wait_whose_clock_nobody_moves_ends_after_its_real_time() {
    let (router, clock) = timed::<Said>(PATIENT);
    let _silent = saying(&router);
    let start = Instant::now();
    let result = router.route_until(&mut Said::new(), |_| false, 10 * MS);
    assert_eq!(result, Err(RouteUntilError::Timeout));
    assert!(start.elapsed() >= 10 * MS);
    assert_eq!(clock.elapsed(), 10 * MS);
}

#[test]
fn timers_that_a_wait_went_past_run_in_the_next_turn() {
    let test_loop = TestLoop::<Said>::new();
    test_loop.after(SECOND, |said| said.push("timer"));
    let mut said = Said::new();
    let result = test_loop.router().route_until(&mut said, |_| false, 2 * SECOND);
    assert_eq!((result, said.len()), (Err(RouteUntilError::Timeout), 0));
    assert!(!test_loop.is_asleep());
    test_loop.turn(&mut said);
    assert_eq!(said, ["timer"]);
}

#[test]
fn senders_that_wait_keep_to_real_time() {
    let (router, clock) = timed::<Said>(PATIENT);
    let (sender, receiver) = router.bounded_pipe::<&str>(1).unwrap();
    let worker = thread::spawn(move || {
        let sender = sender.start();
        sender.send("room for one").unwrap();
        let start = Instant::now();
        let result = sender.send_timeout("no room", MS);
        (result, start.elapsed())
    });
    let (result, waited) = worker.join().unwrap();
    assert_eq!(result, Err(SendTimeoutError::Timeout("no room")));
    assert!(waited >= MS);
    assert_eq!(clock.elapsed(), Duration::ZERO);
    drop(receiver);
}

#[test]
fn a_clock_and_a_waker_may_be_used_on_any_thread() {
    let (clock, waker) = (VirtualClock::new(), CountingWaker::new());
    thread::scope(|scope| {
        let work = || {
            (0..1_000).for_each(|_| {
                clock.advance(MS);
                waker.wake();
            });
        };
        let workers = [(); 4].map(|()| scope.spawn(work));
        assert!(waker.wait(4_000, PATIENCE).unwrap() >= 4_000);
        // The thread sanitizer does not see that the scope waits.
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    assert_eq!((clock.elapsed(), waker.count()), (4 * SECOND, 4_000));
}

#[test]
fn a_waker_that_waits_in_vain_says_so() {
    let waker = CountingWaker::new();
    assert_eq!(waker.wait(0, Duration::ZERO), Ok(0));
    waker.clone().wake();
    assert_eq!(waker.wait(1, Duration::MAX), Ok(1));
    let error = waker.wait(3, MS).unwrap_err();
    assert_eq!((error.at_least, error.count), (3, 1));
}

#[test]
fn a_wait_without_an_end_is_ended_by_a_wake() {
    let waker = CountingWaker::new();
    thread::scope(|scope| {
        scope.spawn(|| waker.wake());
        assert_eq!(waker.wait(1, Duration::MAX), Ok(1));
    });
}

#[test]
fn what_they_show_is_how_far_they_are() {
    let test_loop = TestLoop::<Said>::default();
    let sender = saying(test_loop.router());
    test_loop.after(SECOND, |_| {});
    sender.send("once").unwrap();
    test_loop.clock().advance(MS);
    let shown = format!("{test_loop:?}");
    for part in ["wakes: 1", "is_asleep: false", "elapsed: 1ms", "timers: 1", "sent: 1"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(format!("{:?}", test_loop.timers()), "Timers { pending: 1 }");
    let waker = CountingWaker::forwarding_to(|| {});
    waker.wake();
    assert_eq!(format!("{waker:?}"), "CountingWaker { count: 1, forwards: true }");
    assert_eq!(format!("{:?}", CountingWaker::new()), "CountingWaker { count: 0, forwards: false }");
}

#[test]
fn a_loop_that_finds_no_rest_says_so() {
    let test_loop = TestLoop::<Said>::new().with_patience(10 * MS);
    let timers = test_loop.timers();
    fn again(timers: foreground::testing::Timers<Said>) {
        let next = timers.clone();
        timers.after(Duration::ZERO, move |_| again(next));
    }
    again(timers);
    let error = test_loop.run_until_idle(&mut Said::new()).unwrap_err();
    assert_eq!(error.reason, RunErrorReason::NeverIdle);
    assert!(error.to_string().starts_with("the loop found no rest in time"), "{error}");
}
