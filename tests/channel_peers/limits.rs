//! What the limits of a connection do not take from an honest peer, and what they do from another one.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::channel::{Channel, Options, RecvError, Request};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::raw::framed;

const PATIENCE: Duration = Duration::from_secs(20);

fn raw() -> (UnixStream, Channel) {
    raw_with(&Options::new())
}

fn raw_with(options: &Options) -> (UnixStream, Channel) {
    let (raw, ours) = UnixStream::pair().unwrap();
    raw.set_read_timeout(Some(PATIENCE)).unwrap();
    raw.set_write_timeout(Some(PATIENCE)).unwrap();
    (raw, options.open(ours).unwrap())
}

#[test]
fn a_peer_that_sends_nothing_more_gets_its_whole_reply() {
    let (mut peer, channel) = raw();
    peer.write_all(&framed(br#"[0, 7, "a lot"]"#)).unwrap();
    let text = "x".repeat(4 << 20);
    channel.recv().unwrap().reply(&text).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert!(matches!(channel.recv(), Err(RecvError::Disconnected(_))));
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), 4 + u32::from_be_bytes(got[..4].try_into().unwrap()) as usize);
}

#[test]
fn a_peer_that_reads_a_reply_is_not_idle() {
    let options = Options::new().idle_timeout(Duration::from_millis(50));
    let (mut peer, channel) = raw_with(&options);
    peer.write_all(&framed(br#"[0, 7, "a lot"]"#)).unwrap();
    let text = "x".repeat(4 << 20);
    channel.recv().unwrap().reply(&text).unwrap();
    // By the time that another idle one is closed, this one has been quiet for as long.
    let (mut other, _theirs) = raw_with(&options);
    assert_eq!(other.read(&mut [0]).unwrap(), 0);
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), 4 + u32::from_be_bytes(got[..4].try_into().unwrap()) as usize);
}

#[test]
fn a_peer_that_never_reads_its_refusals_is_cut_off() {
    let options = Options::new().unanswered_limit(10, 64 << 10);
    let (mut peer, channel) = raw_with(&options);
    let router: MessageRouter = MessageRouter::new(|| {});
    router.start().unwrap();
    let _serving = channel.serve_on(&router, |_, _: Request, _: u32| {}).unwrap();
    let _pending = channel.request("a question").unwrap();
    let requests = framed(br#"[0, 7, "no number"]"#).repeat(10_000);
    peer.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    for _ in 0..200 {
        if peer.write_all(&requests).is_err() {
            assert!(!channel.is_open());
            return;
        }
    }
    panic!("it answered two million requests that nobody reads the answers of");
}

#[test]
fn a_peer_that_asks_much_at_once_is_paused_and_answered() {
    let options = Options::new().unanswered_limit(10, 64 << 20);
    let (mut peer, channel) = raw_with(&options);
    peer.write_all(&framed(br#"[0, 7, "?"]"#).repeat(1000)).unwrap();
    for n in 0..1000 {
        let request = channel.recv().unwrap_or_else(|error| panic!("after {n}: {error}"));
        request.reply(&n).unwrap();
    }
}

#[test]
fn an_attempt_to_connect_ends_with_the_time_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let address = SockAddr::unix(&path).unwrap();
    socket.bind(&address).unwrap();
    socket.listen(0).unwrap();
    // No room: nobody takes them.
    let mut queue = Vec::new();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        if client.connect(&address).is_err() {
            break;
        }
        queue.push(client);
    }
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        done.send(Options::new().retry_for(Duration::from_millis(50)).connect(&path).is_err())
    });
    assert!(result.recv_timeout(PATIENCE).expect("it ends"));
}

#[test]
fn what_was_lost_was_not_flushed() {
    let (peer, channel) = raw();
    let pending = channel.request(&"x".repeat(8 << 20)).unwrap();
    drop(peer);
    assert!(pending.wait::<()>().is_err());
    assert!(!channel.flush(PATIENCE));
}
