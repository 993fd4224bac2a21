//! One connection's two conversations: what we asked, and what we are asked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use serde::Serialize;

use super::codec::{Content, Envelope, Id, Kind, Wire};
use super::frame::{self, FrameDecoder};
use super::options::Settings;
use super::pending::Pending;
use super::slot::{Failure, ReplySlot};
use super::{RemoteError, SendError};
use crate::net::{
    Admission, Disconnect, DisconnectKind, HIGH_WATER, Link, Mailbox, Membership, NotSent, PeerAddress,
    Protocol, Stream, When,
};

/// A peer that sends this many times more than the limits allow, while we wait for its reply, is cut off. Otherwise it is
/// only not read any more; but then its replies would not be read either.
const PATIENCE: usize = 4;

/// With more requests than this under way, one more is written together with others: each by itself costs a system call.
const MANY: usize = 4;

/// The connection, with all that is known of it.
pub(super) type Connection = Link<Core>;

pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    pub(super) pending: Pending,
    /// Requests that nobody has taken.
    pub(super) inbox: Mailbox<Incoming>,
    pub(super) peer: Option<PeerAddress>,
    /// Handles by which the user holds the connection: it is closed when there is none.
    holds: AtomicUsize,
    load: Mutex<Load>,
    /// Something was answered.
    answered: Condvar,
    /// Why no more requests come.
    ended: Mutex<Option<Disconnect>>,
    /// What the peer said before it closed.
    farewell: Mutex<Option<String>>,
    /// Dropped with the connection.
    _places: (Option<Admission>, Option<Membership<Core>>),
}

/// Requests that have come and are not answered, and their bytes.
#[derive(Default)]
struct Load {
    requests: usize,
    bytes: usize,
    /// No more are taken.
    leaving: bool,
}

/// A request as it came. Dropped, it answers that it was dropped.
pub(super) struct Incoming {
    link: Arc<Connection>,
    id: Id,
    content: Option<Content>,
    bytes: usize,
    answered: bool,
}

/// Holds the connection open.
pub(super) struct Hold(Arc<Connection>);

impl Hold {
    pub(super) fn new(link: &Arc<Connection>) -> Self {
        link.protocol().holds.fetch_add(1, Ordering::Relaxed); // whoever calls holds the link
        Self(link.clone())
    }

    pub(super) fn link(&self) -> &Arc<Connection> {
        &self.0
    }

    pub(super) fn core(&self) -> &Core {
        self.0.protocol()
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // AcqRel: what the other handles did is done before the connection is closed.
        if self.core().holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.finish(Disconnect::closed_here());
            // What nobody took holds the connection itself.
            self.core().inbox.clear();
        }
    }
}

/// Makes a connection of a stream.
pub(super) fn open(
    stream: Stream,
    peer: Option<PeerAddress>,
    settings: &Arc<Settings>,
    admission: Option<Admission>,
    membership: Option<Membership<Core>>,
) -> std::io::Result<Hold> {
    let core = Core {
        settings: settings.clone(),
        pending: Pending::default(),
        inbox: Mailbox::new(),
        peer: peer.or_else(|| stream.peer_address().ok()),
        holds: AtomicUsize::new(0),
        load: Mutex::default(),
        answered: Condvar::new(),
        ended: Mutex::default(),
        farewell: Mutex::default(),
        _places: (admission, membership),
    };
    let link = Link::open(stream, FrameDecoder::new(settings.message_limit), core, settings.timeouts)?;
    let hold = Hold::new(&link);
    if let Some(membership) = &link.protocol()._places.1 {
        membership.enter(&link);
    }
    Ok(hold)
}

impl Core {
    /// Encodes a message into a frame.
    pub(super) fn frame<T: Serialize + ?Sized>(
        &self,
        kind: Kind,
        id: &Id,
        content: &T,
    ) -> Result<Vec<u8>, SendError> {
        let mut frame = frame::begin();
        let Settings { wire, serializers, message_limit, .. } = &*self.settings;
        wire.encode(kind, id, content, serializers, &mut frame).map_err(SendError::Encode)?;
        frame::end(&mut frame, *message_limit)
            .map_err(|length| SendError::TooLarge { length, limit: *message_limit })?;
        Ok(frame)
    }

