//! A router that answers what it should not, as the sender in the other process sees it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::process::{ConnectError, ConnectErrorKind, RemoteSendErrorKind, RemoteSender, Ticket};

use crate::common::WAIT;
use crate::raw::frame;

/// A ticket of a door at which `answer` is called with whoever comes, after the greeting was read.
fn door(
    answer: impl FnOnce(UnixStream) + Send + 'static,
) -> (Ticket, thread::JoinHandle<()>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let router = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut hello = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(hello[0], b'H');
        answer(stream);
    });
    let ticket = format!("fg1.1.{}@{}", "00".repeat(32), path.display()).parse().unwrap();
    (ticket, router, folder)
}

fn connect(ticket: Ticket) -> Result<RemoteSender<u32>, ConnectError> {
    RemoteSender::builder().survive().connect(ticket)
}

/// What comes of an answer of these bytes, after which the router goes.
fn answered(bytes: Vec<u8>) -> ConnectErrorKind {
    let (ticket, router, _folder) = door(move |mut stream| stream.write_all(&bytes).unwrap());
    let error = connect(ticket).unwrap_err();
    router.join().unwrap();
    error.kind()
}

#[test]
fn each_denial_is_its_own_error() {
    let denial = |code: u8| answered(frame(b'D', &[&[code], &b"why"[..]].concat()));
    assert_eq!(denial(1), ConnectErrorKind::VersionMismatch);
    assert_eq!(denial(2), ConnectErrorKind::UnknownTicket);
    assert_eq!(denial(3), ConnectErrorKind::UsedTicket);
    assert_eq!(denial(4), ConnectErrorKind::ExpiredTicket);
    assert_eq!(denial(5), ConnectErrorKind::TypeMismatch);
    assert_eq!(denial(6), ConnectErrorKind::UnknownCodec);
    // Of a version to come.
    assert_eq!(denial(99), ConnectErrorKind::UnknownTicket);
}

#[test]
fn an_answer_that_is_none_is_a_disconnect() {
    for bytes in [
        vec![],
        vec![0, 0, 0],
        vec![0xff; 4],
        vec![0, 0, 0, 0],
        frame(b'D', b""),
        frame(b'W', b""),
        frame(b'W', &[0, 1, 9, 0, 0, 0, 1, 0, 0, 0, 9]),
        frame(b'?', b""),
        frame(b'C', b"12345"),
    ] {
        assert_eq!(answered(bytes.clone()), ConnectErrorKind::Disconnected, "{bytes:?}");
    }
}

#[test]
fn nobody_at_the_address_is_unreachable() {
    let (ticket, _, folder) = door(|_| ());
    drop(folder);
    assert_eq!(connect(ticket).unwrap_err().kind(), ConnectErrorKind::Unreachable);
    let long = format!("fg1.1.{}@/{}", "00".repeat(32), "x".repeat(500)).parse().unwrap();
    assert_eq!(connect(long).unwrap_err().kind(), ConnectErrorKind::Unreachable);
}

const WELCOME: [u8; 11] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 100];

#[test]
fn a_sender_that_survives_its_router_sees_that_nobody_receives() {
    for bad in [vec![], vec![0xff; 9], frame(b'?', b""), frame(b'X', b"")] {
        let (ticket, router, _folder) = door(move |mut stream| {
            stream.write_all(&frame(b'W', &WELCOME)).unwrap();
            stream.write_all(&bad).unwrap();
        });
        let sender = connect(ticket).unwrap().start();
        let error = (0..).find_map(|n| sender.send(n).err()).unwrap();
        assert!(error.is_closed() && sender.is_closed());
        router.join().unwrap();
    }
}

#[test]
fn a_router_that_gives_more_room_than_was_taken_is_left() {
    let bounded = &[0, 1, 1, 0, 0, 0, 4, 0, 0, 0, 100];
    let latest = &[0, 1, 2, 0, 0, 0, 1, 0, 0, 0, 100];
    let any = &WELCOME;
    for (welcome, messages, credit) in [
        (bounded, 3, [0, 0, 0, 4]),
        (bounded, 3, [0xff; 4]),
        (latest, 1, [0, 0, 0, 2]),
        (any, 1, [0, 0, 0, 1]),
    ] {
        let (ticket, router, _folder) = door(move |mut stream| {
            stream.write_all(&frame(b'W', welcome)).unwrap();
            let sent = [frame(b'S', b""), frame(b'M', &[7]).repeat(messages)].concat();
            let mut read = vec![0; sent.len()];
            stream.read_exact(&mut read).unwrap();
            assert_eq!(read, sent);
            stream.write_all(&frame(b'C', &credit)).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"", "nothing follows");
        });
        let sender = connect(ticket).unwrap().start();
        (0..messages).for_each(|_| sender.send(7).unwrap());
        router.join().unwrap();
        while !sender.is_closed() {
            std::thread::yield_now();
        }
        assert!(sender.send(7).unwrap_err().is_closed());
    }
}

#[test]
fn room_comes_back_as_it_is_given() {
    let (ticket, router, _folder) = door(|mut stream| {
        stream.write_all(&frame(b'W', &[0, 1, 1, 0, 0, 0, 4, 0, 0, 0, 100])).unwrap();
        let mut read = vec![0; [frame(b'S', b""), frame(b'M', &[7]).repeat(4)].concat().len()];
        stream.read_exact(&mut read).unwrap();
        stream.write_all(&frame(b'C', &[0, 0, 0, 3])).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [frame(b'M', &[7]).repeat(3), frame(b'E', &[0])].concat());
    });
    let sender = connect(ticket).unwrap().start();
    (0..7).for_each(|_| sender.send(7).unwrap());
    let error = sender.try_send(7).unwrap_err();
    assert_eq!(error.kind(), RemoteSendErrorKind::Full);
    drop(sender);
    router.join().unwrap();
}

#[test]
fn a_latest_value_that_waits_for_the_one_before_is_not_flushed() {
    let (next, is_next) = mpsc::channel::<()>();
    let (ticket, router, _folder) = door(move |mut stream| {
        stream.write_all(&frame(b'W', &[0, 1, 2, 0, 0, 0, 1, 0, 0, 0, 100])).unwrap();
        is_next.recv().unwrap();
        stream.write_all(&frame(b'C', &[0, 0, 0, 1])).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        let expected = [frame(b'S', b""), frame(b'M', &[1]), frame(b'M', &[2]), frame(b'E', &[0])];
        assert_eq!(rest, expected.concat());
    });
    let sender = connect(ticket).unwrap().start();
    sender.send(1).unwrap();
    assert!(sender.flush(WAIT));
    sender.send(2).unwrap();
    assert!(!sender.flush(Duration::from_millis(1)), "the router has not said that the first has come");
    next.send(()).unwrap();
    assert!(sender.flush(WAIT));
    drop(sender);
    router.join().unwrap();
}
