//! Who comes in, and who does not.

use std::time::Duration;

use foreground::process::{
    ConnectError, ConnectErrorKind, RemotePipeOptions, RemoteSender, TICKET_VARIABLE, Ticket,
};
use foreground::{PipeEnd, Refusal};

use crate::alone::alone;
use crate::common::{BEHAVIOUR, Seen, TO_BEHAVE, collect, router, until_end};
use crate::raw::{self, Parts, Raw};

fn come(ticket: Ticket) -> Result<RemoteSender<u32>, ConnectError> {
    RemoteSender::builder().survive().connect(ticket)
}

/// Why somebody with this ticket is not let in.
fn refused(ticket: Ticket) -> ConnectErrorKind {
    come(ticket).unwrap_err().kind()
}

/// The same ticket with another number or secret.
fn forged(ticket: &Ticket, change: impl FnOnce(&mut Parts)) -> Ticket {
    let mut parts = Parts::of(ticket);
    change(&mut parts);
    let secret: String = parts.secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("fg1.{:x}.{secret}@{}", parts.number, parts.path).parse().unwrap()
}

#[test]
fn a_forged_secret_is_refused_and_the_ticket_stays_good() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    for bit in [0, 7, 100, 255] {
        let forged = forged(&ticket, |parts| parts.secret[bit / 8] ^= 1 << (bit % 8));
        assert_eq!(refused(forged), ConnectErrorKind::UnknownTicket);
    }
    let sender = come(ticket).unwrap().start();
    sender.send(1).unwrap();
    drop(sender);
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![1], Some(PipeEnd::Stopped)));
}

#[test]
fn an_unknown_number_is_refused() {
    let router = router::<()>();
    let (ticket, _receiver) = router.remote_pipe::<u32>().unwrap();
    assert_eq!(refused(forged(&ticket, |parts| parts.number = u64::MAX)), ConnectErrorKind::UnknownTicket);
    assert_eq!(refused(forged(&ticket, |parts| parts.number = 0)), ConnectErrorKind::UnknownTicket);
}

#[test]
fn a_ticket_is_good_for_one_connection() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    // Keeps the door open.
    let (_other, _open) = router.remote_pipe::<u8>().unwrap();
    let first = come(ticket.clone()).unwrap();
    assert_eq!(refused(ticket.clone()), ConnectErrorKind::UsedTicket, "before the first has started");
    let first = first.start();
    first.send(1).unwrap();
    assert_eq!(refused(ticket.clone()), ConnectErrorKind::UsedTicket, "while the first is at work");
    first.send(2).unwrap();
    drop(first);
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![1, 2], Some(PipeEnd::Stopped)));
    assert_eq!(refused(ticket), ConnectErrorKind::UsedTicket, "after its end");
}

#[test]
fn a_ticket_expires_and_its_pipe_was_never_started() {
    let router = router();
    let options = RemotePipeOptions::new().valid_for(Duration::from_millis(1));
    let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
    collect(&receiver);
    let (_other, _open) = router.remote_pipe::<u8>().unwrap();
    assert_eq!(until_end(&router).end, Some(PipeEnd::NeverStarted));
    assert_eq!(refused(ticket), ConnectErrorKind::ExpiredTicket);
}

#[test]
fn a_ticket_without_a_limit_is_good_as_long_as_its_pipe() {
    let router = router();
    for time in [None, Some(Duration::MAX), Some(Duration::from_secs(1 << 62))] {
        let (ticket, receiver) =
            router.remote_pipe_with::<u32>(RemotePipeOptions::new().valid_for(time)).unwrap();
        collect(&receiver);
        drop(come(ticket).unwrap().start());
        assert_eq!(until_end(&router).end, Some(PipeEnd::Stopped));
    }
}

#[test]
fn a_pipe_that_was_closed_before_anybody_came_lets_nobody_in() {
    let router = router::<Seen<u32>>();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    let (_other, _open) = router.remote_pipe::<u8>().unwrap();
    drop(receiver);
    assert_eq!(refused(ticket), ConnectErrorKind::ExpiredTicket);
}

#[test]
fn a_sender_of_another_type_is_an_error_on_both_sides() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let error = RemoteSender::<i32>::from_ticket(ticket).unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::TypeMismatch);
    assert_eq!(error.to_string(), "messages of i32 are sent, and u32 is received");
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![], Some(PipeEnd::Refused(Refusal::Type))));
}

#[test]
fn types_with_long_names_are_compared_too() {
    let long = "é".repeat(600);
    let router = router();
    for (there, fits) in [(long.clone(), true), (long.replace('é', "è"), false)] {
        let options = RemotePipeOptions::new().type_name(&long);
        let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        collect(&receiver);
        let sender = RemoteSender::<u32>::builder().type_name(there).connect(ticket);
        assert_eq!(sender.is_ok(), fits);
        drop(sender.map(RemoteSender::start));
        let end = if fits { PipeEnd::Stopped } else { PipeEnd::Refused(Refusal::Type) };
        assert_eq!(until_end(&router).end, Some(end));
    }
}