    /// Why no more requests come, if so.
    pub(super) fn ended(&self) -> Option<Disconnect> {
        self.ended.lock().clone()
    }

    /// Nothing more comes.
    fn end(&self, reason: &Disconnect) {
        self.ended.lock().get_or_insert_with(|| reason.clone());
        self.pending.close(reason);
        self.inbox.close();
    }

    /// Reads no more while there is too much to do, or the peer does not take what it asked for.
    pub(super) fn regulate(&self, link: &Connection) {
        // Held to the end, so that who looks last also has the last word.
        let load = self.load.lock();
        let full = load.requests > self.settings.request_limit || load.bytes > self.settings.unanswered_limit;
        let is_enough = || load.leaving || full || link.unsent() > HIGH_WATER;
        // A reply that is waited for must be read, whatever else the peer sends.
        link.set_paused(self.pending.is_empty() && is_enough());
    }

    /// Counts a request, or says that it is too much.
    fn take_on(&self, bytes: usize) -> Result<(), Disconnect> {
        let mut load = self.load.lock();
        load.requests += 1;
        load.bytes += bytes;
        let Settings { request_limit, unanswered_limit, .. } = *self.settings;
        let is_too_much =
            load.requests / PATIENCE > request_limit || load.bytes / PATIENCE > unanswered_limit;
        // Otherwise it is not read any more, and what came together with the last that was read does no harm.
        if is_too_much && !self.pending.is_empty() {
            return Err(Disconnect::new(
                DisconnectKind::Flooded,
                format!(
                    "the peer sent {} requests of {} bytes without waiting for answers",
                    load.requests, load.bytes
                ),
            ));
        }
        Ok(())
    }

    /// Cuts off a peer for which far too much waits, as it does not read what it asked for.
    fn limit_unsent(&self, link: &Connection) -> Result<(), Disconnect> {
        let unsent = link.unsent();
        // One answer alone may be as long as a message.
        let limit = self.settings.unanswered_limit.max(self.settings.message_limit);
        if unsent / PATIENCE <= limit {
            return Ok(());
        }
        let reason = Disconnect::new(
            DisconnectKind::Flooded,
            format!("the peer asked for more than it reads: {unsent} bytes wait for it"),
        );
        log::warn!("foreground: {self} is cut off: {reason}");
        link.close(reason.clone());
        Err(reason)
    }

    fn lay_off(&self, bytes: usize) -> usize {
        let mut load = self.load.lock();
        load.requests -= 1;
        load.bytes -= bytes;
        self.answered.notify_all();
        load.requests
    }

    /// Reads nothing more; what is unanswered still is to be answered.
    pub(super) fn leave(&self, link: &Connection) {
        self.load.lock().leaving = true;
        self.regulate(link);
    }

