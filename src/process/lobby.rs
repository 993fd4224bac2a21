//! Where those who were given a ticket come in: one door for all remote pipes of this process, opened with the first
//! and closed with the last.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::{Connection, ConnectionLink, GREETING_TIME, Peer};
use super::socket::{Door, STRANGERS};
use super::ticket::{Secret, Ticket};
use super::wire::{Denial, Hello, VERSION, Welcome};
use crate::net::{Disconnect, DisconnectKind, Link, Timer};

/// Who has a ticket out. Called on the I/O thread, unless it says otherwise.
pub(super) trait Invited: Send + Sync {
    /// Says how somebody who has shown the ticket comes in, or why not. The ticket is spent either way.
    fn admit(&self, hello: &Hello) -> Result<Welcome, (Denial, String)>;
    /// It comes in; returns who is at this end from now on.
    fn came(self: Arc<Self>, link: &ConnectionLink, hello: &Hello) -> Arc<dyn Peer>;
    /// Nobody came in time.
    fn expired(&self);
    /// A child process is about to be started with the ticket. On the thread that does.
    fn starting(&self, child: Arc<dyn Watched>);
    /// It was not, so nobody will come. On that thread.
    fn not_started(&self);
    /// That child has ended. On a thread that waits for it.
    fn exited(self: Arc<Self>, status: Option<ExitStatus>);
    /// Tells whoever came with the ticket to stop, and lets nobody in with it any more. On any thread.
    fn ask_to_stop(&self) -> Asked;
}

/// What became of the request to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// Nobody has come who could be told.
    NotCome,
    /// Somebody has come, and has ended the pipe.
    Gone,
    /// It was told, by this or by an earlier close of the pipe.
    Told,
}

/// A child process of which somebody wants to know how it ended.
pub(super) trait Watched: Send + Sync {
    /// Calls back, at once if it has ended, with what is known of it.
    fn on_exit(&self, callback: Box<dyn FnOnce(Option<ExitStatus>) + Send>);
}

/// What became of so many tickets is remembered, to tell those who come with one.
const REMEMBERED: usize = 1024;

static SHARED: Mutex<Weak<Lobby>> = Mutex::new(Weak::new());

pub(super) struct Lobby {
    door: Door,
    desk: Mutex<Desk>,
    /// Who has come and shown no ticket yet, the oldest first; and some who have gone.
    strangers: Mutex<VecDeque<Weak<Link<Connection>>>>,
}

#[derive(Default)]
struct Desk {
    last_number: u64,
    open: HashMap<u64, Invitation>,
    spent: VecDeque<(u64, Denial)>,
}

struct Invitation {
    secret: Secret,
    invited: Arc<dyn Invited>,
    /// Ends it. None if it is for ever, or the time is up.
    timer: Option<Timer>,
}

impl Desk {
    fn close(&mut self, number: u64, why: Denial) -> Option<Invitation> {
        let invitation = self.open.remove(&number)?;
        if self.spent.len() == REMEMBERED {
            self.spent.pop_front();
        }
        self.spent.push_back((number, why));
        Some(invitation)
    }
}

impl Lobby {
    /// The lobby of this process.
    fn shared() -> io::Result<Arc<Self>> {
        let mut shared = SHARED.lock();
        if let Some(lobby) = shared.upgrade() {
            return Ok(lobby);
        }
        let lobby = Self::open(GREETING_TIME)?;
        *shared = Arc::downgrade(&lobby);
        Ok(lobby)
    }

    /// Opens one, in which a stranger has so long to show its ticket.
    fn open(patience: Duration) -> io::Result<Arc<Self>> {
        let slot = Arc::new(OnceLock::<Weak<Self>>::new());
        let receiving = Arc::clone(&slot);
        let door = Door::open(move |stream, admission| {
            // Whoever comes before it is set has no ticket of ours: there is none yet.
            if let Some(lobby) = receiving.get().and_then(Weak::upgrade) {
                Connection::receive(stream, &lobby, admission, patience);
            }
        })?;
        let lobby = Arc::new(Self { door, desk: Mutex::default(), strangers: Mutex::default() });
        let _ = slot.set(Arc::downgrade(&lobby));
        Ok(lobby)
    }

