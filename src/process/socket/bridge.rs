//! Carries the bytes of what the I/O thread cannot watch, the named pipes of Windows, over a pair of TCP sockets of this process, which it can.
//!
//! Each connection has two threads, one for each direction. Nothing but the way there is TCP: the pair listens at the loopback device, and each
//! end makes sure that the other is the socket of this process that it is meant for.
//!
//! A named pipe cannot be closed in one direction only, and a thread that reads it cannot be woken. So what goes through it is in pieces, each behind
//! its length in four bytes, the most significant first; a length of zero says that no more follows in this direction.
//!
//! What is here is compiled and tested on Unix too, where `interprocess` has sockets in place of the pipes.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use interprocess::local_socket::{self, ListenerOptions, Name, prelude::*};
use parking_lot::{Condvar, Mutex};
use socket2::{Domain, Socket, Type};

use crate::net::{Acceptor, Admission, Listener, PeerAddress, Stream};

/// How much is carried at once.
const CHUNK: usize = 64 * 1024;

/// How long the length of a piece is.
const HEADER: usize = 4;

/// How long to leave a door alone at which nobody can be received now, or that is busy.
const PAUSE: Duration = Duration::from_millis(10);

/// Listens at a name until it is dropped.
pub(super) struct Open {
    name: Name<'static>,
    ended: Arc<AtomicBool>,
    _acceptor: Acceptor,
}

/// Our own sockets that are on their way to an acceptor.
type Expected = Arc<Mutex<HashSet<SocketAddr>>>;

/// Listens at a name. `on_connect` is called on the I/O thread with what carries the bytes of a connection.
pub(super) fn open(
    options: ListenerOptions<'_>,
    name: Name<'static>,
    limit: usize,
    on_connect: impl Fn(Stream, Admission) + Send + Sync + 'static,
) -> io::Result<Open> {
    let pipes = options.name(name.borrow()).create_sync()?;
    let near = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = near.local_addr()?;
    let expected = Expected::default();
    let own = Arc::clone(&expected);
    let acceptor = Acceptor::open(Listener::from(near), limit, move |stream, peer, admission| {
        let is_own = matches!(peer, PeerAddress::Tcp(peer) if own.lock().remove(&peer));
        if is_own {
            on_connect(stream, admission);
        } else {
            log::warn!(
                "foreground: somebody came to a socket that this process has for itself, and was sent away"
            );
        }
    })?;
    let ended = Arc::new(AtomicBool::new(false));
    let stops = Arc::clone(&ended);
    thread::Builder::new().name("foreground-door".into()).spawn(move || {
        while let Some(pipe) = next(&pipes, &stops) {
            let carried = own_socket().and_then(|(socket, own)| {
                expected.lock().insert(own);
                let carried = connect_to(socket, address).and_then(|far| carry(pipe, far));
                carried.inspect_err(|_| _ = expected.lock().remove(&own))
            });
            if let Err(error) = carried {
                log::warn!("foreground: a process that came with a ticket cannot be received: {error}");
            }
        }
    })?;
    Ok(Open { name, ended, _acceptor: acceptor })
}

/// The next one who comes, until it is over.
fn next(pipes: &local_socket::Listener, ended: &AtomicBool) -> Option<local_socket::Stream> {
    loop {
        let pipe = pipes.accept();
        // Acquire: the thread that dropped the door has come to an end with it.
        if ended.load(Ordering::Acquire) {
            return None;
        }
        match pipe {
            Ok(pipe) => return Some(pipe),
            Err(error) => {
                log::warn!("foreground: nobody can be received now: {error}");
                thread::sleep(PAUSE);
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release); // read by `next`
        // Wakes the thread that waits for somebody. If it does not get there, the next one who comes does it.
        drop(local_socket::Stream::connect(self.name.borrow()));
    }
}

/// Connects to a name, and waits for it until the deadline.
pub(super) fn connect(name: &Name<'_>, deadline: Option<Instant>) -> io::Result<Stream> {
    let pipe = loop {
        match local_socket::Stream::connect(name.borrow()) {
            // Everybody is just being received.
            Err(error) if is_busy(&error) && deadline.is_none_or(|deadline| Instant::now() < deadline) => {
                thread::sleep(PAUSE);
            }
            connected => break connected?,
        }
    };
    let (near, far) = pair()?;
    carry(pipe, far)?;
    Ok(near.into())
}

fn is_busy(error: &io::Error) -> bool {
    /// `ERROR_PIPE_BUSY`
    const BUSY: i32 = 231;
    error.kind() == io::ErrorKind::WouldBlock || cfg!(windows) && error.raw_os_error() == Some(BUSY)
}

/// A socket with an address, not yet connected.
fn own_socket() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let own = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, own))
}

