//! The foreground's side of a remote pipe: what stands for the sender that is elsewhere, and sends into a local pipe what comes from it.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::codec::Codec;
use super::connection::{ConnectionLink, Peer};
use super::lobby::{Asked, Entrance, Invited, Watched, check_version};
use super::wire::{self, Capacity, Denial, EndCode, Hello, Welcome, kind};
use crate::net::{Disconnect, DisconnectKind, Timer, When};
use crate::pipe::{Bell, Remote};
use crate::{MessageSender, PipeEnd, Refusal, StartedSender, TrySendError};

/// After its connection has ended, a process is given so long to end, for its status to be told.
const EXIT_TIME: Duration = Duration::from_secs(1);

/// A child that has ended may have come just before, and not been let in yet. So long is what it brought looked for.
const LATE: Duration = Duration::from_millis(100);

/// And after that so often, as the thread that lets it in may have been kept elsewhere: once to find it at the door, once to hear it.
const LOOKS: u32 = 3;

/// So many bytes of what it is told may a sender leave unread.
const UNREAD: usize = 64 * 1024;

/// The foreground is woken once for all messages that are read together, and after so many at the latest.
const TOGETHER: u32 = 256;

/// What is asked of a sender, and told to it.
pub(super) struct Terms {
    pub(super) type_name: String,
    pub(super) welcome: Welcome,
}

/// What stands for the sender. It is known to the pipe, to the lobby until somebody has come, and then to the connection.
pub(super) struct Intake<T: Send + 'static> {
    terms: Terms,
    state: Mutex<State>,
    /// Its lock is held for a message to be put into the queue, which runs no code of the user's.
    sender: Mutex<Sender<T>>,
    codec: OnceLock<Codec>,
    bell: OnceLock<Bell>,
    /// The pipe has ended. A copy, for a quick look.
    has_ended: AtomicBool,
    /// Messages that were sent since the foreground was woken last. Changed by the thread that reads.
    unannounced: AtomicU32,
    /// Open as long as the receiver: who comes a second time is told so. The connection may last longer.
    entrance: Mutex<Option<Arc<Entrance>>>,
}

/// The local pipe's sender.
enum Sender<T: Send + 'static> {
    New(MessageSender<T>),
    Started(StartedSender<T>),
    /// Not yet there, or no more.
    Absent,
}

#[derive(Default)]
struct State {
    link: Option<ConnectionLink>,
    /// Somebody has come with the ticket.
    came: bool,
    /// Whoever comes is to stop.
    stopping: bool,
    /// Whoever came was told of the close.
    told: bool,
    /// The process that was started with the ticket, or is just being, if it was by this program.
    child: Option<Arc<dyn Watched>>,
    /// The child has ended.
    exited: Option<Option<ExitStatus>>,
    /// How the pipe ended, once it has.
    end: Option<PipeEnd>,
    /// Messages that were taken, and of whose room the sender has not been told.
    owed: u32,
    /// The wait for the status of a child, or for one that has ended to have come before.
    wait: Option<Timer>,
}