    /// Somebody has come. If there are too many who say nothing, the one that has been silent for longest has to go: those who were
    /// invited show their ticket at once, and must not wait until the others' time is up.
    pub(super) fn stands_at_the_door(&self, link: &ConnectionLink) {
        let mut strangers = self.strangers.lock();
        strangers.push_back(Arc::downgrade(link));
        if strangers.len() <= STRANGERS {
            return;
        }
        // Kept until the lock is free: with the last handle goes what is the user's.
        let links: Vec<_> = strangers.iter().filter_map(Weak::upgrade).collect();
        *strangers = links.iter().filter(|link| link.protocol().is_stranger()).map(Arc::downgrade).collect();
        let oldest = if strangers.len() > STRANGERS { strangers.pop_front() } else { None };
        drop(strangers);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            oldest.close(Disconnect::new(
                DisconnectKind::TimedOut,
                "too many came after it, and it said nothing",
            ));
        }
    }

    fn invite(self: &Arc<Self>, invited: Arc<dyn Invited>, time: Option<Duration>) -> io::Result<Ticket> {
        let secret = Secret::random()?;
        let mut desk = self.desk.lock();
        desk.last_number += 1;
        let number = desk.last_number;
        let invitation = Invitation { secret: secret.clone(), invited: Arc::clone(&invited), timer: None };
        desk.open.insert(number, invitation);
        drop(desk);
        // Not under the lock, which the timer's call takes as well.
        if let Some(deadline) = time.and_then(|time| Instant::now().checked_add(time)) {
            let lobby = Arc::downgrade(self);
            let timer = Timer::at(deadline, move || expire(&lobby, number));
            let timer = timer.inspect_err(|_| drop(self.desk.lock().close(number, Denial::Expired)))?;
            if let Some(invitation) = self.desk.lock().open.get_mut(&number) {
                invitation.timer = Some(timer);
            }
        }
        Ok(Ticket {
            number,
            secret,
            address: self.door.address.clone(),
            invited: Some(Arc::downgrade(&invited)),
        })
    }

    fn withdraw(&self, number: u64) -> bool {
        let invitation = self.desk.lock().close(number, Denial::Expired);
        invitation.is_some()
    }

    /// Looks at a ticket, and takes it if it is good.
    pub(super) fn admit(&self, hello: &Hello) -> Result<(Arc<dyn Invited>, Welcome), (Denial, String)> {
        let mut desk = self.desk.lock();
        let is_good =
            desk.open.get(&hello.number).is_some_and(|invitation| invitation.secret.is(&hello.secret));
        if !is_good {
            let spent = desk.spent.iter().find(|(number, _)| *number == hello.number);
            let denial = spent.map_or(Denial::Unknown, |&(_, why)| why);
            drop(desk);
            log::warn!(
                "foreground: a process came with a ticket that is no good ({denial:?}), and was sent away"
            );
            let text = match denial {
                Denial::Used => "the ticket was used already; it is good for one connection",
                Denial::Expired => "the ticket has expired, or its pipe was closed",
                _ => "the ticket is not known",
            };
            return Err((denial, text.into()));
        }
        let invitation = desk.close(hello.number, Denial::Used);
        drop(desk);
        // Found just now.
        let Some(Invitation { invited, .. }) = invitation else {
            return Err((Denial::Unknown, String::new()));
        };
        let welcome = invited.admit(hello)?;
        Ok((invited, welcome))
    }
}

/// A place in the lobby for one who is invited. The lobby is open as long as there is one.
pub(super) struct Entrance {
    lobby: Arc<Lobby>,
    /// Of the ticket, once it is written.
    number: OnceLock<u64>,
}

impl Entrance {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { lobby: Lobby::shared()?, number: OnceLock::new() })
    }

    /// Writes the ticket, good for so long, or for ever.
    pub(super) fn invite(&self, invited: Arc<dyn Invited>, time: Option<Duration>) -> io::Result<Ticket> {
        let ticket = self.lobby.invite(invited, time)?;
        let _ = self.number.set(ticket.number);
        Ok(ticket)
    }

    /// Lets nobody in with the ticket any more. Returns false if somebody came with it before, or its time was up.
    pub(super) fn withdraw(&self) -> bool {
        self.number.get().is_some_and(|&number| self.lobby.withdraw(number))
    }
}

