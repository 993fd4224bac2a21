//! How far a connection is, who reads it, and when its patience ends.

use std::time::{Duration, Instant};

use socket2::SockAddr;

use crate::net::reactor::Interest;
use crate::net::{Disconnect, DisconnectKind};

/// How long a connection waits for its peer; `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For the connection to be made.
    pub(crate) connect: Option<Duration>,
    /// For the peer to say who it is; see [`Link::greeted`](super::Link::greeted).
    pub(crate) greeting: Option<Duration>,
    /// From the first byte of a message to its last.
    pub(crate) message: Option<Duration>,
    /// While the protocol is idle and nothing comes.
    pub(crate) idle: Option<Duration>,
    /// For the peer to take at least something of what is to be sent.
    pub(crate) stall: Option<Duration>,
    /// The same once this side has finished, if `stall` is for ever.
    pub(crate) last_stall: Option<Duration>,
    /// For the peer to close too, once this side has.
    pub(crate) linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(30)),
            greeting: None,
            message: Some(Duration::from_secs(120)),
            idle: None,
            stall: Some(Duration::from_secs(60)),
            last_stall: None,
            linger: Duration::from_secs(5),
        }
    }
}

impl Timeouts {
    /// How long the peer may take nothing.
    pub(super) fn stall_in(&self, phase: Phase) -> Option<Duration> {
        self.stall.or_else(|| self.last_stall.filter(|_| phase == Phase::Finishing))
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not made yet.
    Connecting,
    /// Messages go both ways.
    Open,
    /// Closed for the layers above. What was sent before is still written, and what comes is thrown away.
    Finishing,
    /// Gone.
    Closed,
}

/// Who reads the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))] // elsewhere the I/O thread reads
pub(super) enum Reader {
    /// The I/O thread will, when something comes.
    Io,
    /// The I/O thread does.
    IoBusy,
    /// A thread does that waits for something.
    Waiting,
}

/// How long the I/O thread leaves a connection to whoever has waited there.
const KEEP: Duration = Duration::from_millis(1);

/// Whoever waits for one reply, or one request, soon waits for the next. To watch the socket in between costs two system
/// calls each time, and wakes the I/O thread if the peer is quick, which then is in the way. So it is not watched until nobody has come
/// for a moment: what comes then is found so much later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// When to look whether somebody has come.
    pub(super) until: Instant,
    /// What `State::waits` was.
    pub(super) waits: u32,
    /// No thread reads now.
    pub(super) by_nobody: bool,
}

impl Kept {
    pub(super) fn from_now(waits: u32) -> Option<Self> {
        let until = Instant::now().checked_add(KEEP)?;
        Some(Self { until, waits, by_nobody: true })
    }
}

/// What has been read of the peer's bytes.
pub(super) struct Input<D> {
    pub(super) decoder: D,
    /// Bytes that were read together with a message after which the layer above wanted no more for now.
    pub(super) backlog: Vec<u8>,
}

pub(super) struct State<D> {
    pub(super) phase: Phase,
    pub(super) reader: Reader,
    /// Taken out by whoever reads.
    pub(super) input: Option<Input<D>>,
    /// Wakes the thread that reads, if it sleeps at the socket.
    #[cfg(unix)]
    pub(super) sleeper: Option<super::sleep::Sleeper>,
    /// The layer above wants no more for now.
    pub(super) paused: bool,
    /// The peer sends nothing more.
    pub(super) eof: bool,
    pub(super) wants_write: bool,
    /// What the poller was asked to tell.
    pub(super) watched: Interest,
    /// A thread has waited here a moment ago.
    pub(super) kept: Option<Kept>,
    /// How often threads have waited here.
    pub(super) waits: u32,
    pub(super) reason: Option<Disconnect>,
    pub(super) since: Since,
    pub(super) alarm: Option<Instant>,
    /// It cannot be watched any more, and why.
    pub(super) failure: Option<Disconnect>,
    /// When to try again to connect, at a server whose queue is full.
    pub(super) connect_again: Option<(Instant, SockAddr)>,
}

/// Since when something goes on that must not go on for ever.
#[derive(Default)]
pub(super) struct Since {
    pub(super) connecting: Option<Instant>,
    pub(super) greeting: Option<Instant>,
    pub(super) midway: Option<Instant>,
    pub(super) quiet: Option<Instant>,
    pub(super) stalled: Option<Instant>,
    pub(super) finishing: Option<Instant>,
}

impl<D> State<D> {
    pub(super) fn new(decoder: D, phase: Phase) -> Self {
        Self {
            phase,
            reader: Reader::Io,
            input: Some(Input { decoder, backlog: Vec::new() }),
            #[cfg(unix)]
            sleeper: None,
            paused: false,
            eof: false,
            wants_write: false,
            watched: Interest::default(),
            kept: None,
            waits: 0,
            reason: None,
            since: Since::default(),
            alarm: None,
            failure: None,
            connect_again: None,
        }
    }

    /// Whether the I/O thread leaves the reading to a thread that has just waited here, and will again.
    fn is_kept(&self) -> bool {
        self.phase == Phase::Open && self.kept.is_some_and(|kept| kept.by_nobody)
    }

    /// Whether bytes wait that may be handled now.
    pub(super) fn has_backlog(&self) -> bool {
        self.phase == Phase::Open
            && !self.paused
            && self.input.as_ref().is_some_and(|input| !input.backlog.is_empty())
    }

    /// What the I/O thread is to be told of.
    pub(super) fn interest(&self) -> Interest {
        let reads = match self.phase {
            Phase::Open => !self.paused,
            Phase::Finishing => true,
            Phase::Connecting | Phase::Closed => false,
        };
        Interest {
            read: reads && self.reader == Reader::Io && !self.eof && !self.is_kept(),
            write: self.wants_write && self.phase != Phase::Closed,
        }
    }

    /// The first time at which something has lasted too long, and what to say then.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Disconnect)> {
        let of = |since: Option<Instant>, limit: Option<Duration>| since?.checked_add(limit?);
        let late = |kind, limit: Option<Duration>, what: &str| {
            Disconnect::new(kind, format!("{what} for {:?}", limit.unwrap_or_default()))
        };
        let t = timeouts;
        let stall = t.stall_in(self.phase);
        [
            (
                of(self.since.connecting, t.connect),
                DisconnectKind::Unreachable,
                t.connect,
                "the server did not answer",
            ),
            (
                of(self.since.greeting, t.greeting),
                DisconnectKind::TimedOut,
                t.greeting,
                "the peer did not say who it is",
            ),
            (
                of(self.since.midway, t.message),
                DisconnectKind::TimedOut,
                t.message,
                "the peer's message was not whole",
            ),
            (of(self.since.quiet, t.idle), DisconnectKind::TimedOut, t.idle, "the peer sent nothing"),
            (
                of(self.since.stalled, stall),
                DisconnectKind::TimedOut,
                stall,
                "the peer took nothing of what was sent",
            ),
            (
                of(self.since.finishing, Some(t.linger)),
                DisconnectKind::ClosedHere,
                Some(t.linger),
                "the peer kept open",
            ),
        ]
        .into_iter()
        .filter_map(|(at, kind, limit, what)| Some((at?, kind, limit, what)))
        .min_by_key(|&(at, ..)| at)
        .map(|(at, kind, limit, what)| (at, late(kind, limit, what)))
    }
}
