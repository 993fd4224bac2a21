//! One request and its response, on a connection of their own: the server's side.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::decoder::MessageDecoder;
use super::message::Message;
use super::options::Settings;
use crate::net::{
    Admission, Disconnect, Link, Members, Membership, PeerAddress, Protocol, Stream, is_io_thread,
};

/// A connection to a client.
pub(super) type Connection = Link<Serving>;

/// Takes the request, on the I/O thread, when it is whole.
type OnRequest = Box<dyn FnOnce(&Arc<Connection>, Message) + Send>;

pub(super) struct Serving {
    pub(super) peer: PeerAddress,
    stage: Mutex<Stage>,
    hub: Arc<Hub>,
    /// Dropped with the connection.
    _places: (Option<Admission>, Membership<Serving>),
}

/// How far a connection is.
enum Stage {
    /// The request is not whole.
    Receiving(OnRequest),
    /// The request waits for its response.
    UnderWay,
    /// Somebody gives the response.
    Responding,
    Over,
}

/// All connections of a server.
#[derive(Default)]
pub(super) struct Hub {
    members: Members<Serving>,
    /// Requests that are whole, and whose connections are open.
    under_way: Mutex<usize>,
    /// One less is.
    settled: Condvar,
    closed: AtomicBool,
}

impl Hub {
    /// Takes a connection in.
    pub(super) fn admit(
        self: &Arc<Self>,
        stream: Stream,
        peer: PeerAddress,
        admission: Option<Admission>,
        settings: &Settings,
        on_request: impl FnOnce(&Arc<Connection>, Message) + Send + 'static,
    ) -> std::io::Result<()> {
        let serving = Serving {
            peer,
            stage: Mutex::new(Stage::Receiving(Box::new(on_request))),
            hub: self.clone(),
            _places: (admission, self.members.admit()),
        };
        let decoder = MessageDecoder::new(settings.limits);
        let link = Link::open(stream, decoder, serving, settings.of_server())?;
        link.protocol()._places.1.enter(&link);
        // SeqCst, as in `close`: of a connection that comes while the server closes, one of the two sees the other.
        if self.closed.load(Ordering::SeqCst) {
            turn_away(&link);
        }
        Ok(())
    }

    /// Takes no more requests. Those that are whole can be answered.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.members.all().iter().for_each(turn_away);
    }

    pub(super) fn under_way(&self) -> usize {
        *self.under_way.lock()
    }

    /// Waits until every request is answered and every response is written.
    pub(super) fn wait(&self, deadline: Option<Instant>) {
        let mut under_way = self.under_way.lock();
        while *under_way > 0 && !is_io_thread() {
            match deadline {
                None => self.settled.wait(&mut under_way),
                Some(deadline) => {
                    if self.settled.wait_until(&mut under_way, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        drop(under_way);
        for link in self.members.all() {
            if !link.is_open() {
                link.wait_flushed(deadline);
            }
        }
    }

    /// Cuts off all that wait for a response, and returns how many that were.
    pub(super) fn cut_off(&self) -> usize {
        self.members.all().iter().filter(|link| cut_off(link)).count()
    }
}

/// Lets a client go whose request is not whole.
fn turn_away(link: &Arc<Connection>) {
    let Some(on_request) = link.protocol().leave(|stage| matches!(stage, Stage::Receiving(_))) else {
        return;
    };
    drop(on_request);
    link.finish(Disconnect::closed_here());
}

fn cut_off(link: &Arc<Connection>) -> bool {
    let was_under_way = link.protocol().leave(|stage| matches!(stage, Stage::UnderWay)).is_some();
    if was_under_way {
        link.protocol().hub.settle();
        link.finish(Disconnect::closed_here());
    }
    was_under_way
}

impl Hub {
    fn settle(&self) {
        *self.under_way.lock() -= 1;
        self.settled.notify_all();
    }
}

impl Serving {
    /// Ends a stage, if it is this one, and returns what belonged to it.
    fn leave(&self, is_it: impl FnOnce(&Stage) -> bool) -> Option<Stage> {
        let mut stage = self.stage.lock();
        is_it(&stage).then(|| mem::replace(&mut *stage, Stage::Over))
    }

    /// Claims the right to respond, unless the connection has ended.
    pub(super) fn begin_response(&self) -> bool {
        let mut stage = self.stage.lock();
        let may = matches!(*stage, Stage::UnderWay);
        if may {
            *stage = Stage::Responding;
        }
        may
    }
}

impl Protocol for Serving {
    type Decoder = MessageDecoder;

    fn on_message(&self, link: &Arc<Connection>, message: Message) -> Result<(), Disconnect> {
        let mut stage = self.stage.lock();
        match mem::replace(&mut *stage, Stage::UnderWay) {
            Stage::Receiving(on_request) => {
                *self.hub.under_way.lock() += 1;
                drop(stage);
                on_request(link, message);
            }
            before => *stage = before,
        }
        Ok(())
    }

    fn on_bad_input(&self, link: &Arc<Connection>, reason: Disconnect) {
        log::warn!("foreground: the client {} is cut off: {reason}", self.peer);
        // In order, so that a client that is still sending is not reset.
        link.finish(reason);
    }

    /// A client that has sent its request may still wait for the response.
    fn on_eof(&self, link: &Arc<Connection>, reason: Disconnect) {
        if matches!(*self.stage.lock(), Stage::Receiving(_)) {
            link.close(reason);
        }
    }

    fn on_closed(&self, _: &Disconnect) {
        let stage = mem::replace(&mut *self.stage.lock(), Stage::Over);
        if matches!(stage, Stage::UnderWay | Stage::Responding) {
            self.hub.settle();
        }
    }

    /// Whoever waits for a response is not idle.
    fn is_idle(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Receiving(_))
    }
}