impl<T: Send + 'static> Intake<T> {
    pub(super) fn new(terms: Terms, entrance: Arc<Entrance>) -> Self {
        Self {
            terms,
            state: Mutex::default(),
            sender: Mutex::new(Sender::Absent),
            codec: OnceLock::new(),
            bell: OnceLock::new(),
            has_ended: AtomicBool::new(false),
            unannounced: AtomicU32::new(0),
            entrance: Mutex::new(Some(entrance)),
        }
    }

    /// Says what sends into the pipe. Before anybody is invited.
    pub(super) fn set_sender(&self, sender: MessageSender<T>) {
        let _ = self.bell.set(sender.bell());
        *self.sender.lock() = Sender::New(sender);
    }

    /// Ends the pipe, unless it has ended.
    fn end_with(&self, end: PipeEnd) {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return;
        }
        state.end = Some(end);
        self.has_ended.store(true, Ordering::Relaxed); // what comes meanwhile is dropped a little later
        let wait = state.wait.take();
        drop(state);
        drop(wait);
        let sender = std::mem::replace(&mut *self.sender.lock(), Sender::Absent);
        // Without a lock: it may wake the foreground, by what is the user's.
        stop(sender);
    }

    /// Wakes the foreground for what was sent.
    fn announce(&self) {
        // Relaxed: one thread at a time reads, and what hands the reading on from one to the next orders this too.
        if self.unannounced.load(Ordering::Relaxed) > 0 {
            self.unannounced.store(0, Ordering::Relaxed);
            if let Some(bell) = self.bell.get() {
                bell.ring();
            }
        }
    }

    /// The process has gone without a word. What became of it is told with the end, if that is known soon.
    fn lose(self: Arc<Self>) {
        let mut state = self.state.lock();
        match (state.exited, state.child.clone()) {
            (None, Some(child)) if state.end.is_none() => {
                let late = Arc::clone(&self);
                let time = Instant::now() + EXIT_TIME;
                state.wait = Timer::at(time, move || late.end_with(PipeEnd::Lost(None))).ok();
                drop(state);
                child.on_exit(Box::new(move |status| self.end_with(PipeEnd::Lost(status))));
            }
            (exited, _) => {
                drop(state);
                self.end_with(PipeEnd::Lost(exited.flatten()));
            }
        }
    }

    /// The type of the messages, for the log.
    fn label(&self) -> &str {
        &self.terms.type_name
    }

    /// After so many messages the sender is told of their room.
    fn step(&self) -> u32 {
        match self.terms.welcome.capacity {
            Capacity::Bounded(capacity) => (capacity / 8).max(1),
            Capacity::Any | Capacity::Latest => u32::MAX,
        }
    }

    /// Lets nobody in with the ticket any more. Returns false if somebody is just being let in, or was, or its time was up.
    fn withdraw(&self) -> bool {
        let entrance = self.entrance.lock().clone();
        entrance.is_some_and(|entrance| entrance.withdraw())
    }

    /// The child has ended, and so far nobody has come. On the thread that lets them in, which does that between two looks.
    fn look_for_it(self: Arc<Self>, looks: u32) {
        let mut state = self.state.lock();
        if state.came || state.end.is_some() {
            return;
        }
        let status = state.exited.flatten();
        let late = Arc::clone(&self);
        let again = (looks > 0).then(|| Timer::at(Instant::now(), move || late.look_for_it(looks - 1)));
        let again = again.and_then(Result::ok);
        let is_timed = again.is_some();
        let before = std::mem::replace(&mut state.wait, again);
        drop(state);
        drop(before);
        if !is_timed {
            self.withdraw();
            self.end_with(PipeEnd::Lost(status));
        }
    }
}

fn stop<T: Send + 'static>(sender: Sender<T>) {
    match sender {
        Sender::New(sender) => sender.start().stop_elsewhere(),
        Sender::Started(sender) => sender.stop_elsewhere(),
        Sender::Absent => {}
    }
}