fn connect_to(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
    socket.connect(&address.into())?;
    Ok(socket.into())
}

/// Two connected sockets, of which each knows that the other is this process's.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (socket, own) = own_socket()?;
    let far = connect_to(socket, listener.local_addr()?)?;
    loop {
        let (near, peer) = listener.accept()?;
        if peer == own {
            return Ok((near, far));
        }
    }
}

/// Connections whose last bytes are still with us, by the address of the near end.
static UNDER_WAY: LazyLock<UnderWay> = LazyLock::new(UnderWay::default);

#[derive(Default)]
struct UnderWay {
    connections: Mutex<HashSet<SocketAddr>>,
    fewer: Condvar,
}

/// Waits until what was written into the near end, and was its last, has been given to the pipe: after that the process may exit.
pub(super) fn wait_carried(near: &Stream, deadline: Option<Instant>) {
    let Ok(PeerAddress::Tcp(near)) = near.local_address() else { return };
    let mut connections = UNDER_WAY.connections.lock();
    while connections.contains(&near) {
        match deadline {
            None => UNDER_WAY.fewer.wait(&mut connections),
            Some(deadline) => {
                if UNDER_WAY.fewer.wait_until(&mut connections, deadline).timed_out() {
                    return;
                }
            }
        }
    }
}

/// Carries both ways until both have ended.
fn carry(pipe: local_socket::Stream, far: TcpStream) -> io::Result<()> {
    far.set_nodelay(true)?;
    let near = far.peer_addr()?;
    let pipe = Arc::new(pipe);
    let far = Arc::new(far);
    let (from, to) = (Arc::clone(&pipe), Arc::clone(&far));
    let inward = move || {
        // An error is an end as well.
        let _ = unpack(&mut &*from, &mut &*to);
        // The I/O thread sees the end.
        let _ = to.shutdown(Shutdown::Write);
    };
    let outward = move || {
        let _ = pack(&mut &*far, &mut &*pipe);
        // Whoever still writes into it is to see that nothing arrives.
        let _ = far.shutdown(Shutdown::Read);
        UNDER_WAY.connections.lock().remove(&near);
        UNDER_WAY.fewer.notify_all();
    };
    UNDER_WAY.connections.lock().insert(near);
    let spawn =
        |name: &str, run: Box<dyn FnOnce() + Send>| thread::Builder::new().name(name.into()).spawn(run);
    let spawned = spawn("foreground-pipe-out", Box::new(outward))
        .inspect_err(|_| _ = UNDER_WAY.connections.lock().remove(&near))
        // Without the second thread the first ends when the near end is closed.
        .and_then(|_| spawn("foreground-pipe-in", Box::new(inward)));
    spawned.map(drop)
}

/// Copies what comes, in pieces, and then its end.
fn pack(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; HEADER + CHUNK];
    loop {
        let length = match from.read(&mut piece[HEADER..]) {
            // What came before an error still counts, and then it is over.
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        piece[..HEADER].copy_from_slice(&(length as u32).to_be_bytes());
        to.write_all(&piece[..HEADER + length])?;
        if length == 0 {
            return to.flush();
        }
    }
}

