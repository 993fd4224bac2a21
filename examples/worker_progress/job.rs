//! The job: the threads, and the pipes that bring their messages to the foreground.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use foreground::{MessageReceiver, MessageRouter, PipeError};

use crate::app::App;
use crate::hasher::{Hasher, WorkerMessage};
use crate::options::Options;
use crate::scanner::{Scanner, ScannerMessage};

/// How many finished files a worker may be ahead of the foreground. Results must not be lost, so a
/// latest-value pipe will not do; and a million small files must not fill the memory while the window
/// is being dragged about, so the pipe is bounded.
const AHEAD: usize = 1024;

/// Tells the threads to end. They look at it between chunks, so it takes a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    pub(crate) fn set(&self) {
        // Relaxed: the flag stands for itself, no other data goes with it.
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The running threads.
pub(crate) struct Job {
    threads: Vec<JoinHandle<()>>,
}

impl Job {
    /// Opens a pipe for the scanner and for each worker, and starts them.
    ///
    /// A pipe's callbacks get `&mut App`: they run on this thread, when the event loop or `route_until`
    /// has the router deliver. They do no more than note what they heard; drawing is another matter.
    pub(crate) fn start(
        router: &MessageRouter<App>,
        app: &mut App,
        options: &Options,
    ) -> Result<Self, PipeError> {
        let mut job = Self { threads: Vec::new() };
        let cancel = app.cancel_flag();
        // The files to be hashed, from the scanner to whichever worker is free. The scanner runs ahead
        // as far as it can: only so does the window know how much there is to do.
        let (to_workers, from_scanner) = crossbeam_channel::unbounded();

        let (sender, receiver) = router.pipe::<ScannerMessage>()?;
        receiver.on_message(|app: &mut App, message| app.progress.scanner_says(message));
        keep(app, "the scanner", receiver);
        let (folders, flag) = (options.folders.clone(), cancel.clone());
        job.spawn("scanner", move || {
            Scanner { folders, queue: to_workers, foreground: sender.start(), cancel: flag }.run();
        });

        for number in 0..options.workers {
            // One pipe for each worker, so the callback knows who speaks and no message says it.
            let (sender, receiver) = router.bounded_pipe::<WorkerMessage>(AHEAD)?;
            receiver.on_message(move |app: &mut App, message| app.progress.worker_says(number, message));
            keep(app, &format!("worker {}", number + 1), receiver);
            let (queue, cancel) = (from_scanner.clone(), cancel.clone());
            job.spawn("worker", move || {
                // Started on its own thread: had the thread not come to be, the foreground would hear
                // `PipeEnd::NeverStarted`.
                Hasher { queue, foreground: sender.start(), cancel }.run();
            });
        }
        Ok(job)
    }

    /// A thread that cannot be started drops its sender, and thereby ends its pipe: the foreground hears
    /// of it like of any other end, so there is nothing to do here.
    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) {
        let thread: io::Result<_> = thread::Builder::new().name(name.to_owned()).spawn(body);
        self.threads.extend(thread.ok());
    }

    /// Waits for the threads. Once their pipes have ended, they have nothing left to do.
    pub(crate) fn join(self) {
        for thread in self.threads {
            // A panic was seen as `PipeEnd::Panicked` already.
            let _ = thread.join();
        }
    }
}

/// Has the pipe's end noted, and leaves the pipe to the router until then.
fn keep<T: Send + 'static>(app: &mut App, who: &str, receiver: MessageReceiver<T, App>) {
    app.progress.pipe_opened();
    let who = who.to_owned();
    receiver.on_end(move |app: &mut App, end| app.progress.pipe_ended(&who, end));
    // Without this, dropping the receiver would close the pipe.
    receiver.detach();
}