impl<T: DeserializeOwned + Send + 'static> Intake<T> {
    fn receive(&self, link: &ConnectionLink, payload: &[u8]) -> Result<(), Disconnect> {
        if self.has_ended.load(Ordering::Relaxed) {
            return Ok(()); // it will hear of the close
        }
        let codec = self.codec.get().copied().unwrap_or_default();
        let message = codec.read(payload).map_err(|error| {
            let text = format!("the peer sent what is no {} in {}", self.label(), codec.name());
            Disconnect::with_source(DisconnectKind::Malformed, text, error.into_source())
        })?;
        let sent = match &*self.sender.lock() {
            Sender::Started(sender) => sender.send_silently(message),
            Sender::New(_) => return Err(wire::malformed("a message before it had started")),
            Sender::Absent => Err(TrySendError::Closed(message)),
        };
        match sent {
            Ok(replaced) => drop(replaced),
            // It will hear of the close.
            Err(TrySendError::Closed(_)) => return Ok(()),
            Err(TrySendError::Full(_)) => {
                let text = "the peer sent more messages than it had room for";
                return Err(Disconnect::new(DisconnectKind::Flooded, text));
            }
        }
        let unannounced = self.unannounced.load(Ordering::Relaxed) + 1;
        self.unannounced.store(unannounced, Ordering::Relaxed); // see `announce`
        if unannounced >= TOGETHER {
            self.announce();
        }
        let capacity = self.terms.welcome.capacity;
        if capacity != Capacity::Any && link.unsent() > UNREAD {
            let text = "the peer sends messages and does not read what room it has";
            return Err(Disconnect::new(DisconnectKind::Flooded, text));
        }
        if capacity == Capacity::Latest {
            // If this fails, the connection has ended, which is told elsewhere.
            let _ = link.send(wire::credit(1), When::Now);
        }
        Ok(())
    }

    fn start(&self) -> Result<(), Disconnect> {
        let mut sender = self.sender.lock();
        match std::mem::replace(&mut *sender, Sender::Absent) {
            Sender::New(new) => *sender = Sender::Started(new.start()),
            Sender::Absent => {}
            started @ Sender::Started(_) => {
                *sender = started;
                return Err(wire::malformed("two starts"));
            }
        }
        Ok(())
    }
}

