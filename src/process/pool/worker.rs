//! A worker's side of the connection to its executor.
//!
//! Three threads: that of `serve_if_worker` runs the functions; the I/O thread takes the frames; and as both run only what is theirs, a
//! third one hands a function what comes for it while it runs.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::super::codec::Codec;
use super::super::connection::{Connection, ConnectionLink, Peer};
use super::super::error::{ConnectError, ConnectErrorKind};
use super::super::orphan;
use super::super::ticket::{Ticket, TicketErrorKind};
use super::super::wire::{self as pipes, Welcome};
use super::wire::{self, Failure, Head, kind};
use super::{POOL_TYPE, POOL_VARIABLE};
use crate::net::{Disconnect, When};
use crate::sync::ThreadId;
use crate::tasks::{CancelToken, TaskCancelled};

/// Whether this process has looked if it is a worker.
static HAS_LOOKED: AtomicBool = AtomicBool::new(false);

/// Whether this process was started as a worker, and does not know it.
pub(super) fn is_unaware() -> bool {
    // Relaxed: what is told by it is told to the thread that looked.
    std::env::var_os(POOL_VARIABLE).is_some() && !HAS_LOOKED.load(Ordering::Relaxed)
}

/// How it went with the ticket.
pub(super) enum Start {
    Serving(Arc<Serving>),
    NoWorker,
    Failed(ConnectError),
}

/// What the threads of a worker share.
pub(super) struct Serving {
    link: OnceLock<ConnectionLink>,
    /// How long a frame to the executor may be.
    limit: OnceLock<usize>,
    helper: OnceLock<ThreadId>,
    state: Mutex<State>,
    /// For the thread that runs functions.
    called: Condvar,
    /// For the one that helps them.
    told: Condvar,
}

#[derive(Default)]
struct State {
    /// The executor wants no more.
    is_dismissed: bool,
    call: Option<Call>,
    current: Option<Current>,
    told: VecDeque<Told>,
}

/// The call under way, from when it comes.
struct Current {
    number: u64,
    token: CancelToken,
    voice: Option<Arc<dyn Running>>,
}

/// What comes for a function that runs.
enum Told {
    Cancel,
    LatestCame,
    Answer(u32, Option<Vec<u8>>),
}

/// A function that runs, whatever its types.
pub(super) trait Running: Send + Sync {
    /// The newest value has come to the executor.
    fn latest_came(&self);
    /// There is an answer, or will be none.
    fn answered(&self, question: u32, answer: Option<&[u8]>);
}

/// A function that is to be run.
pub(super) struct Call {
    pub(super) head: Head,
    pub(super) token: CancelToken,
    payload: Vec<u8>,
    /// Where in the payload the arguments are.
    arguments_at: usize,
}

impl Call {
    pub(super) fn arguments(&self) -> &[u8] {
        self.payload.get(self.arguments_at..).unwrap_or_default()
    }
}

impl Serving {
    /// Shows the ticket of the environment, if there is one.
    pub(super) fn start() -> Start {
        HAS_LOOKED.store(true, Ordering::Relaxed); // see `is_unaware`
        let ticket = match Ticket::from_variable(POOL_VARIABLE) {
            Ok(ticket) => ticket,
            Err(error) if error.kind() == TicketErrorKind::Missing => return Start::NoWorker,
            Err(error) => return Start::Failed(error.into()),
        };
        match Self::connect(&ticket) {
            Ok(serving) => Start::Serving(serving),
            Err(error) if error.kind() == ConnectErrorKind::UsedTicket => {
                // A worker has started this process, and left it its environment.
                log::debug!(
                    "foreground: the ticket of a pool is that of another process, which started this one"
                );
                Start::NoWorker
            }
            Err(error) => Start::Failed(error),
        }
    }

    fn connect(ticket: &Ticket) -> Result<Arc<Self>, ConnectError> {
        let serving = Arc::new(Self {
            link: OnceLock::new(),
            limit: OnceLock::new(),
            helper: OnceLock::new(),
            state: Mutex::default(),
            called: Condvar::new(),
            told: Condvar::new(),
        });
        serving.start_helper().map_err(ConnectError::unreachable)?;
        Connection::join(ticket, Codec::Postcard, POOL_TYPE.into(), Arc::clone(&serving) as _)?;
        serving.send_now(wire::short(kind::READY, &()));
        Ok(serving)
    }

    fn start_helper(self: &Arc<Self>) -> io::Result<()> {
        let serving = Arc::clone(self);
        let helper = thread::Builder::new().name("foreground-worker".into()).spawn(move || serving.help())?;
        let _ = self.helper.set(helper.thread().id());
        Ok(())
    }

    /// The thread on which a function cannot ask, as those of an executor in its process cannot on the foreground's.
    pub(super) fn foreground(&self) -> ThreadId {
        *self.helper.get_or_init(|| crate::sync::current().id())
    }

    /// Waits for a function to run; `None` if none will come.
    pub(super) fn next_call(&self) -> Option<Call> {
        let mut state = self.state.lock();
        let call = loop {
            if state.is_dismissed {
                return None;
            }
            match state.call.take() {
                Some(call) => break call,
                None => self.called.wait(&mut state),
            }
        };
        drop(state);
        // Written before the function may crash: one that has begun is not begun elsewhere.
        self.send_now(wire::short(kind::BEGUN, &()));
        if let Some(link) = self.link.get() {
            // Another thread may be writing, and would die with what it was to write next. If this fails, the connection has ended.
            link.wait_flushed(None);
        }
        Some(call)
    }

