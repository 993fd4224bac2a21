//! A message wakes a loop that sleeps, by exactly one wake, and lets it sleep again.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::child::{Child, report, worker};
use crate::support::display::VirtualDisplay;
use crate::support::stage::{App, Event, Host, Integration, Scenario, TITLE, wait_for_rest};

const ROUNDS: u64 = 20;
/// A loop that has not turned for so long sleeps.
const REST: Duration = Duration::from_millis(60);
/// A message that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(10);

struct Idle {
    acknowledge: Sender<Ack>,
    /// When the loop was woken behind the router's back.
    bare_wake_at: Arc<Mutex<Option<Instant>>>,
}

struct Ack {
    latency: Duration,
    wakes: u64,
}

impl Scenario for Idle {
    fn begin(app: &mut App<Self>) {
        let (sender, receiver) = app.router.pipe::<Instant>().unwrap();
        receiver.on_message(|app: &mut App<Self>, sent| app.acknowledge(sent));
        receiver.on_end(|app, _| app.leaving = true);
        receiver.detach();

        let (acknowledge, acks) = mpsc::channel();
        app.play.acknowledge = acknowledge;
        let (turns, bare_wake) = (Arc::clone(&app.turns), Arc::clone(&app.bare_wake));
        let bare_wake_at = Arc::clone(&app.play.bare_wake_at);
        worker(move || {
            let sender = sender.start();
            let (mut latencies, mut bare_latencies, mut turns_awake) = (Vec::new(), Vec::new(), 0);
            for round in 1..=ROUNDS {
                let turns_before = wait_for_rest(&turns, REST);
                sender.send(Instant::now()).unwrap();
                let ack = acks.recv_timeout(PATIENCE).expect("a message wakes the loop");
                assert_eq!(ack.wakes, round, "each message wakes once, and nothing else does");
                latencies.push(ack.latency);

                let turns_after = wait_for_rest(&turns, REST);
                turns_awake += turns_after - turns_before;
                *bare_wake_at.lock().unwrap() = Some(Instant::now());
                bare_wake();
                let ack = acks.recv_timeout(PATIENCE).expect("the loop wakes");
                assert_eq!(ack.wakes, round, "the router has no reason to wake");
                bare_latencies.push(ack.latency);
            }
            report("turns_awake", turns_awake);
            report("latency_us", median(latencies).as_micros());
            report("bare_latency_us", median(bare_latencies).as_micros());
        });
    }

    fn on(app: &mut App<Self>, event: Event) {
        if event == Event::Woken {
            let sent = app.play.bare_wake_at.lock().unwrap().take();
            if let Some(sent) = sent {
                app.acknowledge(sent);
            }
        }
    }
}

impl App<Idle> {
    fn acknowledge(&self, sent: Instant) {
        let ack = Ack { latency: sent.elapsed(), wakes: self.router.stats().wakes };
        self.play.acknowledge.send(ack).expect("the worker waits for it");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

pub fn child<H: Host>(integration: Integration) {
    let play = Idle { acknowledge: mpsc::channel().0, bare_wake_at: Arc::default() };
    let (router, _) = H::play(integration, play);
    let stats = router.stats();
    report("delivered", stats.delivered);
    report("wakes", stats.wakes);
}

pub fn parent(display: &VirtualDisplay, child: &mut Child) {
    display.find_window(TITLE);
    let turns: u64 = child.wait_for_value("turns_awake");
    let latency = child.wait_for("latency_us");
    let bare_latency = child.wait_for("bare_latency_us");
    eprintln!("{turns} turns for {ROUNDS} messages; {latency} us a message, {bare_latency} us a bare wake");
    assert_eq!(child.wait_for_value::<u64>("delivered"), ROUNDS);
    // One a message, and one for the pipe's end.
    assert_eq!(child.wait_for_value::<u64>("wakes"), ROUNDS + 1);
    // A turn each, unless the X server has something to tell as well.
    assert!(turns <= 4 * ROUNDS, "{turns} turns for {ROUNDS} messages");
}
