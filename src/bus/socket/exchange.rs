//! One request and its response, on a connection of their own: the client's side.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use socket2::SockAddr;

use super::FromMessage;
use super::decoder::MessageDecoder;
use super::message::Message;
use super::options::Settings;
use crate::bus::error::{ResponseError, SendResponseError};
use crate::bus::pending::{Await, Unfinished, park_for};
use crate::bus::slot::{Deliver, Outcome, Slot};
use crate::net::{
    Disconnect, DisconnectKind, Link, PeerAddress, Protocol, Reading, Stream, Target, When, is_io_thread,
};
use crate::pipe::Wait;
use crate::sync::current;

/// A response as it came, and from where.
type Response = (Message, PeerAddress);

/// A request that was sent, or will be when the connection is made.
pub(super) struct Exchange {
    slot: Slot<Response>,
    settings: Settings,
    /// Not the link itself: its socket goes when the connection ends, even if the response is not taken.
    link: Mutex<Weak<Link<Asking>>>,
    /// `None` once the request was given to a connection.
    attempts: Mutex<Option<Attempts>>,
}

/// What is left to try.
struct Attempts {
    addresses: std::vec::IntoIter<SockAddr>,
    request: Vec<u8>,
}

/// The connection.
struct Asking {
    exchange: Arc<Exchange>,
    peer: PeerAddress,
}

impl Exchange {
    /// Begins to connect to one address of the target after the other, and sends the request to the first that answers.
    pub(super) fn with(target: &Target, request: Vec<u8>, settings: Settings) -> Arc<Self> {
        let addresses = target.addresses().to_vec().into_iter();
        let exchange = Self::new(settings, Some(Attempts { addresses, request }));
        exchange.connect(unreachable("the host has no address"));
        exchange
    }

    /// Sends the request over a stream that is connected.
    pub(super) fn over(stream: Stream, request: Vec<u8>, settings: Settings) -> Arc<Self> {
        let exchange = Self::new(settings, None);
        let opened = stream.peer_address().and_then(|peer| {
            let asking = Asking { exchange: exchange.clone(), peer };
            let decoder = MessageDecoder::new(settings.limits);
            let mut current = exchange.link.lock();
            let link = Link::open(stream, decoder, asking, settings.of_client())?;
            *current = Arc::downgrade(&link);
            Ok(link)
        });
        match opened {
            // If it cannot be written, the end of the connection will be read.
            Ok(link) => drop(link.send(request, When::Now)),
            Err(error) => exchange.fail(Disconnect::io("taking the stream", error)),
        }
        exchange
    }

    /// One that has failed already.
    pub(super) fn without_address(settings: Settings) -> Arc<Self> {
        let exchange = Self::new(settings, None);
        exchange.fail(unreachable("the client was made without an address; send the request over a stream"));
        exchange
    }

    fn new(settings: Settings, attempts: Option<Attempts>) -> Arc<Self> {
        Arc::new(Self {
            slot: Slot::new(),
            settings,
            link: Mutex::new(Weak::new()),
            attempts: Mutex::new(attempts),
        })
    }

    /// Tries the next address. `reason` is why there is need to.
    fn connect(self: &Arc<Self>, mut reason: Disconnect) {
        while let Some(address) = self.next_address() {
            let asking = Asking { exchange: self.clone(), peer: PeerAddress::of(&address) };
            let decoder = MessageDecoder::new(self.settings.limits);
            // The lock is held, lest the attempt after this one, should it fail at once, be entered before it.
            let mut current = self.link.lock();
            match Link::connect(address, decoder, asking, self.settings.of_client()) {
                Ok(link) => {
                    *current = Arc::downgrade(&link);
                    drop(current);
                    // Given up meanwhile, when there was no link to be closed.
                    if self.slot.is_abandoned() {
                        link.close(Disconnect::closed_here());
                    }
                    return;
                }
                Err(error) => {
                    let text = "the connection could not be made";
                    reason = Disconnect::with_source(DisconnectKind::Unreachable, text, error);
                }
            }
        }
        self.fail(reason);
    }

    fn next_address(&self) -> Option<SockAddr> {
        if self.slot.is_abandoned() {
            return None;
        }
        self.attempts.lock().as_mut()?.addresses.next()
    }

    fn fail(&self, reason: Disconnect) {
        self.settle(Err(ResponseError::Connection(reason)));
    }

    /// The first outcome counts. If nobody wants it, it is dropped.
    fn settle(&self, outcome: Outcome<Response>) {
        drop(self.slot.settle(outcome));
    }

