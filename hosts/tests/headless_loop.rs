//! What the loop without a window does besides what all loops do: its timers, interrupts from inside, nested runs.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use foreground::event_loop::headless::{Headless, RunError};
use foreground::{Budget, MessageRouter};

type Log = Vec<&'static str>;

const SOON: Duration = Duration::from_millis(1);

fn headless<S: 'static>() -> Headless<S> {
    Headless::new(MessageRouter::builder())
}

#[test]
fn a_condition_that_holds_runs_nothing() {
    let headless = headless::<Log>();
    headless.after(Duration::ZERO, |log| log.push("timer"));
    let mut log = Log::new();
    assert_eq!(headless.run(&mut log, |_| true), Ok(()));
    assert_eq!(log, Log::new());
    assert_eq!(headless.run(&mut log, |log| log.len() == 1), Ok(()));
}

#[test]
fn timers_come_in_the_order_in_which_they_are_due_and_then_in_that_of_their_making() {
    let headless = headless::<Log>();
    headless.after(20 * SOON, |log| log.push("last"));
    headless.after(Duration::ZERO, |log| log.push("first"));
    headless.after(Duration::ZERO, |log| log.push("second"));
    headless.after(10 * SOON, |log| log.push("third"));
    let mut log = Log::new();
    headless.run(&mut log, |log| log.len() == 4).unwrap();
    assert_eq!(log, ["first", "second", "third", "last"]);
}

#[test]
fn a_timer_is_not_early() {
    let headless = headless::<bool>();
    let (begin, delay) = (Instant::now(), Duration::from_millis(50));
    headless.after(delay, |is_done| *is_done = true);
    headless.run(&mut false, |is_done| *is_done).unwrap();
    assert!(begin.elapsed() >= delay);
}

#[test]
fn a_timer_that_begets_a_timer_starves_neither_messages_nor_the_condition() {
    fn again(headless: &Headless<u32>) {
        let here = headless.clone();
        headless.after(Duration::ZERO, move |_| again(&here));
    }
    let headless = headless::<u32>();
    again(&headless);
    headless.every(Duration::ZERO, |_| {});
    let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let worker = thread::spawn(move || {
        let sender = sender.start();
        (1..=1000).for_each(|n| sender.send(n).unwrap());
    });
    assert_eq!(headless.run(&mut 0, |last| *last == 1000), Ok(()));
    worker.join().unwrap();
}

#[test]
fn a_timer_can_be_cancelled_before_its_time_in_it_and_never_again() {
    let headless = headless::<u32>();
    let never = headless.after(SOON, |_| panic!("it was cancelled"));
    assert!(headless.cancel(never));
    assert!(!headless.cancel(never));
    let once = headless.after(SOON, |ticks| *ticks += 10);

    let (name, here) = (Rc::new(Cell::new(None)), headless.clone());
    let own = Rc::clone(&name);
    let each = headless.every(SOON, move |ticks: &mut u32| {
        *ticks += 1;
        if *ticks > 12 {
            assert!(here.cancel(own.get().unwrap()));
            assert!(!here.cancel(own.get().unwrap()));
        }
    });
    name.set(Some(each));
    let mut ticks = 0;
    assert_eq!(headless.run(&mut ticks, |_| false), Err(RunError::NothingLeft));
    assert_eq!(ticks, 13);
    assert!(!headless.cancel(once) && !headless.cancel(each));
}

#[test]
fn a_name_of_a_timer_means_nothing_to_another_loop() {
    let (one, other) = (headless::<()>(), headless::<()>());
    let timer = one.after(SOON, |()| {});
    other.after(SOON, |()| {});
    assert!(!other.cancel(timer));
    assert!(one.cancel(timer));
}

#[test]
fn ticks_that_were_missed_do_not_come_in_a_burst() {
    let headless = headless::<Vec<Instant>>();
    headless.every(10 * SOON, |ticks| {
        ticks.push(Instant::now());
        if ticks.len() == 1 {
            // What blocks the loop is what this is about.
            thread::sleep(Duration::from_millis(100));
        }
    });
    let mut ticks = Vec::new();
    headless.run(&mut ticks, |ticks| ticks.len() == 3).unwrap();
    assert!(ticks[1] - ticks[0] >= Duration::from_millis(100));
    assert!(ticks[2] - ticks[1] >= Duration::from_millis(5), "{ticks:?}");
}

