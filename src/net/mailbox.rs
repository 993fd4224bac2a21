//! Where what comes from elsewhere waits: for a thread that asks for it, or on its way to the foreground.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::is_io_thread;

/// Passes items on, the first first, or leaves them if there is nowhere to pass them any more.
type Sink<T> = Box<dyn Fn(&mut VecDeque<T>) + Send>;

/// A queue with two ways out: threads take from it, or a sink is given everything, one item after the other.
/// No lock is held while the sink runs.
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    sink: Option<Sink<T>>,
    /// A thread has taken the sink out and gives it an item. What else comes waits its turn.
    busy: bool,
    /// Counts the sinks that were set and removed.
    generation: u64,
    closed: bool,
    /// A thread takes, or has taken, items.
    has_takers: bool,
    /// It was a sink that took everything, and the sink has gone: what comes is refused, lest it wait for nobody.
    deserted: bool,
}

impl<T> State<T> {
    /// The sink has gone. Returns what only it would have taken.
    #[must_use = "to be dropped when the lock is free"]
    fn desert(&mut self) -> VecDeque<T> {
        if self.has_takers {
            return VecDeque::new();
        }
        self.deserted = true;
        std::mem::take(&mut self.queue)
    }

    fn taker_comes(&mut self) {
        self.has_takers = true;
        self.deserted = false;
    }
}

/// Names a sink that was set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkId(u64);

