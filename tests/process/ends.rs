//! How pipes of other processes end.

use std::os::unix::process::ExitStatusExt;

use std::time::Instant;

use foreground::PipeEnd;
use foreground::process::{ConnectErrorKind, RemoteSender};

use crate::alone::{alone, descriptors};
use crate::common::{WAIT, child, collect, router, until_end};

#[test]
fn messages_come_in_order_and_then_the_end() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = child("count", ticket).spawn().unwrap();
    let seen = until_end(&router);
    assert_eq!(seen.messages, (0..1000).collect::<Vec<_>>());
    assert_eq!(seen.end, Some(PipeEnd::Stopped));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_process_that_crashes_is_lost_with_its_signal() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = child("abort", ticket).spawn().unwrap();
    let seen = until_end(&router);
    assert_eq!(seen.messages, [7]);
    let Some(PipeEnd::Lost(Some(status))) = seen.end else { panic!("{:?}", seen.end) };
    assert_eq!(status.signal(), Some(6));
    assert_eq!(child.wait().unwrap(), status);
}

#[test]
fn a_sender_that_has_ended_leaves_no_descriptor_in_its_process() {
    alone("ends::a_sender_that_has_ended_leaves_no_descriptor_in_its_process", &[], || {
        let router = router();
        // Keeps the door open, and with it what is there once.
        let (_ticket, _open) = router.remote_pipe::<u8>().unwrap();
        let before = descriptors();
        for n in 0..100 {
            let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
            collect(&receiver);
            let sender = RemoteSender::<u32>::from_ticket(ticket.clone()).unwrap().start();
            sender.send(n).unwrap();
            drop(sender);
            let seen = until_end(&router);
            assert_eq!((seen.messages, seen.end), (vec![n], Some(PipeEnd::Stopped)));
            let error = RemoteSender::<u32>::from_ticket(ticket).unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::UsedTicket);
        }
        // A connection goes a moment after its end was told.
        let begun = Instant::now();
        while descriptors() > before {
            assert!(begun.elapsed() < WAIT, "{} descriptors are left of {before}", descriptors());
            std::thread::yield_now();
        }
    });
}