    /// Waits until everything is answered, and returns what is not by then.
    pub(super) fn wait_answered(&self, deadline: Option<Instant>) -> usize {
        let mut load = self.load.lock();
        while load.requests > 0 {
            match deadline {
                None => self.answered.wait(&mut load),
                Some(deadline) => {
                    if self.answered.wait_until(&mut load, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        load.requests
    }

    fn is_unanswered(&self) -> bool {
        self.load.lock().requests > 0
    }

    fn on_reply(&self, id: &Id, outcome: impl FnOnce() -> Result<Content, Failure>) {
        let slot = match id {
            Id::Number(id) => self.pending.remove(*id),
            Id::Other(_) => None,
        };
        match slot {
            Some(slot) => slot.complete(outcome()),
            None => log::debug!("foreground: {self} replied to a request that nobody waits for: {id:?}"),
        }
    }

    fn remote_error(&self, content: &Content) -> RemoteError {
        let text =
            content.to::<String>(&self.settings.serializers).unwrap_or_else(|_| format!("{content:?}")); // it should be a text
        RemoteError::new(self.peer.clone(), text)
    }
}

impl std::fmt::Display for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.peer {
            Some(peer) => write!(f, "the peer {peer}"),
            None => f.write_str("a peer"),
        }
    }
}

impl Protocol for Core {
    type Decoder = FrameDecoder;

    fn on_message(&self, link: &Arc<Connection>, frame: Vec<u8>) -> Result<(), Disconnect> {
        let bytes = frame.len();
        let Envelope { kind, id, content } = self.settings.wire.decode(frame).map_err(|error| {
            let kind = match error.peer_speaks() {
                Some(codec) => {
                    let wire = Wire::built_in(codec);
                    if let Some(id) = error.asked_as() {
                        // The original does not know farewells, but its requests can fail.
                        say_why(link, wire.as_ref(), id, &error.to_string());
                    }
                    say_farewell(link, wire.as_ref(), &error.to_string());
                    DisconnectKind::CodecMismatch
                }
                None => DisconnectKind::Malformed,
            };
            Disconnect::with_source(kind, "the peer sent what is no message", error)
        })?;
        match kind {
            Kind::Request => {
                let incoming =
                    Incoming { link: link.clone(), id, content: Some(content), bytes, answered: false };
                self.take_on(bytes)?;
                // After the end there is nobody to take it, and the drop answers it.
                let _ = self.inbox.push(incoming);
                self.regulate(link);
            }
            Kind::Result => self.on_reply(&id, || Ok(content)),
            Kind::Exception if id == Id::Other(super::Value::Null) => {
                *self.farewell.lock() = Some(self.remote_error(&content).text().trim_end().to_owned());
            }
            Kind::Exception => self.on_reply(&id, || Err(Failure::Remote(self.remote_error(&content)))),
        }
        Ok(())
    }

    fn on_bad_input(&self, link: &Arc<Connection>, reason: Disconnect) {
        log::warn!("foreground: {self} is cut off: {reason}");
        if reason.kind() != DisconnectKind::CodecMismatch {
            say_farewell(link, Some(&self.settings.wire), &reason.to_string());
        }
        link.finish(reason);
    }

    /// What came before is still to be answered, and the peer may still read.
    fn on_eof(&self, link: &Arc<Connection>, reason: Disconnect) {
        let reason = match self.farewell.lock().take() {
            Some(text) => Disconnect::new(reason.kind(), format!("{reason}, and said: {text}")),
            None => reason,
        };
        self.end(&reason);
        if !self.is_unanswered() {
            // Not at once: answers may still be on their way.
            link.finish(reason);
        }
    }

    fn on_closed(&self, reason: &Disconnect) {
        self.end(reason);
    }

    fn on_room(&self, link: &Arc<Connection>) {
        self.regulate(link);
    }

    fn is_idle(&self) -> bool {
        !self.is_unanswered() && self.pending.is_empty()
    }
}

/// Tells the peer why it is cut off, by an exception that belongs to no request.
fn say_farewell(link: &Arc<Connection>, wire: Option<&Wire>, text: &str) {
    say_why(link, wire, &Id::Other(super::Value::Null), text);
}

/// Tells the peer why it is cut off, as the failure of a request of its.
fn say_why(link: &Arc<Connection>, wire: Option<&Wire>, id: &Id, text: &str) {
    let Some(wire) = wire else { return };
    let core = link.protocol();
    let mut frame = frame::begin();
    let text = format!("ProtocolError: {text}\n");
    if wire.encode(Kind::Exception, id, &text, &core.settings.serializers, &mut frame).is_ok()
        && frame::end(&mut frame, core.settings.message_limit).is_ok()
    {
        // If it cannot be told, it is not.
        let _ = link.send(frame, When::Now);
    }
}

impl Incoming {
    pub(super) fn link(&self) -> &Arc<Connection> {
        &self.link
    }

    pub(super) fn content(&self) -> Option<&Content> {
        self.content.as_ref()
    }

    /// Sends the answer. If it cannot be encoded, the asker is told so, and so is the caller.
    pub(super) fn answer<T: Serialize + ?Sized>(
        &mut self,
        kind: Kind,
        content: &T,
        deadline: Wait,
    ) -> Result<(), SendError> {
        if let Some(reason) = gone(&self.link) {
            self.answered = true;
            return Err(reason);
        }
        let core = self.link.protocol();
        let frame = core.frame(kind, &self.id, content);
        match frame {
            Ok(frame) => {
                self.answered = true;
                let when = if core.load.lock().requests > MANY { When::Soon } else { When::Now };
                send(&self.link, frame, when, deadline)
            }
            Err(error) => {
                self.refuse("EncodeError", &error.to_string());
                Err(error)
            }
        }
    }

    /// Answers with an error that is short, and never waits.
    pub(super) fn refuse(&mut self, kind: &str, text: &str) {
        self.answered = true;
        let text = failure_text(kind, text);
        if let Ok(frame) = self.link.protocol().frame(Kind::Exception, &self.id, &text) {
            // A peer that is gone needs no answer.
            let _ = send(&self.link, frame, When::Now, Wait::Never);
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.answered && self.link.is_open() {
            self.refuse("NoReply", "the request was dropped unanswered");
        }
        drop(self.content.take());
        let core = self.link.protocol();
        if core.lay_off(self.bytes) == 0
            && let Some(reason) = core.ended()
        {
            // It was the last that a peer had asked which asks no more.
            self.link.finish(reason);
        } else {
            core.regulate(&self.link);
        }
    }
}

/// The text of an exception, as the protocol has it.
pub(super) fn failure_text(kind: &str, text: &str) -> String {
    format!("{kind}: {text}\n")
}

/// Whether to wait for room, and how long.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    Never,
    Until(Option<Instant>),
}

/// Why nothing can be sent, if so: then nothing need be encoded.
fn gone(link: &Connection) -> Option<SendError> {
    if link.is_open() {
        return None;
    }
    Some(SendError::Disconnected(link.reason().unwrap_or_else(Disconnect::closed_here)))
}

fn send(link: &Arc<Connection>, mut frame: Vec<u8>, when: When, wait: Wait) -> Result<(), SendError> {
    match wait {
        Wait::Never => {
            link.send(frame, when).map_err(SendError::Disconnected)?;
            link.protocol().limit_unsent(link).map_err(SendError::Disconnected)
        }
        Wait::Until(deadline) => {
            link.send_when_room(&mut frame, when, deadline).map_err(|error| match error {
                NotSent::Disconnected(reason) => SendError::Disconnected(reason),
                NotSent::TimedOut => SendError::TimedOut,
            })
        }
    }
}

/// Sends a request, and says where its reply will be.
pub(super) fn ask<T: Serialize + ?Sized>(
    hold: &Hold,
    content: &T,
    wait: Wait,
) -> Result<(u64, Arc<ReplySlot>), SendError> {
    if let Some(reason) = gone(hold.link()) {
        return Err(reason);
    }
    let core = hold.core();
    let id = core.pending.next_id();
    let frame = core.frame(Kind::Request, &Id::Number(id), content)?;
    let slot = Arc::new(ReplySlot::new());
    let unwaited = core.pending.insert(id, slot.clone()).map_err(SendError::Disconnected)?;
    let when = if unwaited > MANY { When::Soon } else { When::Now };
    core.regulate(hold.link());
    if let Err(error) = send(hold.link(), frame, when, wait) {
        core.pending.remove(id);
        core.pending.waited();
        return Err(error);
    }
    Ok((id, slot))
}

/// Runs what belongs to the user, on a thread that is not his.
pub(super) fn guarded<R>(what: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(what)).ok()
}
