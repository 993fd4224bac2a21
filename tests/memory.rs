//! What messages and pipes cost in memory. The allocator counts the bytes that the whole process holds, so
//! there is one test only; and the allocations of the thread that looks, because the test harness has a
//! thread that allocates too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::thread;
use std::time::Duration;

use foreground::{Budget, MessageReceiver, MessageRouter, MessageSender};

struct Counting;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; only counters are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live_bytes() -> isize {
    LIVE_BYTES.load(Ordering::SeqCst)
}

fn allocations_in(action: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    action();
    ALLOCATIONS.get() - before
}

fn router() -> MessageRouter<u64> {
    // Without a time limit, a dispatch empties the queue.
    let router = MessageRouter::builder().budget(Budget::new(Duration::MAX, usize::MAX)).build(|| {});
    router.start().unwrap();
    router
}

/// A router that has been through a flood, and so has the blocks that it keeps for the next.
fn seasoned_router() -> MessageRouter<u64> {
    let router = router();
    let (sender, receiver) = router.pipe::<[u64; 32]>().unwrap();
    receiver.on_message(|_, _| {});
    let sender = sender.start();
    (0..10_000).for_each(|n| sender.send([n; 32]).unwrap());
    drop((sender, receiver));
    router.dispatch(&mut 0);
    router.settle();
    router
}

#[test]
fn memory() {
    // In this order: the first leave nothing behind that the later could count.
    a_message_costs_no_allocation::<u64>();
    a_message_costs_no_allocation::<[u64; 4]>();
    a_message_costs_no_allocation::<[u64; 32]>();
    a_latest_value_costs_no_allocation();
    an_idle_pipe_costs_at_most(128, |router| router.pipe().unwrap());
    an_idle_pipe_costs_at_most(192, |router| router.bounded_pipe(100).unwrap());
    an_idle_pipe_costs_at_most(192, |router| router.latest_pipe().unwrap());
    closed_pipes_with_messages_leave_nothing();
    a_flood_routed_by_hand_leaves_nothing();
    a_drained_inbox_leaves_nothing();
    pipes_opened_and_closed_leave_nothing();
    pipes_closed_after_their_end_leave_nothing();
    pipes_closed_while_the_loop_sleeps_leave_nothing();
    a_drained_flood_leaves_nothing();
    a_latest_pipe_does_not_grow();
    a_bounded_pipe_does_not_grow();
}

fn a_message_costs_no_allocation<T: Copy + Default + Send + 'static>() {
    const WARM_UP: u64 = 100;
    let router = router();
    let (sender, receiver) = router.pipe::<T>().unwrap();
    receiver.on_message(|seen, _| *seen += 1);
    let (bounded, bounded_receiver) = router.bounded_pipe::<T>(1_000).unwrap();
    bounded_receiver.on_message(|seen, _| *seen += 1);
    let (sender, bounded) = (sender.start(), bounded.start());
    let mut seen = 0;
    let mut burst = || {
        for _ in 0..100 {
            sender.send(T::default()).unwrap();
            bounded.send(T::default()).unwrap();
        }
        router.dispatch(&mut seen);
        router.settle();
    };
    // The buffers are made once, and then used in turns.
    (0..WARM_UP).for_each(|_| burst());
    let allocations = allocations_in(|| (0..500).for_each(|_| burst()));
    assert_eq!(allocations, 0, "for messages of {} bytes", size_of::<T>());
    assert_eq!(seen, (WARM_UP + 500) * 200);
}

fn a_latest_value_costs_no_allocation() {
    let router = router();
    let (sender, receiver) = router.latest_pipe::<u64>().unwrap();
    receiver.on_message(|last, n| *last = n);
    let sender = sender.start();
    let mut last = 0;
    sender.send(0).unwrap();
    router.dispatch(&mut last);
    let allocations = allocations_in(|| {
        sender.send(0).unwrap();
        (1..100_000).for_each(|n| sender.send(n).unwrap());
    });
    assert!(allocations <= 1, "{allocations} allocations for 100,000 values that replace each other");
    router.dispatch(&mut last);
    assert_eq!(last, 99_999);
}

type Pipe = (MessageSender<u64>, MessageReceiver<u64, u64>);

fn an_idle_pipe_costs_at_most(bytes: isize, open: impl Fn(&MessageRouter<u64>) -> Pipe) {
    const PIPES: usize = 1 << 15;
    let router = router();
    let mut pipes = Vec::with_capacity(PIPES);
    let before = live_bytes();
    for _ in 0..PIPES {
        let (sender, receiver) = open(&router);
        receiver.on_message(|sum, n| *sum += n);
        pipes.push((sender.start(), receiver));
    }
    let each = (live_bytes() - before) / PIPES as isize;
    println!("an idle pipe: {each} bytes");
    assert!(each <= bytes, "an idle pipe takes {each} bytes");
}

fn pipes_opened_and_closed_leave_nothing() {
    let router = seasoned_router();
    let before = live_bytes();
    for _ in 0..3 {
        let mut pipes = Vec::new();
        for n in 0..100_000 {
            let (sender, receiver) = router.pipe::<u64>().unwrap();
            receiver.on_message(|sum, n| *sum += n);
            let sender = sender.start();
            sender.send(n).unwrap();
            pipes.push((sender, receiver));
        }
        let mut sum = 0;
        router.dispatch(&mut sum);
        drop(pipes);
        router.dispatch(&mut sum);
        router.settle();
        let left = live_bytes() - before;
        assert!(left < 64 * 1024, "{left} bytes are left after 100,000 pipes");
    }
}

