//! A window that nobody sees still receives: hidden by itself, unmapped from outside, or minimised.

use std::sync::Arc;
use std::time::Duration;

use foreground::StartedSender;

use crate::support::child::{Child, listen, report, worker};
use crate::support::display::VirtualDisplay;
use crate::support::stage::{App, Event, Host, Integration, Scenario, TITLE, wait_for_rest};

const BATCH: u32 = 5000;

#[derive(Default)]
struct Hidden {
    received: u32,
}

impl Scenario for Hidden {
    fn begin(app: &mut App<Self>) {
        let (numbers, receiver) = app.router.pipe::<u32>().unwrap();
        receiver.on_message(|app: &mut App<Self>, number| {
            assert_eq!(number, app.play.received % BATCH, "in order");
            app.play.received += 1;
            if number == BATCH - 1 {
                report("received", app.play.received);
            }
        });
        receiver.detach();
        let numbers = numbers.start();

        // The commands themselves reach a hidden window by the router.
        let (sender, receiver) = app.router.pipe::<String>().unwrap();
        receiver.on_message(move |app: &mut App<Self>, command| match command.as_str() {
            "hide" => app.window().set_visible(false),
            "show" => app.window().set_visible(true),
            "minimize" => app.window().minimize(),
            "send" => app.send_from_a_worker(numbers.clone()),
            "leave" => app.leaving = true,
            _ => panic!("the command {command:?} is not known"),
        });
        receiver.detach();
        listen(sender);
    }

    fn on(app: &mut App<Self>, event: Event) {
        if event == Event::CloseRequested {
            app.leaving = true;
        }
    }
}

impl App<Hidden> {
    fn send_from_a_worker(&self, numbers: StartedSender<u32>) {
        let turns = Arc::clone(&self.turns);
        worker(move || {
            // The loop is to be asleep, and in the middle of things too.
            wait_for_rest(&turns, Duration::from_millis(50));
            numbers.send(0).unwrap();
            wait_for_rest(&turns, Duration::from_millis(50));
            (1..BATCH).for_each(|number| numbers.send(number).unwrap());
        });
    }
}

pub fn child<H: Host>(integration: Integration) {
    let (router, app) = H::play(integration, Hidden::default());
    report("received_in_all", app.play.received);
    assert_eq!(router.stats().queued, 0);
}

pub fn parent(display: &VirtualDisplay, child: &mut Child) {
    let window = display.find_window(TITLE);
    let mut received = 0;
    let mut check = |child: &mut Child, how: &str| {
        child.tell("send");
        received += BATCH;
        assert_eq!(child.wait_for_value::<u32>("received"), received, "{how}");
    };
    check(child, "shown");

    child.tell("hide");
    display.wait_until_viewable(window, false);
    check(child, "hidden by itself");
    assert!(!display.is_viewable(window), "messages do not bring a hidden window back");
    child.tell("show");
    display.wait_until_viewable(window, true);
    check(child, "shown again");

    display.unmap(window);
    display.wait_until_viewable(window, false);
    check(child, "unmapped from outside");
    display.map(window);
    display.wait_until_viewable(window, true);

    child.tell("minimize");
    display.minimize_on_request(window);
    display.wait_until_viewable(window, false);
    check(child, "minimised");
    display.restore(window);
    display.wait_until_viewable(window, true);
    check(child, "restored");

    child.tell("leave");
    assert_eq!(child.wait_for_value::<u32>("received_in_all"), received);
}