#[test]
fn a_delay_beyond_all_clocks_never_passes() {
    let headless = headless::<()>();
    let timer = headless.after(Duration::MAX, |()| panic!("the end of time"));
    headless.every(Duration::MAX, |()| panic!("the end of time"));
    assert_eq!(headless.run(&mut (), |()| false), Err(RunError::NothingLeft));
    assert!(!headless.cancel(timer));
}

#[test]
fn with_nothing_left_the_loop_says_so_and_does_not_hang() {
    let headless = headless::<u32>();
    assert_eq!(headless.run(&mut 0, |_| false), Err(RunError::NothingLeft));
    let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    thread::spawn(move || sender.start().send(1));
    let mut sum = 0;
    assert_eq!(headless.run(&mut sum, |_| false), Err(RunError::NothingLeft));
    assert_eq!(sum, 1);
    headless.router().stop().unwrap();
    assert_eq!(headless.run(&mut sum, |_| false), Err(RunError::NothingLeft));
}

#[test]
fn what_an_ended_pipe_has_left_is_something_left() {
    let headless = Headless::new(MessageRouter::builder().budget(Budget::new(Duration::MAX, 2)));
    let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    let sender = sender.start();
    (0..5).for_each(|_| sender.send(1).unwrap());
    drop(sender);
    // Nobody takes the messages before the pipe has come to its end.
    headless.after(SOON, move |_| {
        receiver.on_message(|sum, n| *sum += n);
        receiver.detach();
    });
    let mut sum = 0;
    assert_eq!(headless.run(&mut sum, |sum| *sum == 5), Ok(()));
    assert_eq!(headless.run(&mut sum, |_| false), Err(RunError::NothingLeft));
}

#[test]
fn an_interrupt_ends_the_run_and_the_next_one_goes_on() {
    let headless = headless::<u32>();
    let interrupter = headless.interrupter();
    interrupter.interrupt();
    interrupter.clone().interrupt();
    assert_eq!(headless.run(&mut 0, |_| false), Err(RunError::Interrupted));
    headless.after(SOON, |n| *n = 1);
    assert_eq!(headless.run(&mut 0, |n| *n == 1), Ok(()));
    thread::spawn(move || interrupter.interrupt());
    assert_eq!(headless.run(&mut 0, |_| false), Err(RunError::Interrupted));
}

#[test]
fn an_interrupt_comes_through_under_a_flood_and_so_do_timers() {
    let headless = headless::<u64>();
    let (sender, receiver) = headless.router().bounded_pipe::<()>(1024).unwrap();
    receiver.on_message(|count, ()| {
        *count += 1;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(20) {}
    });
    let flood = thread::spawn(move || {
        let sender = sender.start();
        while sender.send(()).is_ok() {}
    });
    let interrupter = headless.interrupter();
    headless.after(20 * SOON, move |_| interrupter.interrupt());
    assert_eq!(headless.run(&mut 0, |_| false), Err(RunError::Interrupted));
    drop(receiver);
    flood.join().unwrap();
}

#[test]
fn a_callback_for_interrupts_may_replace_itself() {
    let headless = headless::<Log>();
    let (here, interrupter) = (headless.clone(), headless.interrupter());
    headless.on_interrupt(move |log| {
        log.push("first");
        here.on_interrupt(|log| log.push("second"));
        interrupter.interrupt();
    });
    headless.interrupter().interrupt();
    let mut log = Log::new();
    headless.run(&mut log, |log| log.len() == 2).unwrap();
    assert_eq!(log, ["first", "second"]);
}

/// Sets a callback when it goes.
struct Successor(Headless<Log>);

impl Drop for Successor {
    fn drop(&mut self) {
        self.0.on_interrupt(|log| log.push("third"));
    }
}

#[test]
fn nothing_is_borrowed_while_a_replaced_callback_for_interrupts_is_dropped() {
    let headless = headless::<Log>();
    let (here, successor) = (headless.clone(), Successor(headless.clone()));
    headless.on_interrupt(move |log| {
        let _ = &successor;
        log.push("first");
        here.on_interrupt(|log| log.push("second"));
    });
    let (mut log, interrupter) = (Log::new(), headless.interrupter());
    for count in 1..=2 {
        interrupter.interrupt();
        headless.run(&mut log, |log| log.len() == count).unwrap();
    }
    assert_eq!(log, ["first", "third"]);
}

