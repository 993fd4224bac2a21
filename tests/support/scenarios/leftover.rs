//! Wakes that come too late are harmless: when the router has stopped, when it is routed by hand, and when
//! the loop is gone. A router that starts again in the same loop is woken as before.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::{PipeEnd, RouteUntilError, SendError, StartedSender};

use crate::support::child::{Child, report, worker};
use crate::support::display::VirtualDisplay;
use crate::support::stage::{App, Event, Host, Integration, Scenario, wait_for_rest};

const REST: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Leftover {
    received: Vec<u32>,
    end: Option<PipeEnd>,
    /// Outlives the loop.
    sender: Option<StartedSender<u32>>,
}

impl Scenario for Leftover {
    fn begin(app: &mut App<Self>) {
        // This wakes the loop, which finds the router stopped and started again, and nothing to do.
        let orphan = app.open();
        orphan.send(0).unwrap();
        app.router.stop().unwrap();
        assert_eq!(orphan.send(1), Err(SendError::Closed(1)));
        app.router.start().unwrap();
        assert_eq!(orphan.send(2), Err(SendError::Closed(2)), "a new start does not open old pipes");

        let sender = app.open();
        app.play.sender = Some(sender.clone());
        let turns = Arc::clone(&app.turns);
        worker(move || {
            for number in 10..15 {
                wait_for_rest(&turns, REST);
                sender.send(number).unwrap();
            }
        });
    }

    fn on(app: &mut App<Self>, event: Event) {
        if event == Event::AboutToWait && app.play.received.last() == Some(&14) {
            app.leaving = true;
        }
    }
}

impl App<Leftover> {
    fn open(&self) -> StartedSender<u32> {
        let (sender, receiver) = self.router.pipe::<u32>().unwrap();
        receiver.on_message(|app: &mut Self, number| app.play.received.push(number));
        receiver.on_end(|app, end| app.play.end = Some(end));
        receiver.detach();
        sender.start()
    }
}

/// Sends from another thread, which is where wakes come from.
fn send_from_elsewhere(sender: &StartedSender<u32>, number: u32) -> Result<(), SendError<u32>> {
    thread::scope(|scope| scope.spawn(|| sender.send(number)).join().unwrap())
}

pub fn child<H: Host>(integration: Integration) {
    let (router, mut app) = H::play(integration, Leftover::default());
    assert_eq!(app.play.received, [10, 11, 12, 13, 14]);
    let sender = app.play.sender.take().unwrap();

    // The loop is gone; the router runs on, and its wake goes nowhere.
    app.router.settle();
    let wakes = router.stats().wakes;
    send_from_elsewhere(&sender, 20).unwrap();
    assert_eq!(router.stats().wakes, wakes + 1, "the router cannot know that the loop is gone");
    (app.bare_wake)();
    assert_eq!(app.play.received.last(), Some(&14));
    router.route_until(&mut app, |app| app.play.received.last() == Some(&20), None).unwrap();

    // By hand, it does not even try; what is sent waits for the next time.
    send_from_elsewhere(&sender, 21).unwrap();
    assert_eq!(router.dispatch(&mut app).delivered, 0);
    router.settle();
    let late = router.route_until(&mut app, |_| false, Duration::ZERO);
    assert_eq!(late, Err(RouteUntilError::Timeout));
    assert_eq!(app.play.received.last(), Some(&21));

    // A thread that sends while this one waits.
    let (ready, go) = mpsc::channel();
    let last = worker(move || {
        go.recv().unwrap();
        sender.send(22).unwrap();
        sender.stop();
    });
    ready.send(()).unwrap();
    router.route_until(&mut app, |app| app.play.end.is_some(), None).unwrap();
    last.join().unwrap();
    assert_eq!(app.play.received.last(), Some(&22));
    assert_eq!(app.play.end, Some(PipeEnd::Stopped));

    router.stop().unwrap();
    (app.bare_wake)();
    router.start().unwrap();
    let sender = app.open();
    let wakes = router.stats().wakes;
    send_from_elsewhere(&sender, 30).unwrap();
    assert_eq!(router.stats().wakes, wakes + 1, "a new start wakes the loop again");
    assert_eq!(router.dispatch(&mut app).delivered, 1, "a started router is dispatched by any loop");
    router.settle();
    drop(router);
    drop(app);
    assert_eq!(send_from_elsewhere(&sender, 31), Err(SendError::Closed(31)));
    report("leftovers", "harmless");
}

pub fn parent(_: &VirtualDisplay, child: &mut Child) {
    assert_eq!(child.wait_for("leftovers"), "harmless");
}
