//! Work in the background: calls, reports, and cancelling.

use std::hint::black_box;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use foreground::tasks::Progress;

use super::latency::REST;
use super::memory::live_bytes;
use super::throughput::sum;
use super::{Figure, Size};
use crate::app::{App, Message, Stamp, Value, Words, callback};
use crate::peers::{Executor, Outcome, Tasks};

const WORKERS: usize = 2;

/// How many calls are under way at once.
const BATCH: u64 = 1_000;

/// Set when calls are cancelled whose executor cannot do that. Static, so that those who need it not do not own a
/// share of it.
static IS_CANCELLED: AtomicBool = AtomicBool::new(false);

/// A call that does nothing but to return its number, unless it was cancelled.
fn call(number: u64) -> impl FnOnce() -> Outcome + Send + 'static {
    move || NonZeroU64::new(number).filter(|_| !IS_CANCELLED.load(Ordering::Relaxed))
}

/// Submits the calls of the numbers up to `count`, each with a callback.
fn submit_calls(tasks: &mut impl Tasks, count: u64) {
    for number in 1..=count {
        let mut callback = callback::<Words<1>>();
        tasks.submit(call(number), move |app, outcome| callback(app, [outcome.map_or(0, NonZeroU64::get)]));
    }
}

/// The time of an empty call, from the submit to its result in a callback, when many are under way.
pub fn call_in_batches<T: Tasks>(size: &Size) -> Figure {
    let mut tasks = T::new(WORKERS);
    let mut batch = || {
        submit_calls(&mut tasks, BATCH);
        tasks.run(App::expecting(BATCH)).time(sum(BATCH));
    };
    // Starts the threads.
    batch();
    let batches = size.calls / BATCH;
    let start = Instant::now();
    (0..batches).for_each(|_| batch());
    Figure::time_of_each(start.elapsed(), batches * BATCH)
}

/// The median time from the submit of an empty call to its callback, when the workers were asleep.
pub fn call_latency<T: Tasks>(size: &Size) -> Figure {
    let mut tasks = T::new(WORKERS);
    let latencies = (0..size.pings).map(|number| {
        thread::sleep(REST);
        let stamp = Stamp::numbered(number);
        tasks.submit(call(1), |app, _| stamp.arrive(app));
        tasks.run(App::expecting(1)).median_latency()
    });
    let mut latencies: Vec<_> = latencies.collect();
    latencies.sort_unstable();
    Figure::time_of_each(latencies[latencies.len() / 2], 1)
}

/// Makes an executor whose only worker is busy until what is returned with it is dropped.
fn busy<T: Tasks>() -> (T, Sender<()>) {
    let mut tasks = T::new(1);
    let (begin, begins) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let wait = move || {
        begin.send(()).expect("the submit is waited for");
        released.recv().err().and(None)
    };
    tasks.submit(wait, |_, _| {});
    begins.recv().expect("the worker begins");
    (tasks, release)
}

/// The bytes of a queued call with its callback, over those of its closure.
pub fn memory<T: Tasks>(size: &Size) -> Figure {
    let (mut tasks, release) = busy::<T>();
    let before = live_bytes();
    submit_calls(&mut tasks, size.tasks);
    let bytes = live_bytes() - before;
    drop(release);
    tasks.run(App::expecting(size.tasks)).time(sum(size.tasks));
    let closure = size_of_val(&call(1));
    Figure::of_each(bytes - closure as f64 * size.tasks as f64, size.tasks)
}

/// The time to cancel a queued call, and to have its callback told.
pub fn cancel<T: Tasks>(size: &Size) -> Figure {
    cancel_queued::<T>(size.tasks)
}

/// The same with a tenth of the calls.
pub fn cancel_a_tenth<T: Tasks>(size: &Size) -> Figure {
    cancel_queued::<T>(size.tasks / 10)
}

fn cancel_queued<T: Tasks>(count: u64) -> Figure {
    let (mut tasks, release) = busy::<T>();
    submit_calls(&mut tasks, count);
    let start = Instant::now();
    IS_CANCELLED.store(true, Ordering::Relaxed);
    tasks.cancel_all();
    drop(release);
    let app = tasks.run(App::expecting(count));
    let time = start.elapsed();
    IS_CANCELLED.store(false, Ordering::Relaxed);
    // None of them has run.
    app.time(0);
    Figure::time_of_each(time, count)
}

