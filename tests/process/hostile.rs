//! A process that was let in, and then sends what it should not, or breaks off.

use std::os::unix::net::UnixStream;
use std::time::Instant;

use foreground::process::{RemotePipeOptions, RemoteSendErrorKind, RemoteSender};
use foreground::{MessageRouter, PipeEnd, Refusal};
use serde::{Deserialize, Deserializer};

use crate::alone::{alone, descriptors};
use crate::common::{Seen, WAIT, collect, router, until_end};
use crate::raw::{self, Parts, Raw, STOPPED};

/// What becomes of a pipe into which somebody who was let in writes these bytes, and closes.
fn outcome(options: RemotePipeOptions, bytes: &[u8]) -> (Vec<u32>, PipeEnd) {
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
    collect(&receiver);
    let mut raw = Raw::welcome(&ticket);
    // It may be cut off before it has written all of it.
    let _ = raw.try_write(bytes);
    drop(raw);
    let seen = until_end(&router);
    (seen.messages, seen.end.unwrap())
}

const MALFORMED: PipeEnd = PipeEnd::Refused(Refusal::Malformed);

#[test]
fn each_malformed_frame_ends_the_pipe_as_malformed_after_what_was_good() {
    let begun = [raw::start(), raw::message(1)].concat();
    let bad = [
        ("an empty frame", vec![0, 0, 0, 0]),
        ("a second start", raw::start()),
        ("a start with something in it", raw::frame(b'S', b"now")),
        ("a message without bytes", raw::frame(b'M', b"")),
        ("a message with a byte too many", raw::frame(b'M', &[1, 2])),
        ("a number that is cut off", raw::frame(b'M', &[0x80])),
        ("a number that is too large", raw::frame(b'M', &[0xff; 5])),
        ("an end without a reason", raw::frame(b'E', b"")),
        ("an end with an unknown reason", raw::end(9)),
        ("an end with two reasons", raw::frame(b'E', &[0, 0])),
        ("an unknown kind", raw::frame(b'?', b"")),
        ("a second greeting", raw::frame(b'H', &[0; 46])),
        ("a frame of the other side", raw::frame(b'C', &[0, 0, 0, 1])),
    ];
    for (what, bytes) in bad {
        let bytes = [begun.clone(), bytes, raw::message(2)].concat();
        assert_eq!(outcome(RemotePipeOptions::new(), &bytes), (vec![1], MALFORMED), "{what}");
    }
}

#[test]
fn a_message_before_the_start_is_refused() {
    assert_eq!(outcome(RemotePipeOptions::new(), &raw::message(1)), (vec![], MALFORMED));
}

#[test]
fn nothing_counts_after_the_end() {
    let end = [raw::start(), raw::message(1), raw::end(STOPPED)].concat();
    for more in [raw::end(1), raw::message(2), raw::start(), vec![0xff; 100_000]] {
        let bytes = [end.clone(), more].concat();
        assert_eq!(outcome(RemotePipeOptions::new(), &bytes), (vec![1], PipeEnd::Stopped));
    }
}

#[test]
fn each_reason_for_an_end_is_told() {
    for (code, end) in [(0, PipeEnd::Stopped), (1, PipeEnd::Panicked), (2, PipeEnd::NeverStarted)] {
        let bytes = [raw::start(), raw::end(code)].concat();
        assert_eq!(outcome(RemotePipeOptions::new(), &bytes), (vec![], end));
    }
}

#[test]
fn a_message_above_the_limit_is_refused_by_its_length() {
    let options = || RemotePipeOptions::new().max_message_size(5);
    let longest = raw::frame(b'M', &[0x80, 0x80, 0x80, 0x80, 0x01]);
    let bytes = [raw::start(), longest, raw::end(STOPPED)].concat();
    assert_eq!(outcome(options(), &bytes), (vec![1 << 28], PipeEnd::Stopped));
    // Only its length comes.
    let bytes = [raw::start(), vec![0, 0, 0, 7]].concat();
    assert_eq!(outcome(options(), &bytes), (vec![], PipeEnd::Refused(Refusal::TooLarge)));
    let bytes = [raw::start(), vec![0xff; 4]].concat();
    let largest = RemotePipeOptions::new().max_message_size((1 << 30) - 1);
    assert_eq!(outcome(largest, &bytes), (vec![], PipeEnd::Refused(Refusal::TooLarge)));
}

