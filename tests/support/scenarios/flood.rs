//! Under a flood of messages the window goes on redrawing at its pace, and answers the keyboard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::child::{Child, report, worker};
use crate::support::display::{VirtualDisplay, eventually, key};
use crate::support::stage::{App, Event, Host, Integration, Scenario, TITLE, spin, wait_for_rest};

/// How often the window redraws: a reference that does not depend on how fast the loop can turn.
const PACE: Duration = Duration::from_millis(16);
const IDLE_TIME: Duration = Duration::from_millis(1500);
const FLOOD_TIME: Duration = Duration::from_secs(3);
const SENDERS: usize = 2;
/// Keeps memory bounded and the queue full.
const CAPACITY: usize = 4096;
/// The work of one callback.
const WORK: Duration = Duration::from_micros(5);
const KEYS: usize = 7;
/// What the window shows when the flood is over.
const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];
/// What the user would call an answer at once; the router's own share of it is 4 ms.
const PROMPT: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Flood {
    next_frame: Option<Instant>,
    delivered: u64,
    watch: Arc<Watch>,
}

/// What the thread that takes the time sees of the loop, however much the loop is hindered.
#[derive(Default)]
struct Watch {
    redraws: AtomicU64,
    /// Redraws that found messages waiting.
    busy_redraws: AtomicU64,
    /// Counted while the flood lasts, in microseconds.
    longest_gap: AtomicU64,
    is_flooding: AtomicBool,
    last_redraw: std::sync::Mutex<Option<Instant>>,
}

impl Scenario for Flood {
    fn begin(app: &mut App<Self>) {
        let (sender, receiver) = app.router.pipe::<()>().unwrap();
        receiver.on_message(|app: &mut App<Self>, ()| app.play.begin_to_draw());
        receiver.detach();
        let mut floods = Vec::new();
        for _ in 0..SENDERS {
            let (sender, receiver) = app.router.bounded_pipe::<u64>(CAPACITY).unwrap();
            receiver.on_message(|app: &mut App<Self>, _| {
                app.play.delivered += 1;
                spin(WORK);
            });
            receiver.on_end(|app, _| {
                if app.router.stats().open_pipes == 0 {
                    report("delivered", app.play.delivered);
                    app.colour = GREEN; // for the next of the redraws, which go on
                }
            });
            receiver.detach();
            floods.push(sender);
        }

        let (turns, watch) = (Arc::clone(&app.turns), Arc::clone(&app.play.watch));
        worker(move || {
            wait_for_rest(&turns, Duration::from_millis(50));
            sender.start().send(()).unwrap();
            let before = watch.redraws.load(Ordering::Relaxed);
            thread::sleep(IDLE_TIME);
            report("idle_redraws", watch.redraws.load(Ordering::Relaxed) - before);

            watch.is_flooding.store(true, Ordering::Relaxed);
            *watch.last_redraw.lock().unwrap() = Some(Instant::now());
            let mut floods: Vec<_> = floods
                .into_iter()
                .map(|sender| {
                    let watch = Arc::clone(&watch);
                    let sender = sender.start();
                    worker(move || {
                        let mut number = 0;
                        while watch.is_flooding.load(Ordering::Relaxed) {
                            sender.send(number).unwrap();
                            number += 1;
                        }
                    })
                })
                .collect();
            let before = watch.redraws.load(Ordering::Relaxed);
            report("flood", "begins");
            thread::sleep(FLOOD_TIME);
            watch.is_flooding.store(false, Ordering::Relaxed);
            report("flood_redraws", watch.redraws.load(Ordering::Relaxed) - before);
            report("busy_redraws", watch.busy_redraws.load(Ordering::Relaxed));
            report("longest_gap_ms", watch.longest_gap.load(Ordering::Relaxed) / 1000);
            floods.drain(..).for_each(|flood| flood.join().unwrap());
            report("flood", "is over");
        });
    }

    fn on(app: &mut App<Self>, event: Event) {
        match event {
            Event::Redraw => {
                let waiting = app.router.stats().queued > 0;
                app.play.watch.redrawn(waiting);
            }
            Event::AboutToWait => {
                let Some(due) = app.play.next_frame else {
                    return;
                };
                let now = Instant::now();
                if now >= due {
                    app.window().request_redraw();
                    // A frame that was missed is not made up for.
                    app.play.next_frame = Some((due + PACE).max(now));
                }
                app.next_turn = app.play.next_frame;
            }
            Event::KeyPressed => {
                let is_flooding = app.play.watch.is_flooding.load(Ordering::Relaxed);
                report("key", if is_flooding { "in mid-flood" } else { "in peace" });
            }
            Event::CloseRequested => app.leaving = true,
            Event::Woken => {}
        }
    }
}

impl Flood {
    fn begin_to_draw(&mut self) {
        self.next_frame = Some(Instant::now());
    }
}

impl Watch {
    fn redrawn(&self, waiting: bool) {
        self.redraws.fetch_add(1, Ordering::Relaxed);
        if self.is_flooding.load(Ordering::Relaxed) {
            self.busy_redraws.fetch_add(waiting.into(), Ordering::Relaxed);
            let last = self.last_redraw.lock().unwrap().replace(Instant::now());
            let gap = last.map_or(Duration::ZERO, |last| last.elapsed());
            self.longest_gap.fetch_max(gap.as_micros() as u64, Ordering::Relaxed);
        }
    }
}

pub fn child<H: Host>(integration: Integration) {
    H::play(integration, Flood::default());
}

pub fn parent(display: &VirtualDisplay, child: &mut Child) {
    let window = display.find_window(TITLE);
    display.focus(window);
    let idle: f64 = child.wait_for_value("idle_redraws");
    child.wait_for("flood");
    let mut delays: Vec<_> = (0..KEYS)
        .map(|_| {
            let pressed = Instant::now();
            display.press_key(key::SPACE);
            let when = child.wait_for("key");
            let delay = pressed.elapsed();
            assert_eq!(when, "in mid-flood", "the key was answered only after {delay:?}");
            delay
        })
        .collect();
    delays.sort_unstable();
    let median = delays[KEYS / 2];

    let flood: f64 = child.wait_for_value("flood_redraws");
    let busy: f64 = child.wait_for_value("busy_redraws");
    let gap = child.wait_for("longest_gap_ms");
    let delivered: u64 = child.wait_for_value("delivered");
    let idle_rate = idle / IDLE_TIME.as_secs_f64();
    let flood_rate = flood / FLOOD_TIME.as_secs_f64();
    eprintln!(
        "redraws: {idle} in {IDLE_TIME:?} of peace, {flood} in {FLOOD_TIME:?} of flood, longest gap {gap} ms; \
         {delivered} messages; keys answered after {delays:?}"
    );
    assert!(idle_rate > 20.0, "{idle_rate} redraws a second without a flood: a poor reference");
    assert!(flood_rate >= idle_rate / 2.0, "{flood_rate} redraws a second, {idle_rate} without a flood");
    assert!(busy >= flood * 0.8, "only {busy} of {flood} redraws found messages waiting: not a flood");
    assert!(median < PROMPT, "keys were answered after {delays:?}");
    eventually("a green window", || {
        let is_green = |x, y| display.pixel(window, x, y) == Some(GREEN);
        (is_green(20, 20) && is_green(200, 120)).then_some(())
    });
    display.close(window);
}