/// How often the foreground looks for the newest value: more often than any screen shows it.
const PACE: Duration = Duration::from_millis(1);

/// Takes the newest value at that pace, until the application is done.
fn look_now_and_then(mut app: App, mut look: impl FnMut(&mut App)) {
    while !app.is_done() {
        look(&mut app);
        thread::sleep(PACE);
    }
}

/// What a worker does beside the reports.
pub trait Step {
    fn do_it(number: u64);
}

/// Nothing: the bare report.
pub struct Bare;

impl Step for Bare {
    fn do_it(_: u64) {}
}

/// Divides the number by the 25 odd primes up to 101, as a search for primes does: some 40 ns.
pub struct Divisions;

const DIVISORS: [u64; 25] =
    [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101];

impl Step for Divisions {
    fn do_it(number: u64) {
        let is_divisor = |&&divisor: &&u64| number.is_multiple_of(divisor);
        black_box(black_box(&DIVISORS).iter().filter(is_divisor).count());
    }
}

/// Does the steps up to `count` with what is to be done at each. Returns how long that took.
fn time_of_steps<W: Step>(count: u64, mut at_each: impl FnMut(u64)) -> Duration {
    let start = Instant::now();
    for number in 1..=count {
        W::do_it(number);
        at_each(number);
    }
    start.elapsed()
}

/// The time of a step with a report of which only the newest counts, while the foreground looks now and then.
pub fn latest<W: Step>(size: &Size) -> Figure {
    latest_in::<W>(size, |tasks, app| {
        look_now_and_then(app, |app| {
            tasks.router.dispatch(app);
            tasks.router.settle();
        });
    })
}

/// The same while the foreground takes each value as soon as it is woken.
pub fn latest_awake<W: Step>(size: &Size) -> Figure {
    latest_in::<W>(size, |tasks, app| drop(tasks.run(app)))
}

fn latest_in<W: Step>(size: &Size, run: fn(&mut Executor, App)) -> Figure {
    let count = size.reports;
    let mut tasks = Executor::new(1);
    let job = tasks.executor.submit_progress(move |progress| {
        Ok(time_of_steps::<W>(count, |number| progress.report_latest(number).expect("it is not cancelled")))
    });
    let job = job.expect("the executor runs");
    let mut callback = callback::<Value>();
    job.on_progress(move |app, number: u64| callback(app, Value::numbered(number)));
    let (tell, told) = mpsc::channel();
    job.on_done(move |_, outcome| tell.send(outcome.completed()).expect("it is waited for"));
    run(&mut tasks, App::expecting(count));
    // The last value has come, and the end may be on its way.
    let time = loop {
        match told.try_recv() {
            Ok(time) => break time.expect("it completed"),
            Err(_) => thread::yield_now(),
        }
        tasks.router.dispatch(&mut App::default());
        tasks.router.settle();
    };
    Figure::time_of_each(time, count)
}

/// What it is compared with: the step with a store of a number at which the foreground looks now and then.
pub fn atomic<W: Step>(size: &Size) -> Figure {
    let count = size.reports;
    let newest = Arc::new(AtomicU64::new(0));
    let worker = thread::spawn({
        let newest = newest.clone();
        move || time_of_steps::<W>(count, |number| newest.store(number, Ordering::Relaxed))
    });
    let mut callback = callback::<Value>();
    let mut seen = 0;
    look_now_and_then(App::expecting(count), |app| {
        let number = newest.load(Ordering::Relaxed);
        if number != seen {
            seen = number;
            callback(app, Value::numbered(number));
        }
    });
    Figure::time_of_each(worker.join().expect("it only counts"), count)
}

/// The time of a report of 24 bytes while a task reports as fast as it can, and all of them arrive.
pub fn reports(size: &Size) -> Figure {
    let count = size.messages;
    let gate = Arc::new(Barrier::new(2));
    let mut tasks = Executor::new(1);
    let worker_gate = gate.clone();
    let job = tasks.executor.submit_progress(move |progress: &Progress<'_, Words<3>>| {
        // It shows that the loop runs.
        progress.report([0; 3])?;
        worker_gate.wait();
        Ok((1..=count).try_for_each(|number| progress.report([number; 3]))?)
    });
    let job = job.expect("the executor runs");
    job.on_progress(callback());
    let app = App::expecting(1 + count).at_first(move || {
        gate.wait();
    });
    let app = tasks.run(app);
    Figure::time_of_each(app.time(sum(count)), count)
}
