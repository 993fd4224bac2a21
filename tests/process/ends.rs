//! How pipes of other processes end.

use std::os::unix::process::ExitStatusExt;

use foreground::PipeEnd;

use crate::common::{child, collect, router, until_end};

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