fn a_drained_flood_leaves_nothing() {
    let router = router();
    let (sender, receiver) = router.pipe::<[u64; 4]>().unwrap();
    receiver.on_message(|seen, _| *seen += 1);
    let sender = sender.start();
    let before = live_bytes();
    let worker = thread::spawn(move || {
        (0..1_000_000).for_each(|n| sender.send([n; 4]).unwrap());
        sender
    });
    let sender = worker.join().unwrap();
    assert!(live_bytes() - before > 32_000_000);
    let mut seen = 0;
    while router.dispatch(&mut seen).has_more {}
    router.settle();
    assert_eq!(seen, 1_000_000);
    let left = live_bytes() - before;
    assert!(left < 640 * 1024, "{left} bytes are left after the flood");
    drop(sender);
}

fn a_latest_pipe_does_not_grow() {
    let router = seasoned_router();
    let pipes: Vec<_> = (0..4)
        .map(|_| {
            let (sender, receiver) = router.latest_pipe::<[u64; 4]>().unwrap();
            receiver.on_message(|seen, _| *seen += 1);
            (sender.start(), receiver)
        })
        .collect();
    let before = live_bytes();
    // In turns, so that no value directly follows the one that it replaces.
    for n in 0..1_000_000 {
        pipes[n % 4].0.send([n as u64; 4]).unwrap();
    }
    let grown = live_bytes() - before;
    assert!(grown < 4 * 1024, "four latest-value pipes grew by {grown} bytes");
    let mut seen = 0;
    router.dispatch(&mut seen);
    assert_eq!(seen, 4);
}

fn a_bounded_pipe_does_not_grow() {
    let router = seasoned_router();
    let (sender, receiver) = router.bounded_pipe::<[u64; 4]>(100).unwrap();
    receiver.on_message(|seen, _| *seen += 1);
    let sender = sender.start();
    let before = live_bytes();
    let worker = thread::spawn(move || {
        (0..100_000).for_each(|n| sender.send([n; 4]).unwrap());
    });
    let mut seen = 0;
    let mut most = 0;
    while seen < 100_000 {
        router.dispatch(&mut seen);
        most = most.max(live_bytes() - before);
        thread::yield_now();
    }
    worker.join().unwrap();
    assert!(most < 64 * 1024, "a pipe of 100 messages grew by {most} bytes");
}

fn closed_pipes_with_messages_leave_nothing() {
    let router = seasoned_router();
    let before = live_bytes();
    let pipes: Vec<_> = (0..50_000)
        .map(|n| {
            let (sender, receiver) = router.pipe::<u64>().unwrap();
            let sender = sender.start();
            sender.send(n).unwrap();
            (sender, receiver)
        })
        .collect();
    drop(pipes);
    router.dispatch(&mut 0);
    router.settle();
    let left = live_bytes() - before;
    assert!(left < 64 * 1024, "{left} bytes are left after 50,000 closed pipes");
}

fn a_flood_routed_by_hand_leaves_nothing() {
    let router = seasoned_router();
    let (sender, receiver) = router.pipe::<[u64; 4]>().unwrap();
    receiver.on_message(|seen, _| *seen += 1);
    let sender = sender.start();
    let before = live_bytes();
    (0..200_000).for_each(|n| sender.send([n; 4]).unwrap());
    let mut seen = 0;
    router.route_until(&mut seen, |seen| *seen == 200_000, None).unwrap();
    // The memory is given back when the call would wait.
    assert!(router.route_until(&mut seen, |_| false, Duration::from_millis(1)).is_err());
    let left = live_bytes() - before;
    assert!(left < 64 * 1024, "{left} bytes are left after the flood");
}

fn a_drained_inbox_leaves_nothing() {
    let router = seasoned_router();
    let (sender, receiver) = router.pipe::<[u64; 4]>().unwrap();
    let sender = sender.start();
    let before = live_bytes();
    (0..100_000).for_each(|n| sender.send([n; 4]).unwrap());
    router.dispatch(&mut 0);
    assert_eq!(receiver.drain().count(), 100_000);
    router.settle();
    let left = live_bytes() - before;
    assert!(left < 64 * 1024, "{left} bytes are left after the inbox was drained");
}

fn pipes_closed_after_their_end_leave_nothing() {
    let router = seasoned_router();
    let before = live_bytes();
    for _ in 0..10_000 {
        let (sender, receiver) = router.pipe::<u64>().unwrap();
        drop(sender);
        router.dispatch(&mut 0);
        router.settle();
        drop(receiver);
    }
    let left = live_bytes() - before;
    assert!(left < 64 * 1024, "{left} bytes are left after 10,000 pipes that ended and were closed");
}

fn pipes_closed_while_the_loop_sleeps_leave_nothing() {
    let router = seasoned_router();
    let before = live_bytes();
    for _ in 0..10_000 {
        let (sender, receiver) = router.pipe::<u64>().unwrap();
        drop(receiver);
        // Nobody is woken for this.
        drop(sender);
        router.settle();
    }
    let left = live_bytes() - before;
    assert!(left < 64 * 1024, "{left} bytes are left after 10,000 pipes that were closed and ended");
}