fn expire(lobby: &Weak<Lobby>, number: u64) {
    let Some(lobby) = lobby.upgrade() else { return };
    let invitation = lobby.desk.lock().close(number, Denial::Expired);
    if let Some(invitation) = invitation {
        invitation.invited.expired();
    }
}

/// What is told of a version that differs.
pub(super) fn check_version(hello: &Hello) -> Result<(), (Denial, String)> {
    if hello.version == VERSION {
        return Ok(());
    }
    let text = format!(
        "version {} of the protocol does not go with version {VERSION}; build both from the same foreground",
        hello.version
    );
    Err((Denial::Version, text))
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use super::*;
    use crate::process::connection::Peer;

    /// Tells what it is asked, and lets nobody in.
    struct Nobody(mpsc::Sender<u64>);

    impl Invited for Nobody {
        fn admit(&self, hello: &Hello) -> Result<Welcome, (Denial, String)> {
            self.0.send(hello.number).unwrap();
            Err((Denial::Type, "not today".into()))
        }
        fn came(self: Arc<Self>, _: &ConnectionLink, _: &Hello) -> Arc<dyn Peer> {
            unreachable!("nobody is let in")
        }
        fn expired(&self) {}
        fn starting(&self, _: Arc<dyn Watched>) {}
        fn not_started(&self) {}
        fn exited(self: Arc<Self>, _: Option<ExitStatus>) {}
        fn ask_to_stop(&self) -> Asked {
            Asked::NotCome
        }
    }

    fn hello(ticket: &Ticket) -> Vec<u8> {
        let hello = Hello {
            version: VERSION,
            number: ticket.number,
            secret: ticket.secret.0,
            codec: "json".into(),
            type_name: "u8".into(),
        };
        hello.to_frame()
    }

    /// Reads until the connection ends; a minute is the limit.
    fn rest(stream: &mut UnixStream) -> Vec<u8> {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        rest
    }

    #[test]
    fn a_stranger_that_says_nothing_or_little_is_cut_off_and_its_ticket_stays_good() {
        let lobby = Lobby::open(Duration::from_millis(50)).unwrap();
        let (asked, was_asked) = mpsc::channel();
        let ticket = lobby.invite(Arc::new(Nobody(asked)), None).unwrap();
        let mut silent = UnixStream::connect(&ticket.address).unwrap();
        assert_eq!(rest(&mut silent), b"");

        let hello = hello(&ticket);
        let mut slow = UnixStream::connect(&ticket.address).unwrap();
        slow.write_all(&hello[..hello.len() - 1]).unwrap();
        assert_eq!(rest(&mut slow), b"", "each byte does not begin the time anew");

        assert!(was_asked.try_recv().is_err());
        let mut invited = UnixStream::connect(&ticket.address).unwrap();
        invited.write_all(&hello).unwrap();
        invited.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(&mut invited)[4], b'D');
        assert_eq!(was_asked.recv().unwrap(), ticket.number);
    }

    #[test]
    fn the_oldest_of_too_many_strangers_makes_room() {
        let lobby = Lobby::open(Duration::from_secs(3600)).unwrap();
        let (asked, was_asked) = mpsc::channel();
        let ticket = lobby.invite(Arc::new(Nobody(asked)), None).unwrap();
        let mut oldest = UnixStream::connect(&ticket.address).unwrap();
        let crowd: Vec<_> = (0..STRANGERS).map(|_| UnixStream::connect(&ticket.address).unwrap()).collect();
        assert_eq!(rest(&mut oldest), b"");
        let mut invited = UnixStream::connect(&ticket.address).unwrap();
        invited.write_all(&hello(&ticket)).unwrap();
        invited.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(&mut invited)[4], b'D');
        assert_eq!(was_asked.recv().unwrap(), ticket.number);
        drop(crowd);
    }
}
