//! Routers in main contexts of glib: several in one, nested loops, contexts and threads that go early.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::event_loop::Shared;
use foreground::event_loop::glib_022::{self, ForeignContextError};
use foreground::{Budget, MessageRouter, MessageRouterBuilder, StartedSender};
use gtk4::glib::translate::FromGlib;
use gtk4::glib::{self, ControlFlow, MainContext, MainLoop, Priority};

type Log = Vec<u32>;

/// Runs a test with a main context of its own.
fn in_context(test: impl FnOnce(&MainContext)) {
    let context = MainContext::new();
    context.with_thread_default(|| test(&context)).expect("nobody else has this context");
}

fn route<S>(builder: MessageRouterBuilder<S>, state: S) -> Result<Shared<S>, ForeignContextError> {
    glib_022::route(builder, |_| Ok(state))
}

/// A router whose state is what it received, and which calls `then` with each message.
fn log(then: impl Fn(&mut Log, u32) + 'static) -> (Shared<Log>, StartedSender<u32>) {
    let shared = route(MessageRouter::builder(), Log::new()).unwrap();
    let (sender, receiver) = shared.router().pipe().unwrap();
    receiver.on_message(move |log: &mut Log, n| {
        log.push(n);
        then(log, n);
    });
    receiver.detach();
    (shared, sender.start())
}

/// Turns the context until nothing is to be done.
fn turn(context: &MainContext) {
    while context.iteration(false) {}
}

#[test]
fn several_routers_share_a_context() {
    in_context(|context| {
        let routed: Vec<_> = (0..3).map(|_| log(|_, _| {})).collect();
        thread::scope(|scope| {
            for (n, (_, sender)) in routed.iter().enumerate() {
                scope.spawn(move || sender.send(n as u32).unwrap());
            }
        });
        turn(context);
        for (n, (shared, _)) in routed.iter().enumerate() {
            assert_eq!(shared.with(|log| log.clone()).unwrap(), [n as u32]);
        }
    });
}

#[test]
fn a_nested_loop_serves_other_routers_and_delivers_the_rest_later() {
    in_context(|context| {
        let main_loop = MainLoop::new(Some(context), false);
        let (other, to_other) = {
            let quit = main_loop.clone();
            log(move |_, _| quit.quit())
        };
        let nested = main_loop.clone();
        let is_in_modal = Rc::new(Cell::new(false));
        let modal = Rc::clone(&is_in_modal);
        let (shared, sender) = log(move |_, n| {
            assert!(!modal.get(), "{n} came while the state was lent");
            if n == 1 {
                modal.set(true);
                to_other.send(7).unwrap();
                nested.run();
                modal.set(false);
            }
        });
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        turn(context);
        assert_eq!(shared.with(|log| log.clone()).unwrap(), [1, 2]);
        assert_eq!(other.with(|log| log.clone()).unwrap(), [7]);
    });
}

#[test]
fn a_nested_loop_in_a_callback_of_the_host_loses_no_wake() {
    in_context(|context| {
        let (shared, sender) = log(|_, _| {});
        let nested = context.clone();
        let clicked = shared.callback(move |log| {
            sender.send(1).unwrap();
            turn(&nested); // the wake leads to nothing
            assert!(log.is_empty());
        });
        clicked();
        turn(context);
        assert_eq!(shared.with(|log| log.clone()).unwrap(), [1]);
    });
}

#[test]
fn a_context_that_went_early_is_harmless() {
    let (shared, sender) = {
        let context = MainContext::new();
        context.with_thread_default(|| log(|_, _| {})).unwrap()
    };
    thread::spawn(move || sender.send(1).unwrap()).join().unwrap();
    let router = shared.router().clone();
    shared
        .with(|log| router.route_until(log, |log| log.len() == 1, Duration::from_secs(20)).unwrap())
        .unwrap();
}

#[test]
fn a_state_that_went_early_is_harmless_also_to_its_workers() {
    in_context(|context| {
        let (shared, sender) = log(|_, _| {});
        sender.send(1).unwrap();
        drop(shared);
        turn(context);
        thread::spawn(move || assert!(sender.send(2).is_err())).join().unwrap();
        turn(context);
    });
}

#[test]
fn a_context_that_another_thread_runs_is_refused() {
    let (owned, is_owned) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    let owner = thread::spawn(move || {
        // The one that threads without a context of their own get; no other test uses it.
        let context = MainContext::default();
        let _guard = context.acquire().unwrap();
        owned.send(()).unwrap();
        // The error says the same: the test is over.
        let _ = is_released.recv();
    });
    is_owned.recv().unwrap();
    let error = route(MessageRouter::builder(), ()).unwrap_err();
    assert!(error.to_string().starts_with("another thread runs"), "{error}");
    drop(release);
    owner.join().unwrap();
}