/// Comes with that greeting, and returns the code of the denial.
fn denied(greeting: impl FnOnce(&Parts) -> Vec<u8>, refusal: Refusal) -> (u8, String) {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let parts = Parts::of(&ticket);
    let mut raw = Raw::connect(&parts);
    raw.write(&greeting(&parts));
    raw.finish();
    let frames = raw.until_closed();
    let [denial] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(denial[0], b'D');
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![], Some(PipeEnd::Refused(refusal))));
    (denial[1], String::from_utf8(denial[2..].to_vec()).unwrap())
}

#[test]
fn another_version_is_an_error_on_both_sides() {
    let (code, text) = denied(|parts| parts.hello_of(2, "postcard", "u32"), Refusal::Version);
    assert_eq!(code, 1);
    assert!(text.contains("version 2") && text.contains("version 1"), "{text}");
    // What follows the secret may be different there.
    let newer = |parts: &Parts| {
        let mut hello = parts.hello_of(7, "", "");
        hello.truncate(4 + 1 + 2 + 8 + 32);
        hello.extend(b"something new");
        raw::frame(b'H', &hello[5..])
    };
    assert_eq!(denied(newer, Refusal::Version).0, 1);
}

#[test]
fn an_unknown_codec_is_an_error_on_both_sides() {
    let (code, text) = denied(|parts| parts.hello_of(1, "yaml", "u32"), Refusal::Codec);
    assert_eq!(code, 6);
    assert!(text.contains("\"yaml\""), "{text}");
}

#[test]
fn two_hundred_strangers_do_not_keep_an_invited_one_out() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let parts = Parts::of(&ticket);
    let mut crowd: Vec<_> = (0..200).map(|_| Raw::connect(&parts)).collect();
    for stranger in &mut crowd[..100] {
        stranger.write(&parts.hello()[..20]);
    }
    drop(come(ticket).unwrap().start());
    assert_eq!(until_end(&router).end, Some(PipeEnd::Stopped));
}

#[test]
fn what_is_no_greeting_is_cut_off_and_the_ticket_stays_good() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let parts = Parts::of(&ticket);
    let hello = parts.hello();
    let mut too_long = hello.clone();
    too_long.extend(b"more");
    too_long[3] += 4;
    let mut too_short = hello[..hello.len() - 1].to_vec();
    too_short[3] -= 1;
    let not_utf8 = [&parts.hello_of(1, "postcard", "")[4 + 1..], &[0, 0]].concat();
    let not_utf8 = raw::frame(b'H', &[&not_utf8[..not_utf8.len() - 4], &[0, 1, 0xff]].concat());
    let bad: [&[u8]; 9] = [
        &[0, 0, 0, 0],
        &[0xff; 4],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0x10, 1],
        &raw::start(),
        &raw::frame(b'H', b""),
        &too_long,
        &too_short,
        &not_utf8,
    ];
    for bytes in bad {
        let mut raw = Raw::connect(&parts);
        raw.write(bytes);
        assert_eq!(raw.until_closed(), <[Vec<u8>; 0]>::default(), "{bytes:?}");
    }
    drop(come(ticket).unwrap().start());
    assert_eq!(until_end(&router).end, Some(PipeEnd::Stopped));
}

#[test]
fn a_greeting_may_come_byte_by_byte() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let parts = Parts::of(&ticket);
    let mut raw = Raw::connect(&parts);
    let all = [parts.hello(), raw::start(), raw::message(5), raw::end(raw::STOPPED)].concat();
    for byte in all {
        raw.write(&[byte]);
    }
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![5], Some(PipeEnd::Stopped)));
}

#[test]
fn a_process_of_another_user_is_sent_away_on_both_sides() {
    alone("door::a_process_of_another_user_is_sent_away_on_both_sides", &[], || {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;
        use std::os::unix::process::CommandExt;

        let router = router();
        let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
        collect(&receiver);
        // As if somebody had opened the folder to all.
        let path = std::path::PathBuf::from(Parts::of(&ticket).path);
        set_permissions(path.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
        set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        // A copy of this program that others may run.
        let folder = tempfile::tempdir().unwrap();
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        for (behaviour, expected) in [("speak bytes to the door", 11), ("come to a foreign door", 12)] {
            let status = std::process::Command::new(&program)
                .args(TO_BEHAVE)
                .env(BEHAVIOUR, behaviour)
                .env(TICKET_VARIABLE, ticket.to_string())
                .uid(12345)
                .status();
            match status {
                Ok(status) => assert_eq!(status.code(), Some(expected), "{behaviour}"),
                // Only root can become somebody else.
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
            }
        }
        drop(come(ticket).unwrap().start());
        assert_eq!(until_end(&router).end, Some(PipeEnd::Stopped));
    });
}
