//! Many children, one after the other and at once, and what is left of them. Counted in a process of their own, where no other
//! test runs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::process;
use std::rc::Rc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

use foreground::process::{Child, Command};
use foreground::{MessageRouter, PipeEnd};

use crate::belongings::Belongings;
use crate::common::{WAIT, command, router};
use crate::example::example;

struct Counting;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
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

/// Runs a behaviour that counts what is left, with folders of its own.
fn alone(behaviour: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(behaviour);
    command.env("TMPDIR", folder.path()).env_remove("XDG_RUNTIME_DIR").log_stderr(None);
    let child = command.spawn().unwrap();
    let status = child.wait_timeout(Duration::from_secs(300)).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}; it has said why");
}

#[test]
fn ten_thousand_children_leave_nothing() {
    alone("ten_thousand");
}

#[test]
fn two_hundred_at_once_are_all_heard_and_leave_nothing() {
    alone("two_hundred");
}

/// The children that are there, and how many are done.
#[derive(Default)]
struct Crowd {
    children: HashMap<usize, Child>,
    begun: usize,
    words: usize,
    stopped: usize,
    exited: usize,
}

impl Crowd {
    fn begin(&mut self, router: &MessageRouter<Self>) {
        let number = self.begun;
        self.begun += 1;
        let (ticket, receiver) = router.remote_pipe::<String>().unwrap();
        let heard = Rc::new(Cell::new(0));
        let words = Rc::clone(&heard);
        receiver.on_message(move |crowd: &mut Self, word| {
            assert_eq!(word, ["number", &number.to_string()][words.get()]);
            words.set(words.get() + 1);
            crowd.words += 1;
        });
        receiver.on_end(move |crowd, end| {
            assert_eq!((end, heard.get()), (PipeEnd::Stopped, 2), "of child {number}");
            crowd.stopped += 1;
        });
        let mut command = Command::new(example("remote_sender"));
        let child = command.arg("number").arg(number.to_string()).ticket(ticket).spawn().unwrap();
        let exited = move |crowd: &mut Self, status: Option<process::ExitStatus>| {
            assert!(status.is_some_and(|status| status.success()), "{status:?}");
            crowd.exited += 1;
        };
        child.on_exit(router, exited).unwrap();
        receiver.detach();
        self.children.insert(number, child);
    }

    /// So many in all, and so many of them at once.
    fn run(&mut self, router: &MessageRouter<Self>, all: usize, at_once: usize) {
        let all = self.begun + all;
        while self.stopped < all || self.exited < all {
            while self.begun < all && self.begun - self.exited.min(self.stopped) < at_once {
                self.begin(router);
            }
            let (stopped, exited) = (self.stopped, self.exited);
            let news = |crowd: &mut Self| crowd.stopped > stopped || crowd.exited > exited;
            router.route_until(self, news, WAIT).unwrap();
            if self.children.len() > 4 * at_once {
                self.let_go();
            }
        }
        self.let_go();
        assert_eq!(self.words, 2 * all);
    }

    /// Drops those that have ended.
    fn let_go(&mut self) {
        self.children.retain(|_, child| child.try_wait().unwrap().is_none());
    }
}

/// In a process of its own: what ten thousand children leave.
pub fn ten_thousand() {
    let router = router();
    let mut crowd = Crowd::default();
    // It opens the door, and keeps it open.
    let kept = router.remote_pipe::<u8>().unwrap();
    let before = Belongings::now();
    assert_eq!((before.folders, before.children), (1, 0));
    // They fill what remembers some of them.
    crowd.run(&router, 1100, 8);
    Belongings::wait_until_as(&before);
    let bytes = LIVE_BYTES.load(Ordering::SeqCst);
    crowd.run(&router, 8900, 8);
    Belongings::wait_until_as(&before);
    let grown = LIVE_BYTES.load(Ordering::SeqCst) - bytes;
    assert!(grown < 32 << 10, "{grown} bytes are held after 8900 more children");
    assert_eq!((crowd.exited, crowd.stopped, crowd.words), (10_000, 10_000, 20_000));
    drop((crowd, kept, router));
    assert_eq!(Belongings::now().folders, 0);
}

/// In a process of its own: what two hundred children at once leave.
pub fn two_hundred() {
    let router = router();
    let mut crowd = Crowd::default();
    let _kept = router.remote_pipe::<u8>().unwrap();
    let before = Belongings::now();
    crowd.run(&router, 200, 200);
    Belongings::wait_until_as(&before);
}
