//! `Shared`: a state that closures share, whatever nests in what.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use foreground::event_loop::{Shared, WeakShared};
use foreground::testing::CountingWaker;
use foreground::{Budget, MessageRouter, StartedSender};

use crate::common::PATIENT;

type Log = Vec<u32>;

/// A state, what counts its wakes, and a sender to it.
fn shared() -> (Shared<Log>, CountingWaker, StartedSender<u32>) {
    shared_within(PATIENT)
}

fn shared_within(budget: Budget) -> (Shared<Log>, CountingWaker, StartedSender<u32>) {
    let waker = CountingWaker::new();
    let router = MessageRouter::builder().budget(budget).build(waker.clone());
    router.start().unwrap();
    let (sender, receiver) = router.pipe::<u32>().unwrap();
    receiver.on_message(|log: &mut Log, n| log.push(n));
    receiver.detach();
    (Shared::new(router, Log::new()), waker, sender.start())
}

fn log(shared: &Shared<Log>) -> Log {
    shared.with(|log| log.clone()).unwrap()
}

#[test]
fn a_turn_delivers_within_the_budget_and_settles() {
    let (shared, waker, sender) = shared_within(Budget::new(PATIENT.time(), 2));
    for n in 0..3 {
        sender.send(n).unwrap();
    }
    assert_eq!(waker.count(), 1);
    assert_eq!((shared.turn().delivered, waker.count()), (2, 2));
    assert_eq!((shared.turn().delivered, waker.count()), (1, 2));
    sender.send(3).unwrap();
    assert_eq!(waker.count(), 3);
    shared.turn();
    assert_eq!(log(&shared), [0, 1, 2, 3]);
}

#[test]
fn a_turn_in_a_nested_loop_delivers_nothing_and_the_loop_is_woken_for_it_afterwards() {
    let (shared, waker, sender) = shared();
    let nested = shared.clone();
    shared
        .with(|log| {
            sender.send(1).unwrap();
            assert_eq!(waker.count(), 1);
            for _ in 0..3 {
                assert_eq!(nested.turn().delivered, 0);
            }
            assert_eq!((log.len(), waker.count()), (0, 1));
        })
        .unwrap();
    assert_eq!(waker.count(), 2, "the wake of the message was used up by the nested turns");
    shared.turn();
    assert_eq!(log(&shared), [1]);
    assert_eq!(waker.count(), 2);
}

#[test]
fn a_turn_in_a_callback_of_the_router_delivers_nothing_and_keeps_the_order() {
    let (shared, waker, sender) = shared();
    let (outer, receiver) = shared.router().pipe::<u32>().unwrap();
    let (nested, inner) = (shared.downgrade(), sender.clone());
    receiver.on_message(move |log: &mut Log, n| {
        inner.send(n + 1).unwrap();
        // A modal dialogue, say.
        assert_eq!(nested.upgrade().unwrap().turn().delivered, 0);
        log.push(n);
    });
    outer.start().send(10).unwrap();
    sender.send(1).unwrap();
    shared.turn();
    assert_eq!(log(&shared), [10, 1, 11]);
    // The nested turn may have been for more than what came.
    assert_eq!(waker.count(), 2);
    shared.turn();
    sender.send(2).unwrap();
    assert_eq!(waker.count(), 3);
}