#[test]
fn idle_functions_have_their_turn_under_a_flood() {
    in_context(|context| {
        let budget = Budget::new(Duration::from_millis(4), 1);
        let shared = route(MessageRouter::builder().budget(budget), 0_u32).unwrap();
        let (sender, receiver) = shared.router().pipe().unwrap();
        let sender = sender.start();
        // Each message sends the next.
        let again = sender.clone();
        receiver.on_message(move |count: &mut u32, ()| {
            *count += 1;
            again.send(()).unwrap();
        });
        sender.send(()).unwrap();
        let idles = Rc::new(Cell::new(0));
        let counted = Rc::clone(&idles);
        let main_loop = MainLoop::new(Some(context), false);
        let quit = main_loop.clone();
        let idle = glib::source::idle_source_new(None, Priority::DEFAULT_IDLE, {
            let counted = glib::thread_guard::ThreadGuard::new(counted);
            move || {
                counted.get_ref().set(counted.get_ref().get() + 1);
                if counted.get_ref().get() < 100 {
                    return ControlFlow::Continue;
                }
                quit.quit();
                ControlFlow::Break
            }
        });
        idle.attach(Some(context));
        main_loop.run();
        assert_eq!(idles.get(), 100);
        let count = shared.with(|count| *count).unwrap();
        assert!((50..200).contains(&count), "{count} messages, where idle functions ran 100 times");
    });
}

#[test]
fn work_of_the_priority_of_drawing_that_never_rests_lets_messages_through() {
    in_context(|context| {
        let main_loop = MainLoop::new(Some(context), false);
        let quit = main_loop.clone();
        let budget = Budget::new(Duration::from_millis(4), 1);
        let shared = route(MessageRouter::builder().budget(budget), 0_u32).unwrap();
        let (sender, receiver) = shared.router().pipe().unwrap();
        receiver.on_message(move |count: &mut u32, ()| {
            *count += 1;
            if *count == 10 {
                quit.quit();
            }
        });
        let drawing = glib::source::idle_source_new(None, Priority::from(120), || {
            thread::yield_now();
            ControlFlow::Continue
        });
        drawing.attach(Some(context));
        let worker = thread::spawn(move || {
            let sender = sender.start();
            (0..10).for_each(|_| sender.send(()).unwrap());
        });
        main_loop.run();
        worker.join().unwrap();
        assert_eq!(shared.with(|count| *count).unwrap(), 10);
        drawing.destroy();
    });
}

/// The number of a context's next source, and with it of all that are attached later.
fn next_number(context: &MainContext) -> u32 {
    let source = glib::source::idle_source_new(None, Priority::LOW, || ControlFlow::Break);
    let number = source.attach(Some(context)).as_raw();
    source.destroy();
    number + 1
}

/// How many of the sources that were attached since are still there.
fn attached_since(context: &MainContext, first: u32) -> usize {
    let is_there = |number: &u32| {
        // SAFETY: it is not zero, which is all that is asked of the number of a source.
        let id = unsafe { glib::SourceId::from_glib(*number) };
        context.find_source_by_id(&id).is_some()
    };
    (first..next_number(context)).filter(is_there).count()
}

/// Runs turns of a flood, of one message each. Returns how many sources are left.
fn sources_after_turns(context: &MainContext, turns: u32) -> usize {
    let main_loop = MainLoop::new(Some(context), false);
    let quit = main_loop.clone();
    let budget = Budget::new(Duration::from_millis(4), 1);
    let shared = route(MessageRouter::builder().budget(budget), 0_u32).unwrap();
    let (sender, receiver) = shared.router().pipe().unwrap();
    let sender = sender.start();
    let again = sender.clone();
    receiver.on_message(move |count: &mut u32, ()| {
        *count += 1;
        again.send(()).unwrap();
        if *count == turns {
            quit.quit();
        }
    });
    let first = next_number(context);
    sender.send(()).unwrap();
    main_loop.run();
    attached_since(context, first)
}

#[test]
fn turns_in_quick_succession_leave_no_timeouts_behind() {
    in_context(|context| {
        let left = sources_after_turns(context, 100);
        assert!(left <= 2, "{left} sources");
    });
}

#[test]
fn a_loop_that_is_never_idle_gathers_no_idle_functions() {
    in_context(|context| {
        let drawing = glib::source::idle_source_new(None, Priority::from(120), || {
            thread::yield_now();
            ControlFlow::Continue
        });
        drawing.attach(Some(context));
        let left = sources_after_turns(context, 10);
        assert!(left <= 2, "{left} sources");
        drawing.destroy();
    });
}
