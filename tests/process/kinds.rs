//! The kinds of pipes, with a sender in another process.

use std::cell::RefCell;
use std::rc::Rc;

use foreground::process::{RemotePipeOptions, RemoteSendErrorKind, RemoteSender};
use foreground::{MessageRouter, PipeEnd};

use crate::common::{Seen, WAIT, child, collect, router, until_end};
use crate::senders::{COUNT, SECOND};

#[test]
fn an_unbounded_pipe_takes_what_comes_while_the_foreground_is_stopped() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = child("send", ticket).env(COUNT, "100000").spawn().unwrap();
    // The child ends although nobody has routed anything.
    assert!(child.wait_timeout(WAIT).unwrap().expect("it does not wait for the foreground").success());
    let seen = until_end(&router);
    assert_eq!(seen.messages, (0..100_000).collect::<Vec<_>>());
    assert_eq!(seen.end, Some(PipeEnd::Stopped));
}

#[test]
fn a_bounded_pipe_holds_its_sender_in_another_process() {
    for capacity in [1, 2, 7, 8, 100] {
        let router = router::<Vec<u32>>();
        let options = RemotePipeOptions::new().bounded(capacity);
        let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        let (report_ticket, report) = router.remote_pipe::<u32>().unwrap();
        let _child = child("as many as there is room for", ticket)
            .ticket_in(SECOND, report_ticket)
            .env(COUNT, "1000")
            .spawn()
            .unwrap();
        // The messages wait, for nobody takes them; the report comes past them.
        report.on_message(|room, n| room.push(n));
        let mut room = Vec::new();
        router.route_until(&mut room, |room| !room.is_empty(), WAIT).unwrap();
        assert_eq!(room, [capacity as u32]);

        let ended = Rc::new(RefCell::new(None));
        let noted = Rc::clone(&ended);
        receiver.on_end(move |_, end| *noted.borrow_mut() = Some(end));
        receiver.on_message(|seen, n| seen.push(n));
        let mut seen = Vec::new();
        router.route_until(&mut seen, |_| ended.borrow().is_some(), WAIT).unwrap();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        assert_eq!(*ended.borrow(), Some(PipeEnd::Stopped));
    }
}

#[test]
fn a_bounded_pipe_whose_messages_are_taken_one_by_one_makes_room_in_steps() {
    let router = router::<()>();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().bounded(16)).unwrap();
    let sender = RemoteSender::from_ticket(ticket).unwrap().start();
    (0..16).for_each(|n| sender.try_send(n).unwrap());
    for step in 0..8 {
        assert_eq!(sender.try_send(99).unwrap_err().kind(), RemoteSendErrorKind::Full);
        let mut taken = Vec::new();
        let take = |_: &mut ()| {
            taken.extend(receiver.try_recv());
            taken.len() == 2
        };
        router.route_until(&mut (), take, WAIT).unwrap();
        assert_eq!(taken, [step * 2, step * 2 + 1]);
        sender.send(16 + step * 2).unwrap();
        sender.send(17 + step * 2).unwrap();
    }
}

#[test]
fn a_latest_pipe_delivers_the_newest_value_and_the_last_before_the_end() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().latest()).unwrap();
    collect(&receiver);
    let child = child("send", ticket).env(COUNT, "1000000").spawn().unwrap();
    let seen = until_end(&router);
    assert!(seen.messages.is_sorted_by(|a, b| a < b), "no value comes twice, and none after a newer one");
    assert_eq!(seen.messages.last(), Some(&999_999));
    assert_eq!(seen.end, Some(PipeEnd::Stopped));
    assert!(child.wait().unwrap().success());
    let stats = router.stats();
    assert!(stats.queued <= 1, "{stats:?}");
}

#[test]
fn a_latest_pipe_of_a_stopped_foreground_keeps_one_value() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(RemotePipeOptions::new().latest()).unwrap();
    collect(&receiver);
    let child = child("send", ticket).env(COUNT, "100000").spawn().unwrap();
    assert!(child.wait_timeout(WAIT).unwrap().expect("it never waits").success());
    let seen = until_end(&router);
    assert_eq!((seen.messages, seen.end), (vec![99_999], Some(PipeEnd::Stopped)));
}

#[test]
fn the_messages_of_each_clone_come_in_its_order() {
    for options in [RemotePipeOptions::new(), RemotePipeOptions::new().bounded(5)] {
        let router = router();
        let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        collect(&receiver);
        let _child = child("clones", ticket).spawn().unwrap();
        let seen = until_end(&router);
        assert_eq!(seen.messages.len(), 4000);
        for id in 0..4 {
            let of_one = seen.messages.iter().filter(|&&n| n / 10_000 == id).map(|n| n % 10_000);
            assert!(of_one.eq(0..1000), "thread {id}");
        }
        assert_eq!(seen.end, Some(PipeEnd::Stopped));
    }
}

#[test]
fn one_process_may_have_several_pipes() {
    #[derive(Default)]
    struct Both {
        numbers: Vec<u32>,
        texts: Vec<String>,
        ends: Vec<PipeEnd>,
    }
    let router: MessageRouter<Both> = router();
    let (ticket, numbers) = router.remote_pipe::<u32>().unwrap();
    let (second, texts) = router.remote_pipe::<String>().unwrap();
    numbers.on_message(|both: &mut Both, n| both.numbers.push(n));
    texts.on_message(|both: &mut Both, text| both.texts.push(text));
    numbers.on_end(|both, end| both.ends.push(end));
    texts.on_end(|both, end| both.ends.push(end));
    let _child = child("two tickets", ticket).ticket_in(SECOND, second).spawn().unwrap();
    let mut both = Both::default();
    router.route_until(&mut both, |both| both.ends.len() == 2, WAIT).unwrap();
    assert_eq!(both.numbers, (0..100).collect::<Vec<_>>());
    assert_eq!(both.texts, (0..100).map(|n: u32| n.to_string()).collect::<Vec<_>>());
    assert_eq!(both.ends, [PipeEnd::Stopped; 2]);
}

#[test]
fn a_detached_pipe_goes_on() {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    receiver.detach();
    let _child = child("send", ticket).spawn().unwrap();
    let seen: Seen<u32> = until_end(&router);
    assert_eq!(seen.messages.len(), 1000);
    assert_eq!(seen.end, Some(PipeEnd::Stopped));
}