/// Why there is nothing to take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    Yet,
    More,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                sink: None,
                busy: false,
                generation: 0,
                closed: false,
                has_takers: false,
                deserted: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds several items at once. Says whether they were taken; else they are dropped.
    pub(crate) fn push_all(&self, items: impl ExactSizeIterator<Item = T>) -> bool {
        let mut state = self.state.lock();
        if state.closed || state.deserted {
            drop(state);
            // They may be the user's.
            items.for_each(drop);
            return false;
        }
        let count = items.len();
        state.queue.extend(items);
        match count {
            0 => {}
            1 => drop(self.changed.notify_one()),
            _ => drop(self.changed.notify_all()),
        }
        if state.sink.is_some() {
            drop(state);
            self.pump();
        }
        true
    }

    /// Adds an item, or gives it back when the box is closed, or when nobody takes anything from it any more.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.closed || state.deserted {
            return Err(item);
        }
        state.queue.push_back(item);
        self.changed.notify_one();
        if state.sink.is_some() {
            drop(state);
            self.pump();
        }
        Ok(())
    }

    /// Takes the oldest item.
    pub(crate) fn pop(&self) -> Result<T, Nothing> {
        let mut state = self.state.lock();
        state.taker_comes();
        let nothing = if state.closed { Nothing::More } else { Nothing::Yet };
        state.queue.pop_front().ok_or(nothing)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Whether what comes is refused, as it was a sink that took everything, and the sink has gone.
    #[cfg(feature = "nats")]
    pub(crate) fn is_deserted(&self) -> bool {
        self.state.lock().deserted
    }

    /// Whether `pop` would not say "nothing yet".
    pub(crate) fn is_ready(&self) -> bool {
        let state = self.state.lock();
        state.closed || !state.queue.is_empty()
    }

    /// Takes the oldest item, and waits for it until the deadline.
    pub(crate) fn pop_wait(&self, deadline: Option<Instant>) -> Result<T, Nothing> {
        let mut state = self.state.lock();
        state.taker_comes();
        loop {
            if let Some(item) = state.queue.pop_front() {
                return Ok(item);
            }
            if state.closed {
                return Err(Nothing::More);
            }
            if is_io_thread() {
                return Err(Nothing::Yet);
            }
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) => {
                    if self.changed.wait_until(&mut state, deadline).timed_out() {
                        return state.queue.pop_front().ok_or(Nothing::Yet);
                    }
                }
            }
        }
    }

    /// Gives everything to the sink from now on, what waits first. It takes the place of an older sink.
    pub(crate) fn set_sink(&self, sink: impl Fn(T) -> Result<(), T> + Send + 'static) -> SinkId {
        self.set_sink_for_many(move |items| {
            while let Some(item) = items.pop_front() {
                if let Err(item) = sink(item) {
                    return items.push_front(item);
                }
            }
        })
    }

    /// As [`set_sink`](Self::set_sink), for a sink that takes as many as there are, and leaves what it cannot take.
    pub(crate) fn set_sink_for_many(&self, sink: impl Fn(&mut VecDeque<T>) + Send + 'static) -> SinkId {
        let mut state = self.state.lock();
        let old = state.sink.replace(Box::new(sink));
        state.deserted = false;
        state.generation += 1;
        let id = SinkId(state.generation);
        drop(state);
        drop(old);
        self.pump();
        id
    }

    /// Drops this sink, if none has taken its place. What comes then waits for threads, if any ever took something, and is
    /// refused otherwise.
    pub(crate) fn remove_sink(&self, id: SinkId) {
        let mut state = self.state.lock();
        if state.generation != id.0 {
            return;
        }
        // One that is at work just now is dropped by whoever has taken it out.
        state.generation += 1;
        let sink = state.sink.take();
        let left = state.desert();
        drop(state);
        drop((sink, left));
    }

    /// Takes no more. What is there can still be taken, and is still given to the sink.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let sink = if state.queue.is_empty() { state.sink.take() } else { None };
        self.changed.notify_all();
        drop(state);
        drop(sink);
    }

    /// Drops all that is there.
    pub(crate) fn clear(&self) {
        let items = std::mem::take(&mut self.state.lock().queue);
        drop(items);
    }

    fn pump(&self) {
        loop {
            let mut state = self.state.lock();
            if state.busy {
                return;
            }
            if state.queue.is_empty() {
                // Nothing will come, so what the sink holds need not be kept.
                let idle = if state.closed { state.sink.take() } else { None };
                drop(state);
                return drop(idle);
            }
            let Some(sink) = state.sink.take() else { return };
            state.busy = true;
            let generation = state.generation;
            let mut items = std::mem::take(&mut state.queue);
            drop(state);

            let panic = catch_unwind(AssertUnwindSafe(|| sink(&mut items))).err();

            let mut state = self.state.lock();
            state.busy = false;
            let refused = panic.is_none() && !items.is_empty();
            if !items.is_empty() {
                self.changed.notify_all();
            }
            // What was given back, then what came meanwhile. The room of those that are gone is used again.
            items.append(&mut state.queue);
            std::mem::swap(&mut state.queue, &mut items);
            let is_newest = state.generation == generation;
            let is_over = state.closed && state.queue.is_empty();
            let left = if is_newest && refused { state.desert() } else { VecDeque::new() };
            let old = if is_newest && !refused && !is_over { state.sink.replace(sink) } else { Some(sink) };
            // A newer one may have been set meanwhile, for a box that is closed now.
            let newer = if is_over { state.sink.take() } else { None };
            drop(state);
            drop((old, newer, left));
            if let Some(panic) = panic {
                // It cost one item. The others are not for this thread to give.
                resume_unwind(panic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    #[test]
    fn items_come_out_in_order_by_either_way() {
        let mailbox = Mailbox::new();
        mailbox.push(1).unwrap();
        mailbox.push(2).unwrap();
        assert_eq!(mailbox.pop(), Ok(1)); // so threads take as well
        let (sender, receiver) = mpsc::channel();
        mailbox.set_sink(move |n| sender.send(n).map_err(|error| error.0));
        mailbox.push(3).unwrap();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [2, 3]);
        drop(receiver);
        mailbox.push(4).unwrap();
        mailbox.push(5).unwrap();
        assert_eq!(mailbox.pop(), Ok(4), "the sink gave it back");
        mailbox.close();
        assert_eq!(mailbox.push(6), Err(6));
        assert_eq!(mailbox.pop(), Ok(5));
        assert_eq!(mailbox.pop(), Err(Nothing::More));
    }

    #[test]
    fn what_only_a_sink_took_is_refused_when_it_has_gone() {
        let mailbox = Mailbox::new();
        mailbox.set_sink(Err);
        mailbox.push(1).unwrap(); // and the sink refuses
        assert_eq!(mailbox.push(2), Err(2));
        let sink = mailbox.set_sink(|_| Ok(()));
        mailbox.push(3).unwrap();
        mailbox.remove_sink(sink);
        assert_eq!(mailbox.push(4), Err(4));
        assert_eq!(mailbox.pop(), Err(Nothing::Yet));
        mailbox.push(5).unwrap(); // somebody takes now
        mailbox.set_sink(Err);
        assert_eq!(mailbox.pop(), Ok(5));
    }

    #[test]
    fn a_sink_may_set_another_and_push() {
        let mailbox = Arc::new(Mailbox::new());
        let (sender, receiver) = mpsc::channel();
        let inner = mailbox.clone();
        mailbox.set_sink(move |n: u32| {
            inner.push(n + 10).unwrap();
            let sender = sender.clone();
            inner.set_sink(move |n| sender.send(n).map_err(|error| error.0));
            Ok(())
        });
        mailbox.push(1).unwrap();
        mailbox.push(2).unwrap();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [11, 2]);
    }

    #[test]
    fn a_sink_goes_when_nothing_more_can_come() {
        let held = Arc::new(());
        let sink = |held: Arc<()>| {
            move |_: u32| {
                let _held = &held;
                Ok(())
            }
        };
        let mailbox = Mailbox::new();
        assert_eq!(mailbox.pop(), Err(Nothing::Yet)); // so threads take as well
        let first = mailbox.set_sink(sink(held.clone()));
        let second = mailbox.set_sink(sink(held.clone()));
        mailbox.remove_sink(first);
        assert_eq!(Arc::strong_count(&held), 2, "another has taken its place");
        mailbox.remove_sink(second);
        assert_eq!(Arc::strong_count(&held), 1);
        mailbox.push(1).unwrap();
        mailbox.close();
        mailbox.set_sink(sink(held.clone()));
        assert_eq!((Arc::strong_count(&held), mailbox.pop()), (1, Err(Nothing::More)));
        mailbox.set_sink(sink(held.clone()));
        assert_eq!(Arc::strong_count(&held), 1, "it was closed before");
    }

    #[test]
    fn a_sink_that_panics_loses_one_item() {
        let mailbox = Mailbox::new();
        let (sender, receiver) = mpsc::channel();
        mailbox.set_sink(move |n| {
            assert_ne!(n, 1);
            sender.send(n).map_err(|error| error.0)
        });
        assert!(catch_unwind(AssertUnwindSafe(|| mailbox.push(1))).is_err());
        mailbox.push(2).unwrap();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_sink_may_take_some_of_many_and_threads_the_rest() {
        let mailbox = Mailbox::new();
        assert_eq!(mailbox.pop(), Err(Nothing::Yet)); // so threads take as well
        let (sender, receiver) = mpsc::channel();
        mailbox.set_sink_for_many(move |items| {
            while items.front().is_some_and(|n| *n < 3) {
                sender.send(items.pop_front()).unwrap();
            }
        });
        assert!(mailbox.push_all([1, 2].into_iter()));
        assert!(mailbox.push_all([0, 3, 4].into_iter()));
        assert_eq!(receiver.try_iter().flatten().collect::<Vec<_>>(), [1, 2, 0]);
        assert!(mailbox.push_all([5].into_iter()), "the sink has gone, and threads take");
        mailbox.close();
        assert!(!mailbox.push_all([6].into_iter()));
        assert_eq!((mailbox.pop(), mailbox.pop(), mailbox.pop()), (Ok(3), Ok(4), Ok(5)));
        assert_eq!(mailbox.pop(), Err(Nothing::More));
    }

    #[test]
    fn nothing_is_lost_or_doubled_between_threads_and_sinks() {
        const ITEMS: u32 = 20_000;
        let mailbox = Arc::new(Mailbox::new());
        let (sender, receiver) = mpsc::channel();
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let (mailbox, sender) = (mailbox.clone(), sender.clone());
                thread::spawn(move || {
                    while let Ok(n) = mailbox.pop_wait(None) {
                        sender.send(n).unwrap();
                    }
                })
            })
            .collect();
        let pushers: Vec<_> = (0..2)
            .map(|half| {
                let mailbox = mailbox.clone();
                thread::spawn(move || {
                    (0..ITEMS).filter(|n| n % 2 == half).for_each(|n| mailbox.push(n).unwrap())
                })
            })
            .collect();
        for round in 0..50 {
            let sender = sender.clone();
            // Some sinks give up after a while.
            let left = std::sync::atomic::AtomicU32::new(round * 20);
            mailbox.set_sink(move |n| {
                use std::sync::atomic::Ordering;
                if round % 2 == 0
                    && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
                {
                    return Err(n);
                }
                sender.send(n).unwrap();
                Ok(())
            });
        }
        pushers.into_iter().for_each(|thread| thread.join().unwrap());
        mailbox.close();
        takers.into_iter().for_each(|thread| thread.join().unwrap());
        drop((mailbox, sender));
        let mut seen: Vec<_> = receiver.iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..ITEMS).collect::<Vec<_>>());
    }
}