#[test]
fn a_sender_is_told_that_its_message_is_above_the_limit_and_goes_on() {
    let router = router();
    let options = RemotePipeOptions::new().max_message_size(8);
    let (ticket, receiver) = router.remote_pipe_with::<String>(options).unwrap();
    collect(&receiver);
    let sender = RemoteSender::from_ticket(ticket).unwrap().start();
    let error = sender.send("12345678".to_owned()).unwrap_err();
    assert_eq!((error.kind(), error.is_closed()), (RemoteSendErrorKind::TooLarge, false));
    assert_eq!(error.into_inner(), "12345678");
    sender.send("1234567".to_owned()).unwrap();
    drop(sender);
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec!["1234567".to_owned()], Some(PipeEnd::Stopped)));
}

#[test]
fn more_messages_than_there_is_room_for_are_a_flood() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().bounded(3)).unwrap();
    collect(&receiver);
    let mut raw = Raw::welcome(&ticket);
    raw.write(&raw::start());
    for n in 0..4 {
        raw.write(&raw::message(n));
    }
    // Nobody took any of them before it was cut off.
    assert_eq!(raw.until_closed().iter().filter(|frame| frame[0] == b'C').count(), 0);
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![0, 1, 2], Some(PipeEnd::Refused(Refusal::Flooded))));
}

/// What comes back is 9 bytes for a message of 6, and would wait here for as long as the peer likes.
#[test]
fn a_sender_that_never_reads_what_room_it_has_is_a_flood() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().bounded(1)).unwrap();
    collect(&receiver);
    let mut raw = Raw::welcome(&ticket);
    raw.write(&raw::start());
    let mut seen = Seen::default();
    for n in 1..=500_000 {
        // It is cut off before that.
        if seen.end.is_some() || raw.try_write(&raw::message(1)).is_err() {
            break;
        }
        router.route_until(&mut seen, |seen| seen.messages.len() >= n || seen.end.is_some(), WAIT).unwrap();
    }
    router.route_until(&mut seen, |seen| seen.end.is_some(), WAIT).unwrap();
    assert_eq!(seen.end, Some(PipeEnd::Refused(Refusal::Flooded)));
    // Nor is it listened to any more.
    let begun = Instant::now();
    while raw.try_write(&raw::message(1)).is_ok() {
        assert!(begun.elapsed() < WAIT);
    }
}

#[test]
fn a_sender_that_reads_nothing_and_stays_after_its_end_is_not_listened_to() {
    const MESSAGES: usize = 2000;
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().bounded(1)).unwrap();
    collect(&receiver);
    let mut raw = Raw::welcome(&ticket);
    raw.write(&raw::start());
    let mut seen = Seen::default();
    // More credits than the system takes, and fewer than make a flood.
    for n in 1..=MESSAGES {
        raw.write(&raw::message(1));
        router.route_until(&mut seen, |seen| seen.messages.len() >= n, WAIT).unwrap();
    }
    raw.write(&raw::end(STOPPED));
    router.route_until(&mut seen, |seen| seen.end.is_some(), WAIT).unwrap();
    assert_eq!(seen.end, Some(PipeEnd::Stopped));
    let begun = Instant::now();
    while raw.try_write(&raw::message(1)).is_ok() {
        assert!(begun.elapsed() < WAIT);
    }
}

#[test]
fn a_limit_of_nothing_lets_the_end_pass() {
    let options = RemotePipeOptions::new().max_message_size(0);
    let bytes = [raw::start(), raw::end(STOPPED)].concat();
    assert_eq!(outcome(options, &bytes), (vec![], PipeEnd::Stopped));
}

#[test]
fn one_bad_peer_costs_no_other_its_connection() {
    let router = router::<Seen<u32>>();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let (bad_ticket, _bad) = router.remote_pipe::<u32>().unwrap();
    let sender = RemoteSender::<u32>::from_ticket(ticket).unwrap().start();
    sender.send(1).unwrap();
    let mut raw = Raw::welcome(&bad_ticket);
    raw.write(&[0xff; 64]);
    // It is told that the pipe is closed to it.
    assert_eq!(raw.until_closed(), [b"X"]);
    sender.send(2).unwrap();
    drop(sender);
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![1, 2], Some(PipeEnd::Stopped)));
}

/// Panics when it is read, if it is told to.
#[derive(Debug, PartialEq)]
struct Fragile(u32);

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u32::deserialize(deserializer)?;
        assert_ne!(n, 13, "on purpose");
        Ok(Self(n))
    }
}

