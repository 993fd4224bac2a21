//! What every peer works for: the application that its callbacks change, and the messages that they get.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use foreground::channel::Bytes;
use serde::{Deserialize, Serialize};

use crate::ticks::Ticks;

/// The state that a callback gets as `&mut App`. It counts the messages and adds up their numbers, so that
/// none is lost, doubled or optimised away unnoticed.
#[derive(Default)]
pub struct App {
    messages: u64,
    sum: u64,
    /// The count of messages at which something happens: the first, and the last.
    milestone: u64,
    expected: u64,
    at_first: Option<Box<dyn FnOnce()>>,
    at_last: Option<Box<dyn FnOnce()>>,
    started: Option<Instant>,
    done: Option<Instant>,
    /// How many messages arrived, for the producers to see.
    progress: Arc<AtomicU64>,
    latencies: Vec<Duration>,
    ticks: Option<Ticks>,
}

impl App {
    /// An application whose work is done with the `expected`th message.
    pub fn expecting(expected: u64) -> Self {
        Self { expected, milestone: 1, ..Self::default() }
    }

    /// Does something in the callback of the first message. The clock starts after that.
    pub fn at_first(mut self, action: impl FnOnce() + 'static) -> Self {
        self.at_first = Some(Box::new(action));
        self
    }

    /// Does something in the callback of the last message, for loops that are told to end.
    pub fn at_last(mut self, action: impl FnOnce() + 'static) -> Self {
        self.at_last = Some(Box::new(action));
        self
    }

    /// Has the loop call it regularly, besides the messages.
    pub fn with_ticks(mut self) -> Self {
        self.ticks = Some(Ticks::default());
        self
    }

    /// Where the count of arrived [`Stamp`]s and [`Work`] can be seen.
    pub fn progress(&self) -> Arc<AtomicU64> {
        self.progress.clone()
    }

    #[inline]
    pub fn is_done(&self) -> bool {
        self.done.is_some()
    }

    #[inline]
    fn count(&mut self, number: u64) {
        self.messages += 1;
        self.sum = self.sum.wrapping_add(number);
        if self.messages == self.milestone {
            self.reach_milestone();
        }
    }

    #[cold]
    fn reach_milestone(&mut self) {
        if self.started.is_none() {
            if let Some(action) = self.at_first.take() {
                action();
            }
            self.started = Some(Instant::now());
            self.milestone = self.expected;
        }
        if self.messages >= self.expected {
            self.done = Some(Instant::now());
            if let Some(action) = self.at_last.take() {
                action();
            }
        }
    }

    /// When the loop is to call [`tick_if_due`](Self::tick_if_due) next, if it has a timer to keep.
    pub fn next_tick(&self) -> Option<Instant> {
        Some(self.ticks.as_ref()?.next(self.started?))
    }

    pub fn has_ticks(&self) -> bool {
        self.ticks.is_some()
    }

    pub fn is_tick_due(&self) -> bool {
        self.next_tick().is_some_and(|due| Instant::now() >= due)
    }

    pub fn tick_if_due(&mut self) {
        if self.is_tick_due() {
            self.tick();
        }
    }

    /// Handles a tick.
    pub fn tick(&mut self) {
        if let Some(ticks) = &mut self.ticks {
            ticks.handle(Instant::now());
        }
    }

    /// How long it took from the first message to the last.
    ///
    /// # Panics
    /// If the messages that came are not those that were sent: their numbers do not add up to `sum`.
    pub fn time(&self, sum: u64) -> Duration {
        assert_eq!((self.messages, self.sum), (self.expected, sum), "messages were lost or doubled");
        self.span()
    }

    fn span(&self) -> Duration {
        let (started, done) = self.started.zip(self.done).expect("the loop ran until all had come");
        done - started
    }

    /// The median of the latencies of all [`Stamp`]s.
    pub fn median_latency(&self) -> Duration {
        let mut latencies = self.latencies.clone();
        assert_eq!(latencies.len() as u64, self.expected, "each message was stamped");
        latencies.sort_unstable();
        latencies[latencies.len() / 2]
    }

    /// The lateness that 99 of 100 ticks kept to, and the share of them that happened at all.
    pub fn ticks(&self) -> (Duration, f64) {
        let (started, done) = self.started.zip(self.done).expect("the loop ran until all had come");
        self.ticks.as_ref().expect("the loop had ticks").lateness_and_share(started, done)
    }
}

/// What is sent.
pub trait Message: Send + 'static {
    /// Makes the `number`th message.
    fn numbered(number: u64) -> Self;

    /// Is done by the callback that gets it.
    fn arrive(self, app: &mut App);
}

