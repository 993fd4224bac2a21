//! How much of what came from elsewhere may wait here.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// Counts the items that have come and are not done with, and their bytes. Who reads a network reads no more while
/// there is no room, so that its peers are held up by the network's own means.
pub(crate) struct Room {
    items: usize,
    bytes: usize,
    used: Mutex<Used>,
    emptied: Condvar,
}

#[derive(Default)]
struct Used {
    items: usize,
    bytes: usize,
    /// Of the one who reads.
    waker: Option<Waker>,
}

/// The room of an item, or of several; given back on drop.
pub(crate) struct Place {
    room: Arc<Room>,
    items: usize,
    bytes: usize,
}

impl Room {
    /// So many items, of so many bytes altogether; the last one may go beyond.
    pub(crate) fn new(items: usize, bytes: usize) -> Arc<Self> {
        Arc::new(Self { items, bytes, used: Mutex::default(), emptied: Condvar::new() })
    }

    /// Takes room, also where there is none: what has been read is not thrown away.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Place {
        self.take_for(1, bytes)
    }

    /// Takes the room of several items at once, to be given back at once.
    pub(crate) fn take_for(self: &Arc<Self>, items: usize, bytes: usize) -> Place {
        let mut used = self.used.lock();
        used.items += items;
        used.bytes += bytes;
        drop(used);
        Place { room: self.clone(), items, bytes }
    }

    /// Whether there is room for one more; if not, the task is woken when there is. For one task.
    pub(crate) fn poll_free(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut used = self.used.lock();
        if used.items < self.items && used.bytes < self.bytes {
            return Poll::Ready(());
        }
        used.waker = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn has_room(&self) -> bool {
        let used = self.used.lock();
        used.items < self.items && used.bytes < self.bytes
    }

    /// Whether nothing takes room; if not, the task is woken when something is given back. For the same task.
    #[cfg(feature = "zmq")]
    pub(crate) fn poll_empty(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut used = self.used.lock();
        if used.items == 0 {
            return Poll::Ready(());
        }
        used.waker = Some(context.waker().clone());
        Poll::Pending
    }

    pub(crate) fn items(&self) -> usize {
        self.used.lock().items
    }

    /// Waits until nothing takes room, or until the deadline; says how many items do then.
    pub(crate) fn wait_until_empty(&self, deadline: Option<Instant>) -> usize {
        let mut used = self.used.lock();
        while used.items > 0 {
            match deadline {
                None => self.emptied.wait(&mut used),
                Some(deadline) if self.emptied.wait_until(&mut used, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        used.items
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut used = self.room.used.lock();
        used.items -= self.items;
        used.bytes -= self.bytes;
        let waker = used.waker.take();
        let is_empty = used.items == 0;
        drop(used);
        if is_empty {
            self.room.emptied.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::thread;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_reader_is_held_up_by_items_and_by_bytes() {
        let room = Room::new(2, 10);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = count.clone().into();
        let mut context = Context::from_waker(&waker);
        let first = room.take(3);
        assert!(room.poll_free(&mut context).is_ready());
        let second = room.take(3);
        assert!(room.poll_free(&mut context).is_pending());
        drop(first);
        assert_eq!((count.0.load(Ordering::Relaxed), room.items()), (1, 1));
        let large = room.take(20);
        drop(second);
        assert!(room.poll_free(&mut context).is_pending(), "its bytes fill the room alone");
        #[cfg(feature = "zmq")]
        assert!(room.poll_empty(&mut context).is_pending());
        drop(large);
        #[cfg(feature = "zmq")]
        assert!(room.poll_empty(&mut context).is_ready());
        assert!(room.poll_free(&mut context).is_ready());
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn one_can_wait_for_the_last() {
        let room = Room::new(1, 1);
        let place = room.take(0);
        assert_eq!(room.wait_until_empty(Some(Instant::now())), 1);
        thread::scope(|scope| {
            scope.spawn(|| drop(place));
            assert_eq!(room.wait_until_empty(None), 0);
        });
    }
}
