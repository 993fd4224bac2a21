//! Many processes, killed or stopped at any moment; and the ends that only a process can come to.

use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

use foreground::process::{Child, RemotePipeOptions};
use foreground::{MessageRouter, PipeEnd};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::{Seen, WAIT, child, collect, router, until_end};
use crate::senders::COUNT;

/// Runs a child that behaves so, and returns what came of it.
fn run(behaviour: &str) -> Seen<u32> {
    let router = router();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    let child = child(behaviour, ticket).spawn().unwrap();
    let seen = until_end(&router);
    child.wait_timeout(WAIT).unwrap().expect("it ends with its pipe");
    seen
}

#[test]
fn a_panic_of_one_thread_in_the_other_process_is_told() {
    let seen = run("panic");
    assert_eq!((seen.messages, seen.end), (vec![1, 2, 3], Some(PipeEnd::Panicked)));
}

#[test]
fn a_sender_that_is_dropped_before_its_start_was_never_started() {
    let seen = run("never start");
    assert_eq!((seen.messages, seen.end), (vec![], Some(PipeEnd::NeverStarted)));
}

#[test]
fn a_process_that_exits_with_its_sender_is_lost_with_its_status() {
    let seen = run("exit with a static sender");
    let Some(PipeEnd::Lost(Some(status))) = seen.end else { panic!("{seen:?}") };
    assert_eq!((seen.messages, status.code()), (vec![1], Some(7)));
}

/// Starts a child that sends until nobody receives, routes until some of it has come, and does as told; the child then sees that.
fn until_nobody_receives(options: RemotePipeOptions, stop_receiving: impl FnOnce(&MessageRouter<u32>)) {
    let router = router::<u32>();
    let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
    receiver.on_message(|seen, _| *seen += 1);
    receiver.detach();
    let child = child("until closed", ticket).spawn().unwrap();
    router.route_until(&mut 0, |seen| *seen >= 10, WAIT).unwrap();
    stop_receiving(&router);
    drop(router);
    assert_eq!(child.wait_timeout(WAIT).unwrap().expect("it saw the close").code(), Some(9));
}

#[test]
fn a_sender_in_another_process_sees_that_the_router_stopped() {
    until_nobody_receives(RemotePipeOptions::new(), |router| router.stop().unwrap());
    until_nobody_receives(RemotePipeOptions::new().bounded(4), |router| router.stop().unwrap());
}

#[test]
fn a_sender_in_another_process_sees_that_the_router_was_dropped() {
    until_nobody_receives(RemotePipeOptions::new(), |_| {});
}

#[test]
fn a_sender_in_another_process_sees_that_the_receiver_was_closed() {
    for options in [
        RemotePipeOptions::new(),
        RemotePipeOptions::new().bounded(1),
        RemotePipeOptions::new().bounded(64),
        RemotePipeOptions::new().latest(),
    ] {
        let router = router::<Seen<u32>>();
        let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        collect(&receiver);
        let child = child("until closed", ticket).spawn().unwrap();
        router.route_until(&mut Seen::default(), |seen| !seen.messages.is_empty(), WAIT).unwrap();
        drop(receiver);
        assert_eq!(child.wait_timeout(WAIT).unwrap().expect("it saw the close").code(), Some(9));
    }
}

#[test]
fn a_router_that_was_started_again_has_new_pipes_only() {
    let router = router();
    let (old_ticket, _old) = router.remote_pipe::<u32>().unwrap();
    router.stop().unwrap();
    assert!(router.remote_pipe::<u32>().is_err(), "it does not run");
    router.start().unwrap();
    let (ticket, receiver) = router.remote_pipe::<u32>().unwrap();
    collect(&receiver);
    // A test that cannot come in panics.
    let of_old = child("send", old_ticket).log_stderr(log::Level::Debug).spawn().unwrap();
    let of_new = child("send", ticket).spawn().unwrap();
    let seen = until_end(&router);
    assert_eq!((seen.messages.len(), seen.end), (1000, Some(PipeEnd::Stopped)));
    assert!(of_new.wait().unwrap().success());
    assert!(!of_old.wait().unwrap().success());
}