    /// Says who is to hear what comes for the call.
    pub(super) fn set_voice(&self, call: &Call, voice: Arc<dyn Running>) {
        let mut state = self.state.lock();
        if let Some(current) = state.current.as_mut().filter(|current| current.number == call.head.number) {
            current.voice = Some(voice);
        }
    }

    /// Nobody hears what still comes for the call. To be called before its end is sent, after which the next one comes.
    pub(super) fn forget_call(&self, call: &Call) {
        let mut state = self.state.lock();
        let current = state.current.take_if(|current| current.number == call.head.number);
        state.told.clear();
        drop(state);
        drop(current);
    }

    /// Ends a call that has said nothing.
    pub(super) fn end_call(&self, call: &Call, end: Vec<u8>) {
        self.forget_call(call);
        self.send_now(end);
    }

    /// Ends a frame, unless it is too long.
    pub(super) fn close_frame(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let limit = self.limit.get().copied().unwrap_or_default().saturating_sub(wire::SLACK);
        match pipes::end(&mut bytes, limit) {
            Ok(()) => Ok(bytes),
            // Its first byte says what it is.
            Err(length) => Err(Failure::TooLarge(length.saturating_sub(1) as u64)),
        }
    }

    /// Sends, once not too much waits to be written.
    pub(super) fn send(&self, mut bytes: Vec<u8>) -> Result<(), TaskCancelled> {
        let link = self.link.get().ok_or(TaskCancelled)?;
        link.send_when_room(&mut bytes, When::Now, None).map_err(|_| TaskCancelled)
    }

    /// Sends, and never waits.
    pub(super) fn send_now(&self, bytes: Vec<u8>) {
        if let Some(link) = self.link.get() {
            // If this fails, the connection has ended, which is told elsewhere.
            let _ = link.send(bytes, When::Now);
        }
    }

    /// Hands the function that runs what comes for it, for ever: the process ends without this thread.
    fn help(&self) {
        loop {
            let mut state = self.state.lock();
            let told = loop {
                match state.told.pop_front() {
                    Some(told) => break told,
                    None => self.told.wait(&mut state),
                }
            };
            let current = state.current.as_ref().map(|now| (now.token.clone(), now.voice.clone()));
            drop(state);
            let Some((token, voice)) = current else { continue };
            // What is called is the user's in part. The panic hook tells of a panic, and the function misses something.
            let _ = catch_unwind(AssertUnwindSafe(|| match (told, voice) {
                (Told::Cancel, _) => token.cancel(),
                (Told::LatestCame, Some(voice)) => voice.latest_came(),
                (Told::Answer(question, answer), Some(voice)) => voice.answered(question, answer.as_deref()),
                (_, None) => {}
            }));
        }
    }

    /// Something has come for the call of this number. What is for one that has ended is dropped.
    fn tell(&self, call: u64, told: Told) {
        let mut state = self.state.lock();
        if state.current.as_ref().is_some_and(|current| current.number == call) {
            state.told.push_back(told);
            self.told.notify_one();
        }
    }

    fn dismiss(&self) {
        let mut state = self.state.lock();
        state.is_dismissed = true;
        if state.current.is_some() {
            state.told.push_back(Told::Cancel);
        }
        self.called.notify_all();
        self.told.notify_all();
    }

    fn call(&self, payload: &[u8]) -> Result<(), Disconnect> {
        let (head, arguments) = Head::split(payload)?;
        let arguments_at = payload.len() - arguments.len();
        let token = CancelToken::new();
        let current = Current { number: head.number, token: token.clone(), voice: None };
        let call = Call { head, token, payload: payload.to_vec(), arguments_at };
        let mut state = self.state.lock();
        if state.current.is_some() {
            return Err(pipes::malformed("two calls at once"));
        }
        state.current = Some(current);
        state.call = Some(call);
        self.called.notify_all();
        Ok(())
    }
}

impl Peer for Serving {
    fn welcomed(&self, link: &ConnectionLink, welcome: &Welcome) {
        // The two keep each other, until this process ends.
        let _ = self.link.set(Arc::clone(link));
        let _ = self.limit.set(welcome.limit as usize);
    }

    fn on_frame(&self, _: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect> {
        match kind {
            pipes::kind::CLOSED => self.dismiss(),
            kind::CALL => self.call(payload)?,
            kind::CANCEL => self.tell(wire::read(payload)?, Told::Cancel),
            kind::CAME => self.tell(wire::read(payload)?, Told::LatestCame),
            kind::ANSWER => {
                let ((call, question, is_answered), answer) = wire::split(payload)?;
                let answer = Some(answer.to_vec()).filter(|_| is_answered);
                self.tell(call, Told::Answer(question, answer));
            }
            _ => return Err(pipes::malformed("a frame of an unknown kind")),
        }
        Ok(())
    }

    fn on_closed(self: Arc<Self>, reason: &Disconnect) {
        let state = self.state.lock();
        // One that runs no function is about to end, if it was told to. Nobody is left to kill one whose function goes on.
        let ends_by_itself = state.is_dismissed && state.current.is_none();
        drop(state);
        if !ends_by_itself {
            orphan::end_process(format_args!(
                "the executor's process has gone, so this worker ends: {reason}"
            ));
        }
    }
}