#[test]
fn a_panic_while_a_message_is_read_ends_only_its_own_connection() {
    let router = router();
    let name = || RemotePipeOptions::new().type_name("u32");
    let (ticket, receiver) = router.remote_pipe_with::<Fragile>(name()).unwrap();
    let (other_ticket, other) = router.remote_pipe_with::<Fragile>(name()).unwrap();
    collect(&receiver);
    let mut other = Some(other);
    let mut other_raw = Raw::welcome(&other_ticket);
    let mut raw = Raw::welcome(&ticket);
    raw.write(&[raw::start(), raw::message(12), raw::message(13), raw::message(14)].concat());
    assert_eq!(raw.frame(), None);
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![Fragile(12)], Some(MALFORMED)));

    collect(other.as_ref().unwrap());
    other_raw.write(&[raw::start(), raw::message(1), raw::end(STOPPED)].concat());
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![Fragile(1)], Some(PipeEnd::Stopped)));
    drop(other.take());
}

/// A whole conversation, and how the pipe ends if it is cut off after so many of its bytes.
fn conversation(parts: &Parts) -> (Vec<u8>, [usize; 4]) {
    let pieces = [parts.hello(), raw::start(), raw::message(1), raw::message(2), raw::end(STOPPED)];
    let mut at = 0;
    let ends: Vec<_> = pieces.iter().map(|piece| (at += piece.len(), at).1).collect();
    (pieces.concat(), [ends[0], ends[2], ends[3], ends[4]])
}

fn cut_off_after(
    router: &MessageRouter<Seen<u32>>,
    length: impl Fn(usize) -> usize,
) -> Option<(usize, Seen<u32>)> {
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let parts = Parts::of(&ticket);
    let (bytes, [hello, first, second, end]) = conversation(&parts);
    let length = length(bytes.len());
    let mut raw = Raw::connect(&parts);
    // It may be sent away before all is written.
    let _ = raw.try_write(&bytes[..length]);
    drop(raw);
    if length < hello {
        // The ticket is still good: another comes with it.
        let mut raw = Raw::welcome(&ticket);
        raw.write(&[raw::start(), raw::end(STOPPED)].concat());
        assert_eq!(until_end(router).end, Some(PipeEnd::Stopped), "{length}");
        return None;
    }
    let seen = until_end(router);
    let messages = usize::from(length >= first) + usize::from(length >= second);
    assert_eq!(seen.messages, [1, 2][..messages], "{length}");
    assert_eq!(
        seen.end,
        Some(if length >= end { PipeEnd::Stopped } else { PipeEnd::Lost(None) }),
        "{length}"
    );
    Some((length, seen))
}

#[test]
fn a_connection_may_be_cut_after_every_byte() {
    alone("hostile::a_connection_may_be_cut_after_every_byte", &[], || {
        // The I/O thread, its poller and the standard streams come with the first.
        let router = router();
        let mut sum = 0;
        let (_ticket, _keeps_the_door_open) = router.remote_pipe::<u8>().unwrap();
        cut_off_after(&router, |all| all);
        let before = descriptors();
        let all = conversation(&Parts { number: 0, secret: [0; 32], path: String::new() }).0.len();
        for length in 0..=all {
            sum += usize::from(cut_off_after(&router, |_| length).is_some());
        }
        assert!(sum > 20, "{sum}");
        // A connection goes a moment after its end was told.
        let begun = Instant::now();
        while descriptors() > before {
            assert!(begun.elapsed() < WAIT, "{} descriptors are left of {before}", descriptors());
            std::thread::yield_now();
        }
    });
}

#[test]
fn the_socket_and_its_folder_are_gone_with_the_last_pipe() {
    alone("hostile::the_socket_and_its_folder_are_gone_with_the_last_pipe", &[], || {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};

        let router = router::<()>();
        let (first, receiver) = router.remote_pipe::<u32>().unwrap();
        let (second, other) = router.remote_pipe::<u32>().unwrap();
        let path = std::path::PathBuf::from(Parts::of(&first).path);
        assert_eq!(path, std::path::Path::new(&Parts::of(&second).path), "one door for all");
        let folder = path.parent().unwrap();
        let metadata = folder.metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o700);
        assert_eq!(metadata.uid(), std::fs::metadata("/proc/self").unwrap().uid());
        drop(receiver);
        drop(UnixStream::connect(&path).unwrap());
        drop(other);
        router.dispatch(&mut ());
        // The I/O thread may be just about to let it go.
        let begun = Instant::now();
        while folder.exists() {
            assert!(begun.elapsed() < WAIT);
            std::thread::yield_now();
        }
        // The next one opens another.
        let (third, _receiver) = router.remote_pipe::<u32>().unwrap();
        assert_ne!(Parts::of(&third).path, path.to_str().unwrap());
    });
}