#[test]
fn every_message_of_a_hundred_processes_comes() {
    #[derive(Default)]
    struct All {
        next: Vec<u32>,
        ends: Vec<PipeEnd>,
    }
    let router: MessageRouter<All> = router();
    let mut all = All { next: vec![0; 100], ..All::default() };
    let mut kept = Vec::new();
    for id in 0..100 {
        let kind = match id % 2 {
            0 => RemotePipeOptions::new(),
            _ => RemotePipeOptions::new().bounded(10),
        };
        let (ticket, receiver) = router.remote_pipe_with::<u32>(kind.valid_for(None)).unwrap();
        receiver.on_message(move |all: &mut All, n| {
            assert_eq!(n, all.next[id], "process {id}");
            all.next[id] += 1;
        });
        receiver.on_end(|all, end| all.ends.push(end));
        kept.push((child("send", ticket).env(COUNT, "500").spawn().unwrap(), receiver));
    }
    router.route_until(&mut all, |all| all.ends.len() == 100, WAIT).unwrap();
    assert_eq!(all.next, [500; 100]);
    assert_eq!(all.ends, [PipeEnd::Stopped; 100]);
    assert!(kept.iter().all(|(child, _)| child.wait().unwrap().success()));
}

#[test]
fn what_came_from_a_killed_process_is_a_prefix_of_what_it_sent() {
    let router = router();
    for seed in 0..30_usize {
        let options = match seed % 3 {
            0 => RemotePipeOptions::new(),
            1 => RemotePipeOptions::new().bounded(1 + seed),
            _ => RemotePipeOptions::new().bounded(1000),
        };
        let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        collect(&receiver);
        let child = child("for ever", ticket).spawn().unwrap();
        // The moment is told by the messages: anywhere from none to some thousands.
        let moment = seed * seed * 7;
        let mut seen = Seen::default();
        router.route_until(&mut seen, |seen| seen.messages.len() >= moment, WAIT).unwrap();
        child.kill();
        router.route_until(&mut seen, |seen| seen.end.is_some(), WAIT).unwrap();
        let count = seen.messages.len() as u32;
        assert!(seen.messages.iter().copied().eq(0..count), "seed {seed}");
        let Some(PipeEnd::Lost(Some(status))) = seen.end else { panic!("seed {seed}: {:?}", seen.end) };
        assert_eq!(status.signal(), Some(9), "seed {seed}");
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Whether the system says that the process is stopped.
fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // After the name, which is in parentheses.
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

#[test]
fn a_process_that_is_stopped_for_a_while_goes_on_as_if_nothing_had_been() {
    // So many that it is not done before it is stopped.
    for (options, count) in
        [(RemotePipeOptions::new(), 1_000_000), (RemotePipeOptions::new().bounded(16), 20_000)]
    {
        let router = router();
        let (ticket, receiver) = router.remote_pipe_with::<u32>(options).unwrap();
        collect(&receiver);
        let child = child("send", ticket).env(COUNT, count.to_string()).spawn().unwrap();
        let mut seen = Seen::default();
        for round in 1..=3 {
            let enough = round * 100;
            router
                .route_until(&mut seen, |seen| seen.messages.len() >= enough || seen.end.is_some(), WAIT)
                .unwrap();
            if seen.end.is_some() {
                break;
            }
            signal(&child, Signal::STOP);
            let begun = Instant::now();
            while !is_stopped(&child) && child.try_wait().unwrap().is_none() {
                assert!(begun.elapsed() < WAIT);
                std::thread::yield_now();
            }
            signal(&child, Signal::CONT);
        }
        router.route_until(&mut seen, |seen| seen.end.is_some(), WAIT).unwrap();
        assert!(seen.messages.iter().copied().eq(0..count), "{} came", seen.messages.len());
        assert_eq!(seen.end, Some(PipeEnd::Stopped));
    }
}