#[test]
fn an_interrupt_in_a_nested_run_of_its_callback_waits_for_it() {
    let headless = headless::<Log>();
    let (here, interrupter) = (headless.clone(), headless.interrupter());
    headless.on_interrupt(move |log| {
        log.push("begin");
        if log.len() == 1 {
            interrupter.interrupt();
            here.after(5 * SOON, |log| log.push("timer"));
            here.run(log, |log| log.len() == 2).unwrap();
        }
        log.push("end");
    });
    headless.interrupter().interrupt();
    let mut log = Log::new();
    headless.run(&mut log, |log| log.len() == 5).unwrap();
    assert_eq!(log, ["begin", "timer", "end", "begin", "end"]);
}

#[test]
fn a_callback_may_run_the_loop() {
    let headless = headless::<Log>();
    let (sender, receiver) = headless.router().pipe::<&str>().unwrap();
    receiver.on_message(|log: &mut Log, text| log.push(text));
    let here = headless.clone();
    headless.after(Duration::ZERO, move |log| {
        log.push("dialogue opens");
        thread::spawn(move || sender.start().send("message"));
        here.run(log, |log| log.len() == 2).unwrap();
        log.push("dialogue closes");
    });
    let mut log = Log::new();
    headless.run(&mut log, |log| log.len() == 3).unwrap();
    assert_eq!(log, ["dialogue opens", "message", "dialogue closes"]);
}

#[test]
fn what_panics_is_dropped_and_the_rest_goes_on() {
    let headless = headless::<u32>();
    let each = headless.every(SOON, |_| panic!("on purpose"));
    let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let mut last = 0;
    let result = catch_unwind(AssertUnwindSafe(|| headless.run(&mut last, |_| false)));
    assert!(result.is_err());
    assert!(!headless.cancel(each));

    headless.on_interrupt(|_| panic!("on purpose"));
    let interrupter = headless.interrupter();
    interrupter.interrupt();
    assert!(catch_unwind(AssertUnwindSafe(|| headless.run(&mut last, |_| false))).is_err());
    interrupter.interrupt();
    assert_eq!(headless.run(&mut last, |_| false), Err(RunError::Interrupted));

    thread::spawn(move || sender.start().send(7));
    assert_eq!(headless.run(&mut last, |last| *last == 7), Ok(()));
}

/// std's channels park the thread too, and may take the token of a wake for theirs.
#[test]
fn a_callback_that_parks_takes_no_wake_away() {
    let headless = headless::<u32>();
    let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let (ask, asked) = mpsc::channel();
    let (reply, replied) = mpsc::channel();
    let worker = thread::spawn(move || {
        let sender = sender.start();
        for n in asked {
            sender.send(n).unwrap();
            reply.send(()).unwrap();
        }
    });
    let sent = Rc::new(Cell::new(0));
    let next = Rc::clone(&sent);
    // The condition is looked at when the router may be asleep: the message's wake comes while it waits.
    let is_done = move |last: &mut u32| {
        if *last == next.get() && *last < 200 {
            next.set(*last + 1);
            ask.send(next.get()).unwrap();
            replied.recv().unwrap();
        }
        *last == 200
    };
    headless.run(&mut 0, is_done).unwrap();
    worker.join().unwrap();
}

#[test]
fn what_is_sent_after_the_loop_was_left_is_there_for_route_until() {
    let headless = headless::<u32>();
    let (sender, receiver) = headless.router().pipe::<u32>().unwrap();
    receiver.on_message(|sum, n| *sum += n);
    let sender = sender.start();
    headless.after(Duration::ZERO, |sum| *sum += 1);
    let mut sum = 0;
    headless.run(&mut sum, |sum| *sum == 1).unwrap();
    sender.send(10).unwrap();
    let router = headless.router().clone();
    drop(headless);
    sender.send(100).unwrap();
    router.route_until(&mut sum, |sum| *sum == 111, Duration::from_secs(20)).unwrap();
}