#[test]
fn what_is_deferred_comes_in_order_once_the_state_is_free() {
    let (shared, _, _) = shared();
    let weak = shared.downgrade();
    let push = move |weak: &WeakShared<Log>, n| weak.defer(move |log| log.push(n));
    shared
        .with(|log| {
            push(&weak, 2);
            let again = weak.clone();
            weak.defer(move |log| {
                log.push(3);
                push(&again, 5);
                log.push(4);
            });
            log.push(1);
        })
        .unwrap();
    push(&weak, 6);
    assert_eq!(log(&shared), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn callbacks_of_the_host_wait_while_messages_are_delivered() {
    let (shared, _, sender) = shared();
    let (other, receiver) = shared.router().pipe::<()>().unwrap();
    let clicked = shared.callback(|log| log.push(100));
    receiver.on_message(move |log: &mut Log, ()| {
        clicked();
        clicked.clone()();
        log.push(0);
    });
    other.start().send(()).unwrap();
    sender.send(1).unwrap();
    shared.turn();
    assert_eq!(log(&shared), [0, 1, 100, 100]);
}

#[test]
fn the_state_is_never_lent_twice() {
    let (shared, _, _) = shared();
    let inner = shared.clone();
    let error = shared.with(|_| inner.with(|_| ())).unwrap().unwrap_err();
    assert!(error.to_string().contains("in the hands of a callback"), "{error}");
    let inner = shared.clone();
    shared.downgrade().defer(move |_| assert!(inner.with(|_| ()).is_err()));
    assert!(shared.with(|_| ()).is_ok());
    assert!(format!("{shared:?}").contains("is_lent: false"));
}

#[test]
fn a_panic_in_with_leaves_the_state_usable_and_what_was_deferred_wakes_the_loop() {
    let (shared, waker, sender) = shared();
    let weak = shared.downgrade();
    let result = catch_unwind(AssertUnwindSafe(|| {
        shared.with(|log| {
            log.push(1);
            weak.defer(|log| log.push(2));
            panic!("on purpose");
        })
    }));
    assert!(result.is_err());
    assert_eq!(waker.count(), 1, "nobody else would come for what was deferred");
    sender.send(3).unwrap();
    shared.turn();
    assert_eq!(log(&shared), [1, 3, 2]);
}

#[test]
fn a_turn_that_was_missed_survives_a_panic() {
    let (shared, waker, sender) = shared();
    let nested = shared.clone();
    let result = catch_unwind(AssertUnwindSafe(|| {
        shared.with(|_| {
            sender.send(1).unwrap();
            nested.turn();
            panic!("on purpose");
        })
    }));
    assert!(result.is_err());
    assert_eq!(waker.count(), 2);
    shared.turn();
    assert_eq!(log(&shared), [1]);
}

#[test]
fn a_panic_in_what_was_deferred_loses_neither_the_rest_nor_a_turn() {
    let (shared, waker, sender) = shared();
    let (weak, nested) = (shared.downgrade(), shared.clone());
    let result = catch_unwind(AssertUnwindSafe(|| {
        shared.with(|_| {
            sender.send(1).unwrap();
            nested.turn();
            weak.defer(|_| panic!("on purpose"));
            weak.defer(|log| log.push(2));
        })
    }));
    assert!(result.is_err());
    assert_eq!(waker.count(), 2, "the message's wake was used up, and nobody else would come");
    shared.turn();
    assert_eq!(log(&shared), [1, 2]);
}

#[test]
fn a_panic_in_a_callback_of_the_router_leaves_it_settled() {
    let (shared, waker, sender) = shared();
    let (bad, receiver) = shared.router().pipe::<()>().unwrap();
    receiver.on_message(|_, ()| panic!("on purpose"));
    bad.start().send(()).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| shared.turn())).is_err());
    assert_eq!(waker.count(), 1);
    sender.send(1).unwrap();
    assert_eq!(waker.count(), 2);
    shared.turn();
    assert_eq!(log(&shared), [1]);
}

/// Tells whether it is still there.
struct Kept(Rc<Cell<bool>>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[test]
fn closures_of_the_host_do_not_keep_the_state() {
    type Widgets = RefCell<Vec<Box<dyn Fn()>>>;
    struct App {
        // The application keeps its widgets, which keep their closures.
        widgets: Widgets,
        clicks: Rc<Cell<u32>>,
        _kept: Kept,
    }
    let (is_there, clicks) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(0)));
    let router = MessageRouter::new(|| {});
    let app =
        App { widgets: Widgets::default(), clicks: Rc::clone(&clicks), _kept: Kept(Rc::clone(&is_there)) };
    let shared = Shared::new(router, app);
    let clicked = shared.callback(|app| app.clicks.set(app.clicks.get() + 1));
    let of_widget = clicked.clone();
    shared.with(|app| app.widgets.borrow_mut().push(Box::new(of_widget))).unwrap();
    clicked();
    let weak = shared.downgrade();
    drop(shared);
    assert!(!is_there.get(), "the state is kept by its own closures");
    clicked();
    weak.defer(|_| panic!("there is nothing to lend"));
    assert!(weak.upgrade().is_none());
    assert_eq!(clicks.get(), 1);
}

#[test]
fn the_last_handle_may_go_while_the_state_is_lent() {
    let (shared, _, _) = shared();
    let (weak, slot) = (shared.downgrade(), Rc::new(RefCell::new(Some(shared))));
    let inner = Rc::clone(&slot);
    weak.defer(move |log| {
        drop(inner.take());
        log.push(1);
    });
    assert!(slot.borrow().is_none() && weak.upgrade().is_none());
}

#[test]
fn it_comes_apart_for_the_last_handle_only() {
    let (shared, _, sender) = shared();
    let weak = shared.downgrade();
    let shared = {
        let _other = shared.clone();
        shared.into_parts().expect_err("there is another handle")
    };
    let (router, mut log) = shared.into_parts().expect("there is no other handle");
    assert!(weak.upgrade().is_none());
    sender.send(1).unwrap();
    router.dispatch(&mut log);
    assert_eq!(log, [1]);
}