/// Copies what is in the pieces, up to the end.
fn unpack(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let mut header = [0; HEADER];
        from.read_exact(&mut header)?;
        let mut left = u32::from_be_bytes(header) as usize;
        if left == 0 {
            return Ok(());
        }
        while left > 0 {
            let part = &mut buffer[..left.min(CHUNK)];
            from.read_exact(part)?;
            to.write_all(part)?;
            left -= part.len();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::mpsc;

    use interprocess::local_socket::GenericFilePath;

    use super::*;

    const WAIT: Duration = Duration::from_secs(60);

    struct Place {
        name: Name<'static>,
        _folder: tempfile::TempDir,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("pipe").to_fs_name::<GenericFilePath>().unwrap().into_owned();
        Place { name, _folder: folder }
    }

    fn tcp(stream: Stream) -> TcpStream {
        let stream = TcpStream::from(stream.as_fd().try_clone_to_owned().unwrap());
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream
    }

    /// The two ends of a connection: that of the door, and that of who came.
    fn connection(place: &Place) -> (Open, TcpStream, TcpStream, Admission) {
        let (came, comes) = mpsc::channel();
        let on_connect = move |stream, admission| came.send((stream, admission)).unwrap();
        let open = open(ListenerOptions::new(), place.name.clone(), 8, on_connect).unwrap();
        let there = connect(&place.name, Instant::now().checked_add(WAIT)).unwrap();
        let (here, admission) = comes.recv_timeout(WAIT).unwrap();
        (open, tcp(here), tcp(there), admission)
    }

    fn bytes(seed: u8) -> Vec<u8> {
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
    }

    #[test]
    fn bytes_are_carried_both_ways_at_once_and_the_end_after_them() {
        let place = place();
        let (_open, here, there, _admission) = connection(&place);
        let write = |mut to: &TcpStream, seed| {
            bytes(seed).chunks(7001).for_each(|chunk| to.write_all(chunk).unwrap());
        };
        let read = |mut from: &TcpStream, seed| {
            let mut all = vec![0; bytes(seed).len()];
            from.read_exact(&mut all).unwrap();
            assert!(all == bytes(seed));
        };
        thread::scope(|scope| {
            scope.spawn(|| write(&here, 1));
            scope.spawn(|| write(&there, 2));
            scope.spawn(|| read(&here, 2));
            scope.spawn(|| read(&there, 1));
        });
    }

    #[test]
    fn each_direction_ends_by_itself() {
        let place = place();
        let (_open, here, there, _admission) = connection(&place);
        (&there).write_all(b"my last word").unwrap();
        there.shutdown(Shutdown::Write).unwrap();
        let mut heard = Vec::new();
        (&here).read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"my last word");
        (&here).write_all(b"mine").unwrap();
        here.shutdown(Shutdown::Write).unwrap();
        heard.clear();
        (&there).read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"mine");
    }

    #[test]
    fn whoever_goes_is_missed() {
        let place = place();
        let (_open, here, there, _admission) = connection(&place);
        drop(there);
        assert_eq!((&here).read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_is_in_no_whole_piece_is_an_end() {
        let mut out = Vec::new();
        unpack(&mut &b"\0\0\0\x03abc\0\0\0\x01d\0\0\0\0rest"[..], &mut out).unwrap();
        assert_eq!(out, b"abcd");
        for cut in [&b"\0\0\0"[..], b"\xff\xff\xff\xff12", b""] {
            assert!(unpack(&mut &*cut, &mut io::sink()).is_err());
        }
    }

    #[test]
    fn whoever_waits_for_the_last_bytes_may_exit_then() {
        let place = place();
        let (_open, mut here, there, _admission) = connection(&place);
        let (done, is_done) = mpsc::channel();
        let waiting = thread::spawn(move || {
            (&there).write_all(&bytes(3)).unwrap();
            there.shutdown(Shutdown::Write).unwrap();
            let near = there.local_addr().unwrap();
            wait_carried(&there.into(), None);
            done.send(UNDER_WAY.connections.lock().contains(&near)).unwrap();
        });
        let mut all = vec![0; bytes(3).len()];
        here.read_exact(&mut all).unwrap();
        assert!(all == bytes(3));
        assert!(!is_done.recv_timeout(WAIT).unwrap());
        waiting.join().unwrap();
    }

    #[test]
    fn a_stranger_at_the_inner_socket_is_sent_away() {
        let place = place();
        let (open, _here, _there, _admission) = connection(&place);
        let address = open._acceptor.local_address().to_string();
        let mut stranger = TcpStream::connect(address).unwrap();
        stranger.set_read_timeout(Some(WAIT)).unwrap();
        assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn nobody_comes_in_after_the_door_was_closed() {
        let place = place();
        let (open, here, there, _admission) = connection(&place);
        drop(open);
        let begun = Instant::now();
        while connect(&place.name, Some(Instant::now())).is_ok() {
            assert!(begun.elapsed() < WAIT);
            thread::yield_now();
        }
        // Who is in stays.
        (&there).write_all(b"still here").unwrap();
        let mut heard = [0; 10];
        (&here).read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"still here");
    }
}