    fn link(&self) -> Option<Arc<Link<Asking>>> {
        self.link.lock().upgrade()
    }
}

fn unreachable(text: &str) -> Disconnect {
    Disconnect::new(DisconnectKind::Unreachable, text)
}

impl Protocol for Asking {
    type Decoder = MessageDecoder;

    fn on_connected(&self, link: &Arc<Link<Self>>) {
        let attempts = self.exchange.attempts.lock().take();
        if let Some(Attempts { request, .. }) = attempts {
            // If it cannot be written, the end of the connection will be read.
            drop(link.send(request, When::Now));
        }
    }

    fn on_message(&self, link: &Arc<Link<Self>>, message: Message) -> Result<(), Disconnect> {
        self.exchange.settle(Ok((message, self.peer.clone())));
        // The server has sent all that it will send, so a reset destroys nothing.
        link.close(Disconnect::closed_here());
        Ok(())
    }

    fn on_eof(&self, link: &Arc<Link<Self>>, reason: Disconnect) {
        match reason.kind() {
            DisconnectKind::ClosedByPeer => self.exchange.settle(Err(ResponseError::NoResponse)),
            _ => self.exchange.fail(reason.clone()),
        }
        link.close(reason);
    }

    fn on_closed(&self, reason: &Disconnect) {
        if reason.kind() == DisconnectKind::Unreachable {
            self.exchange.connect(reason.clone());
        } else {
            self.exchange.fail(reason.clone());
        }
    }
}

/// A response to be waited for, with what converts it.
pub(super) struct Awaited<R> {
    pub(super) exchange: Arc<Exchange>,
    pub(super) from_message: Arc<FromMessage<R>>,
}

impl<R> Awaited<R> {
    fn converted(&self, outcome: Outcome<Response>) -> Outcome<R> {
        convert(&*self.from_message, outcome)
    }
}

fn convert<R>(from_message: &FromMessage<R>, outcome: Outcome<Response>) -> Outcome<R> {
    let (message, peer) = outcome?;
    from_message(message, &peer).map_err(|error| ResponseError::Convert(error.into()))
}

impl<R: 'static> Await<R> for Awaited<R> {
    fn take(&self) -> Option<Outcome<R>> {
        self.exchange.slot.take().map(|outcome| self.converted(outcome))
    }

    /// Reads the connection meanwhile, if no other thread does.
    fn wait(&self, wait: Wait) -> Result<Outcome<R>, Unfinished> {
        let slot = &self.exchange.slot;
        if is_io_thread() {
            return self.take().ok_or(Unfinished::WouldDeadlock);
        }
        let deadline = match wait {
            Wait::Until(deadline) => Some(deadline),
            Wait::Forever | Wait::Never => None,
        };
        loop {
            if let Some(outcome) = slot.take_or_unpark(current()) {
                return Ok(self.converted(outcome));
            }
            let reading = match self.exchange.link() {
                Some(link) => link.read_until(deadline, || slot.is_settled()),
                None => Reading::Elsewhere,
            };
            match reading {
                Reading::Done => {}
                Reading::TimedOut => return self.take().ok_or(Unfinished::Timeout),
                Reading::Elsewhere => park_for(wait)?,
            }
        }
    }

    fn deliver_to(&self, callback: Box<dyn Deliver<R>>) {
        let from_message = self.from_message.clone();
        self.exchange.slot.deliver_to(Box::new(Converting { from_message, callback }));
    }

    fn abandon(&self) {
        if self.exchange.slot.abandon()
            && let Some(link) = self.exchange.link()
        {
            link.close(Disconnect::closed_here());
        }
    }
}

/// Converts a response on its way to the foreground.
struct Converting<R> {
    from_message: Arc<FromMessage<R>>,
    callback: Box<dyn Deliver<R>>,
}

impl<R> Deliver<Response> for Converting<R> {
    fn deliver(self: Box<Self>, outcome: Outcome<Response>) -> Result<(), SendResponseError<Response>> {
        let Self { from_message, callback } = *self;
        let converted = catch_unwind(AssertUnwindSafe(|| convert(&*from_message, outcome)));
        let outcome = converted.unwrap_or_else(|_| {
            let text = "the function that converts the response panicked";
            Err(ResponseError::Connection(Disconnect::new(DisconnectKind::Panicked, text)))
        });
        // If it comes back, the router was stopped.
        drop(callback.deliver(outcome));
        Ok(())
    }

    fn is_closed(&self) -> bool {
        self.callback.is_closed()
    }
}