/// A callback as each peer has one for each pipe: it owns something, as callbacks do.
pub fn callback<M: Message>() -> impl FnMut(&mut App, M) + 'static {
    let mut own = 0_u64;
    move |app, message| {
        own += 1;
        black_box(own);
        message.arrive(app);
    }
}

pub type Callback<M> = Box<dyn FnMut(&mut App, M)>;

/// The callbacks by number, for peers that have one channel for all.
pub struct Table<M>(Vec<Callback<M>>);

impl<M: Message> Table<M> {
    pub fn new(pipes: usize) -> Self {
        Self((0..pipes).map(|_| Box::new(callback()) as Box<_>).collect())
    }

    #[inline]
    pub fn call(&mut self, app: &mut App, id: usize, message: M) {
        self.0[id](app, message);
    }
}

/// A message of a size: `N` words, all of them its number.
pub type Words<const N: usize> = [u64; N];

impl<const N: usize> Message for Words<N> {
    fn numbered(number: u64) -> Self {
        [number; N]
    }

    fn arrive(self, app: &mut App) {
        app.count(self[0]);
    }
}

/// A value of which only the newest counts. The application's count becomes its number.
#[derive(Deserialize, Serialize)]
pub struct Value(Words<3>);

impl Message for Value {
    fn numbered(number: u64) -> Self {
        Self([number; 3])
    }

    fn arrive(self, app: &mut App) {
        let number = self.0[0];
        assert!(number > app.messages, "no value comes twice, or after a newer one");
        app.messages = number - 1;
        app.milestone = if app.started.is_some() { app.expected } else { number };
        app.count(0);
    }
}

/// A message that knows when it was sent.
pub struct Stamp(Instant);

impl Message for Stamp {
    fn numbered(_: u64) -> Self {
        Self(Instant::now())
    }

    fn arrive(self, app: &mut App) {
        app.latencies.push(self.0.elapsed());
        app.count(0);
        app.progress.store(app.messages, Ordering::Release);
    }
}

/// A message that takes a microsecond to handle, and the one after all of them, which tells how many there were.
pub enum Work {
    Microsecond,
    Last { messages: u64 },
}

impl Message for Work {
    fn numbered(_: u64) -> Self {
        Self::Microsecond
    }

    fn arrive(self, app: &mut App) {
        match self {
            Self::Microsecond => {
                let start = Instant::now();
                while start.elapsed() < Duration::from_micros(1) {}
                app.count(0);
                app.progress.store(app.messages, Ordering::Relaxed);
            }
            Self::Last { messages } => {
                app.milestone = messages + 1;
                app.expected = messages + 1;
                app.count(0);
            }
        }
    }
}

/// A message of 24 bytes that comes from another process, 17 to 20 of them on the way.
#[derive(Deserialize, Serialize)]
pub struct Sample {
    number: u64,
    values: [f64; 2],
}

impl Message for Sample {
    fn numbered(number: u64) -> Self {
        Self { number, values: [number as f64, 0.5] }
    }

    fn arrive(self, app: &mut App) {
        assert_eq!(self.values, [self.number as f64, 0.5], "what comes is what was sent");
        app.count(self.number);
    }
}

/// One that takes a microsecond to handle.
#[derive(Deserialize, Serialize)]
pub struct SlowSample(Sample);

impl Message for SlowSample {
    fn numbered(number: u64) -> Self {
        Self(Sample::numbered(number))
    }

    fn arrive(self, app: &mut App) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(1) {}
        self.0.arrive(app);
    }
}

/// A message that knows when it was sent by another process, in nanoseconds of the clock that both have.
#[derive(Deserialize, Serialize)]
pub struct RemoteStamp(u64);

fn shared_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

impl Message for RemoteStamp {
    fn numbered(_: u64) -> Self {
        Self(shared_clock())
    }

    fn arrive(self, app: &mut App) {
        app.latencies.push(Duration::from_nanos(shared_clock().saturating_sub(self.0)));
        app.count(0);
    }
}

/// A message of 64 MiB.
#[derive(Deserialize, Serialize)]
pub struct Large(Bytes);

impl Large {
    pub const BYTES: usize = 64 << 20;
}

impl Message for Large {
    fn numbered(number: u64) -> Self {
        Self(Bytes(vec![number as u8; Self::BYTES]))
    }

    fn arrive(self, app: &mut App) {
        let bytes = &self.0.0;
        assert_eq!(bytes.len(), Self::BYTES);
        assert_eq!(bytes.first(), bytes.last(), "what comes is what was sent");
        app.count(bytes[0].into());
    }
}
