//! What the senders of one connection share: the way to the router, and the room that is left.

mod newest;
mod room;
mod standing;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use self::room::Room;
pub(super) use self::standing::OnLost;
use self::standing::Standing;
use super::codec::Codec;
use super::connection::{Connection, ConnectionLink};
use super::error::{ConnectError, RemoteSendError, RemoteSendErrorKind};
use super::socket;
use super::ticket::Ticket;
use super::wire::{self, EndCode, kind};
use crate::net::{Disconnect, HIGH_WATER, NotSent, When, is_io_thread};
use crate::pipe::Wait;

/// How long the last sender waits for the system to take what was sent.
const LINGER: Duration = Duration::from_secs(10);

pub(super) struct Outlet {
    codec: Codec,
    /// How long a message may be.
    limit: usize,
    link: ConnectionLink,
    standing: Arc<Standing>,
}

impl Outlet {
    pub(super) fn connect(
        ticket: &Ticket,
        codec: Codec,
        type_name: String,
        on_lost: OnLost,
    ) -> Result<Self, ConnectError> {
        let standing = Arc::new(Standing::new(on_lost));
        let (link, welcome) = Connection::join(ticket, codec, type_name, Arc::clone(&standing) as _)?;
        Ok(Self { codec, limit: welcome.limit as usize, link, standing })
    }

    /// The sender is started.
    pub(super) fn start(&self) {
        self.send_frame(wire::frame(kind::START, |_| {}));
    }

    pub(super) fn send<T: Serialize>(&self, message: T, wait: Wait) -> Result<(), RemoteSendError<T>> {
        let refuse = |message, kind| Err(RemoteSendError { message, kind, source: None });
        let (Some(room), false) = (self.standing.room(), self.is_closed()) else {
            return refuse(message, RemoteSendErrorKind::Closed);
        };
        // The I/O thread cannot wait for room that it alone hears of.
        let wait = if is_io_thread() { Wait::Never } else { wait };
        let mut frame = Frame::begin();
        if let Err(error) = self.codec.write(&message, &mut frame.0) {
            let source = Some(error.into_source());
            return Err(RemoteSendError { message, kind: RemoteSendErrorKind::Codec, source });
        }
        if wire::end(&mut frame.0, self.limit).is_err() {
            return refuse(message, RemoteSendErrorKind::TooLarge);
        }
        let sent = match room {
            Room::Any => self.write(&mut frame.0, wait),
            Room::Bounded(bound) => room::acquire(bound, wait)
                .and_then(|()| self.write(&mut frame.0, wait).inspect_err(|_| bound.release())),
            Room::Latest(newest) => newest.send(&self.link, std::mem::take(&mut frame.0)),
        };
        sent.or_else(|kind| {
            if kind == RemoteSendErrorKind::Closed {
                // The thread that reads may not have come to see it.
                self.standing.close();
            }
            refuse(message, kind)
        })
    }

    fn write(&self, bytes: &mut Vec<u8>, wait: Wait) -> Result<(), RemoteSendErrorKind> {
        let deadline = match wait {
            Wait::Never if self.link.unsent() > HIGH_WATER => return Err(RemoteSendErrorKind::Full),
            // What others have put there meanwhile is no matter: this one is taken as well.
            Wait::Never => {
                let bytes = std::mem::take(bytes);
                return self.link.send(bytes, When::Gathered).map_err(|_| RemoteSendErrorKind::Closed);
            }
            Wait::Until(deadline) => Some(deadline),
            Wait::Forever => None,
        };
        self.link.send_when_room(bytes, When::Gathered, deadline).map_err(|not_sent| match not_sent {
            NotSent::Disconnected(_) => RemoteSendErrorKind::Closed,
            NotSent::TimedOut => RemoteSendErrorKind::TimedOut,
        })
    }

    fn send_frame(&self, bytes: Vec<u8>) {
        // If this fails, the connection has ended, which is told elsewhere.
        let _ = self.link.send(bytes, When::Now);
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        self.standing.wait_newest(deadline) && self.link.wait_flushed(deadline)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.standing.is_closed()
    }

    /// Ends the pipe, once all that was sent has been given to the system.
    pub(super) fn end(&self, end: EndCode) {
        self.standing.end();
        match self.standing.room() {
            Some(Room::Latest(newest)) => newest.end(&self.link, end.to_frame()),
            _ => self.send_frame(end.to_frame()),
        }
        if !self.flush(LINGER) && !self.is_closed() {
            log::warn!("foreground: the router did not take everything that was sent to it");
        }
        self.link.finish(Disconnect::closed_here());
        if !is_io_thread() {
            socket::wait_carried(self.link.stream(), Instant::now().checked_add(LINGER));
        }
    }
}

/// So much memory at most is kept by each thread that sends.
const KEPT: usize = 64 * 1024;

thread_local! {
    static MEMORY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A frame that is being written, in memory of this thread that is used again. Who sends while a message is written gets another.
struct Frame(Vec<u8>);

impl Frame {
    /// Begins one with a message.
    fn begin() -> Self {
        // None in a thread that is ending.
        let mut bytes = MEMORY.try_with(Cell::take).unwrap_or_default();
        wire::begin(kind::MESSAGE, &mut bytes);
        Self(bytes)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT {
            let bytes = std::mem::take(&mut self.0);
            let _ = MEMORY.try_with(|memory| memory.set(bytes));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::any::type_name;
    use std::sync::mpsc;

    use crate::MessageRouter;
    use crate::net::Timer;
    use crate::process::{RemotePipeOptions, RemoteSender};

    use super::*;

    /// A logger that sends is called there too.
    #[test]
    fn the_thread_that_would_hear_of_room_does_not_wait_for_it() {
        let router: MessageRouter = MessageRouter::new(|| {});
        router.start().unwrap();
        let options = RemotePipeOptions::new().bounded(1);
        let (ticket, _receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        let sender = RemoteSender::<u32>::from_ticket(ticket).unwrap().start();
        sender.send(1).unwrap();
        let (done, is_done) = mpsc::channel();
        let _call = Timer::at(Instant::now(), move || {
            done.send(sender.send(2).map_err(|error| error.kind())).unwrap();
        });
        let sent = is_done.recv_timeout(Duration::from_secs(60)).expect("it does not wait");
        assert_eq!(sent, Err(RemoteSendErrorKind::Full));
    }

    #[test]
    fn of_a_latest_pipe_one_value_at_most_is_on_its_way_however_many_are_sent() {
        const SIZE: usize = 1 << 18;
        const LAST: u8 = 50;
        let router: MessageRouter = MessageRouter::new(|| {});
        router.start().unwrap();
        let options = RemotePipeOptions::new().latest();
        let (ticket, receiver) = router.remote_pipe_with::<Vec<u8>>(options).unwrap();
        let type_name = type_name::<Vec<u8>>().into();
        let outlet = Outlet::connect(&ticket, Codec::Postcard, type_name, OnLost::Close).unwrap();
        outlet.start();
        for n in 1..=LAST {
            outlet.send(vec![n; SIZE], Wait::Forever).unwrap();
            let unsent = outlet.link.unsent();
            assert!(unsent < SIZE + 100, "{unsent} bytes at the value {n}");
        }
        assert!(outlet.flush(Duration::from_secs(60)));
        let mut newest = 0;
        let timeout = Duration::from_secs(60);
        let mut look = |_: &mut ()| {
            newest = receiver.try_recv().map_or(newest, |value| value[0]);
            newest == LAST
        };
        assert!(router.route_until(&mut (), &mut look, timeout).is_ok());
        outlet.end(EndCode::Stopped);
    }
}