impl<T: DeserializeOwned + Send + 'static> Invited for Intake<T> {
    fn admit(&self, hello: &Hello) -> Result<Welcome, (Denial, String)> {
        let checked = check_version(hello).map_err(|denied| (Refusal::Version, denied)).and_then(|()| {
            if hello.type_name != wire::short(&self.terms.type_name) {
                let text =
                    format!("messages of {} are sent, and {} is received", hello.type_name, self.label());
                return Err((Refusal::Type, (Denial::Type, text)));
            }
            if Codec::named(&hello.codec).is_none() {
                let text = format!("the codec {:?} is not known; send postcard or json", hello.codec);
                return Err((Refusal::Codec, (Denial::Codec, text)));
            }
            Ok(self.terms.welcome)
        });
        checked.map_err(|(refusal, denied)| {
            self.end_with(PipeEnd::Refused(refusal));
            log::warn!(
                "foreground: a process that came to a pipe of {} does not fit: {}",
                self.label(),
                denied.1
            );
            denied
        })
    }

    fn came(self: Arc<Self>, link: &ConnectionLink, hello: &Hello) -> Arc<dyn Peer> {
        let mut state = self.state.lock();
        // Before anything can be sent: a child that does so and exits at once has come.
        state.link = state.end.is_none().then(|| Arc::clone(link));
        (state.came, state.told) = (true, state.end.is_some());
        let wait = state.wait.take();
        drop(state);
        drop(wait);
        let _ = self.codec.set(Codec::named(&hello.codec).unwrap_or_default());
        self
    }

    fn expired(&self) {
        self.end_with(PipeEnd::NeverStarted);
        log::warn!("foreground: nobody came in time with the ticket of a pipe of {}", self.label());
    }

    fn starting(&self, child: Arc<dyn Watched>) {
        self.state.lock().child = Some(child);
    }

    fn not_started(&self) {
        self.withdraw();
        self.end_with(PipeEnd::NeverStarted);
    }

    fn exited(self: Arc<Self>, status: Option<ExitStatus>) {
        let mut state = self.state.lock();
        state.exited = Some(status);
        // Who has come may have left something in the connection, whose end is told by itself.
        if state.came || state.end.is_some() {
            return;
        }
        let late = Arc::clone(&self);
        state.wait = Timer::at(Instant::now() + LATE, move || late.look_for_it(LOOKS)).ok();
        let is_timed = state.wait.is_some();
        drop(state);
        if !is_timed {
            self.look_for_it(0);
        }
    }

    fn ask_to_stop(&self) -> Asked {
        let mut state = self.state.lock();
        // Who has ended the pipe does not listen any more, though its connection may still be there.
        let link = state.link.clone().filter(|_| state.end.is_none());
        let (came, told) = (state.came, state.told);
        state.stopping = true;
        drop(state);
        match link {
            Some(link) if link.send(wire::frame(kind::CLOSED, |_| {}), When::Now).is_ok() => Asked::Told,
            _ if told => Asked::Told,
            _ if came => Asked::Gone,
            // Otherwise it is just being let in, and told then.
            _ if self.withdraw() || self.state.lock().end.is_some() => Asked::NotCome,
            _ => Asked::Told,
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> Peer for Intake<T> {
    fn welcomed(&self, link: &ConnectionLink, _: &Welcome) {
        let state = self.state.lock();
        // The receiver may have been closed while it came.
        let is_unwanted = state.link.is_none() || state.stopping;
        drop(state);
        if is_unwanted {
            say_closed(link);
        }
    }

    fn on_frame(&self, link: &ConnectionLink, kind: u8, payload: &[u8]) -> Result<(), Disconnect> {
        match kind {
            kind::MESSAGE => self.receive(link, payload),
            kind::START if payload.is_empty() => self.start(),
            kind::END => {
                self.end_with(match EndCode::read(payload)? {
                    EndCode::Stopped => PipeEnd::Stopped,
                    EndCode::Panicked => PipeEnd::Panicked,
                    EndCode::NeverStarted => PipeEnd::NeverStarted,
                });
                link.finish(Disconnect::closed_by_peer());
                Ok(())
            }
            _ => Err(wire::malformed("a frame of an unknown kind")),
        }
    }

    fn on_read(&self) {
        self.announce();
    }

    fn on_closed(self: Arc<Self>, reason: &Disconnect) {
        let link = self.state.lock().link.take();
        drop(link);
        let refusal = match reason.kind() {
            DisconnectKind::TooLarge => Refusal::TooLarge,
            DisconnectKind::Flooded => Refusal::Flooded,
            DisconnectKind::Malformed | DisconnectKind::Panicked => Refusal::Malformed,
            _ => {
                let label = self.terms.type_name.clone();
                self.lose();
                log::debug!("foreground: the process that sends to a pipe of {label} has gone: {reason}");
                return;
            }
        };
        self.end_with(PipeEnd::Refused(refusal));
        log::warn!("foreground: the process that sends to a pipe of {} was cut off: {reason}", self.label());
    }
}

/// Says that nothing more is wanted. The connection stays until the sender ends it: by its end the sender learns that this process has
/// gone, also when it was closed before.
fn say_closed(link: &ConnectionLink) {
    // If this fails, the connection has ended.
    let _ = link.send(wire::frame(kind::CLOSED, |_| {}), When::Now);
}

impl<T: Send + 'static> Remote for Intake<T> {
    fn closed(&self) {
        let mut state = self.state.lock();
        state.told |= state.link.is_some() && state.end.is_none();
        drop(state);
        // First, so that who comes just now finds it, and the end of the connection is no news.
        self.end_with(PipeEnd::Stopped);
        let link = self.state.lock().link.take();
        match link {
            Some(link) => say_closed(&link),
            None => {
                self.withdraw();
            }
        }
        let entrance = self.entrance.lock().take();
        drop(entrance);
    }

    fn made_room(&self) {
        let mut state = self.state.lock();
        state.owed += 1;
        if state.owed < self.step() {
            return;
        }
        let owed = std::mem::take(&mut state.owed);
        let link = state.link.clone();
        drop(state);
        if let Some(link) = link {
            let _ = link.send(wire::credit(owed), When::Now);
        }
    }

    fn end(&self) -> PipeEnd {
        self.state.lock().end.unwrap_or(PipeEnd::Lost(None))
    }
}
