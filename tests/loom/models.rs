//! Models of every hand-over between threads: loom runs each in all the orders, and with all the stale reads, that
//! the memory model allows (up to a number of preemptions). A lost wake shows as a deadlock, a race in the
//! queue's memory as a panic, a lost or doubled message as a failed assertion.
//!
//! `tests/models` runs them. They see the crate as a user does; but its blocks hold two messages, so that
//! block ends are crossed and blocks are used again.

use std::ops::Deref;
use std::sync::atomic::AtomicUsize as PlainUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use foreground::bus::{self, RecvResponseTimeoutError, ResponseError, SendResponseError};
use foreground::tasks::{AskError, CancelToken, TaskCancelled, model_of_a_question};
use foreground::{Budget, MessageReceiver, MessageRouter, MessageSender, PipeEnd, StartedSender};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// Runs a model with at most so many preemptions in one execution, or as many as `LOOM_MAX_PREEMPTIONS` says.
fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 20_000;
    builder.check(check);
}

/// What the callbacks saw.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    numbers: Vec<u64>,
    ends: Vec<PipeEnd>,
}

/// A router and its event loop, which sleeps until it is woken.
struct Loop {
    router: MessageRouter<Seen>,
    bell: Arc<Bell>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Loop {
    fn new() -> Self {
        let bell = Arc::new(Bell::default());
        let waker = Arc::clone(&bell);
        // Without a clock: a model must do the same each time.
        let budget = Budget::new(Duration::MAX, usize::MAX);
        let router = MessageRouter::builder().budget(budget).build(move || {
            *waker.rung.lock().unwrap() = true;
            waker.rings.notify_one();
        });
        router.start().unwrap();
        Self { router, bell }
    }

    fn turn(&self, seen: &mut Seen) {
        self.router.dispatch(seen);
        self.router.settle();
    }

    /// Turns until the condition holds: it sleeps whenever there is nothing to do, and only a wake ends that.
    fn run_until(&self, seen: &mut Seen, condition: impl Fn(&Seen) -> bool) {
        while !condition(seen) {
            let mut rung = self.bell.rung.lock().unwrap();
            while !*rung {
                rung = self.bell.rings.wait(rung).unwrap();
            }
            *rung = false;
            drop(rung);
            self.turn(seen);
        }
    }
}

impl Deref for Loop {
    type Target = MessageRouter<Seen>;

    fn deref(&self) -> &Self::Target {
        &self.router
    }
}

/// Notes all that comes through a pipe.
fn note<T: Into<u64> + Send + 'static>(
    pipe: (MessageSender<T>, MessageReceiver<T, Seen>),
) -> StartedSender<T> {
    let (sender, receiver) = pipe;
    receiver.on_message(|seen: &mut Seen, message| seen.numbers.push(message.into()));
    receiver.on_end(|seen, end| seen.ends.push(end));
    receiver.detach();
    sender.start()
}

/// The numbers from one sender, which has sent its numbers above `from` in ascending order.
fn of_sender(seen: &Seen, from: u64) -> Vec<u64> {
    seen.numbers.iter().copied().filter(|number| number / 10 == from).collect()
}

#[test]
fn a_send_wakes_the_sleeping_loop() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        let worker = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| seen.numbers.len() == 2);
        worker.join().unwrap();
        router.run_until(&mut seen, |seen| seen.ends.len() == 1);
        assert_eq!(seen.numbers, [1, 2]);
    });
}

#[test]
fn blocks_are_crossed_and_used_again() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        let mut seen = Seen::default();
        // The first block is worked off and given back, the second is full.
        (0..4).for_each(|number| sender.send(number).unwrap());
        router.turn(&mut seen);
        // So this takes the first again, while the foreground leaves the second.
        let kept = sender.clone();
        let worker = thread::spawn(move || (4..6).for_each(|number| sender.send(number).unwrap()));
        router.run_until(&mut seen, |seen| seen.numbers.len() == 6);
        worker.join().unwrap();
        assert_eq!(seen.numbers, [0, 1, 2, 3, 4, 5]);
        drop(kept);
    });
}

#[test]
fn two_senders_cross_a_block_at_once() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        // The block has room for one more.
        sender.send(10).unwrap();
        let (other, _kept) = (sender.clone(), sender.clone());
        let workers = [
            thread::spawn(move || sender.send(11).unwrap()),
            thread::spawn(move || (20..22).for_each(|number| other.send(number).unwrap())),
        ];
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let mut seen = Seen::default();
        router.turn(&mut seen);
        assert_eq!(of_sender(&seen, 1), [10, 11]);
        assert_eq!(of_sender(&seen, 2), [20, 21]);
        assert_eq!(seen.numbers.len(), 4);
    });
}

#[test]
fn two_senders_and_the_loop_meet() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        let (other, _kept) = (sender.clone(), sender.clone());
        let workers =
            [thread::spawn(move || sender.send(10).unwrap()), thread::spawn(move || other.send(20).unwrap())];
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| seen.numbers.len() == 2);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert!(seen.numbers == [10, 20] || seen.numbers == [20, 10], "{seen:?}");
    });
}

#[test]
fn a_block_is_crossed_while_its_last_entry_is_being_written() {
    model(1, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        // The block has room for one more.
        sender.send(10).unwrap();
        let (other, _kept) = (sender.clone(), sender.clone());
        let workers =
            [thread::spawn(move || sender.send(11).unwrap()), thread::spawn(move || other.send(20).unwrap())];
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| seen.numbers.len() == 3);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(of_sender(&seen, 1), [10, 11]);
        assert_eq!(of_sender(&seen, 2), [20]);
    });
}

#[test]
fn happens_before_is_kept_across_pipes_and_threads() {
    model(2, || {
        let router = Loop::new();
        let (first, second) = (note(router.pipe::<u64>().unwrap()), note(router.pipe::<u64>().unwrap()));
        let _kept = (first.clone(), second.clone());
        let has_sent = Arc::new(AtomicBool::new(false));
        let may_send = Arc::clone(&has_sent);
        let workers = [
            thread::spawn(move || {
                first.send(1).unwrap();
                has_sent.store(true, Ordering::Release);
            }),
            thread::spawn(move || {
                if may_send.load(Ordering::Acquire) {
                    second.send(2).unwrap();
                }
            }),
        ];
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| !seen.numbers.is_empty());
        assert_eq!(seen.numbers[0], 1);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        router.turn(&mut seen);
        assert!(seen.numbers == [1] || seen.numbers == [1, 2], "{seen:?}");
    });
}

#[test]
fn the_last_of_two_senders_ends_the_pipe_and_wakes() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        let other = sender.clone();
        let workers = [
            thread::spawn(move || {
                sender.send(1).unwrap();
            }),
            thread::spawn(move || drop(other)),
        ];
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| !seen.ends.is_empty());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!((seen.numbers, seen.ends), (vec![1], vec![PipeEnd::Stopped]));
    });
}

/// A message that counts its drops.
struct Counted(std::sync::Arc<PlainUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Sends two messages against what `meanwhile` does to the router, and checks that each was delivered or
/// discarded, and dropped, once.
fn send_against(
    preemptions: usize,
    meanwhile: impl Fn(&Loop, MessageReceiver<Counted, Seen>) + Send + Sync + 'static,
) {
    model(preemptions, move || {
        let drops = std::sync::Arc::new(PlainUsize::new(0));
        let router = Loop::new();
        let (sender, receiver) = router.pipe::<Counted>().unwrap();
        receiver.on_message(|seen: &mut Seen, _| seen.numbers.push(0));
        let sender = sender.start();
        let counted = std::sync::Arc::clone(&drops);
        sender.send(Counted(std::sync::Arc::clone(&drops))).unwrap();
        let worker = thread::spawn(move || {
            (0..2).filter(|_| sender.send(Counted(std::sync::Arc::clone(&counted))).is_ok()).count()
        });
        meanwhile(&router, receiver);
        let sent = worker.join().unwrap();
        let mut seen = Seen::default();
        router.turn(&mut seen);
        let stats = router.stats();
        assert_eq!((stats.sent, stats.queued), (sent as u64 + 1, 0), "{stats:?}");
        assert_eq!(drops.load(SeqCst), 3);
    });
}

#[test]
fn a_close_meets_sends() {
    send_against(2, |_, receiver| drop(receiver));
}

#[test]
fn a_stop_meets_sends() {
    send_against(2, |router, receiver| {
        receiver.detach();
        router.stop().unwrap();
    });
}

#[test]
fn a_dispatch_and_a_stop_meet_sends() {
    send_against(2, |router, receiver| {
        receiver.detach();
        router.turn(&mut Seen::default());
        router.stop().unwrap();
        router.start().unwrap();
    });
}

#[test]
fn dropping_the_router_meets_sends() {
    model(2, || {
        let drops = std::sync::Arc::new(PlainUsize::new(0));
        let router = Loop::new();
        let (sender, receiver) = router.pipe::<Counted>().unwrap();
        let sender = sender.start();
        let counted = std::sync::Arc::clone(&drops);
        let worker = thread::spawn(move || {
            (0..3).for_each(|_| drop(sender.send(Counted(std::sync::Arc::clone(&counted)))));
        });
        drop(receiver);
        drop(router);
        worker.join().unwrap();
        assert_eq!(drops.load(SeqCst), 3);
    });
}

#[test]
fn route_until_is_woken() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        let worker = thread::spawn(move || sender.send(1).unwrap());
        let mut seen = Seen::default();
        router.route_until(&mut seen, |seen| !seen.ends.is_empty(), None).unwrap();
        worker.join().unwrap();
        assert_eq!(seen.numbers, [1]);
    });
}

#[test]
fn route_until_takes_over_from_a_loop_that_sleeps() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.pipe::<u64>().unwrap());
        let worker = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let mut seen = Seen::default();
        router.turn(&mut seen);
        router.route_until(&mut seen, |seen| seen.numbers.len() == 2, None).unwrap();
        worker.join().unwrap();
        assert_eq!(seen.numbers, [1, 2]);
    });
}

#[test]
fn a_sender_that_waits_for_room_gets_it() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.bounded_pipe::<u64>(1).unwrap());
        let worker = thread::spawn(move || (1..=2).for_each(|number| sender.send(number).unwrap()));
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| !seen.ends.is_empty());
        worker.join().unwrap();
        assert_eq!(seen.numbers, [1, 2]);
    });
}

#[test]
fn a_sender_that_waits_for_room_is_let_go_by_a_close() {
    model(2, || {
        let router = Loop::new();
        let (sender, receiver) = router.bounded_pipe::<u64>(1).unwrap();
        let sender = sender.start();
        let worker =
            thread::spawn(move || (1..=3).map(|number| sender.send(number).is_ok()).collect::<Vec<_>>());
        drop(receiver);
        let sent = worker.join().unwrap();
        // Room for the first; none is made, for nothing is dispatched.
        assert_eq!(sent[1..], [false, false]);
    });
}

#[test]
fn a_sender_that_waits_for_room_is_let_go_by_a_stop() {
    model(2, || {
        let router = Loop::new();
        let (sender, receiver) = router.bounded_pipe::<u64>(1).unwrap();
        let sender = sender.start();
        let worker = thread::spawn(move || (1..=3).filter(|number| sender.send(*number).is_ok()).count());
        router.stop().unwrap();
        assert!(worker.join().unwrap() <= 1);
        drop(receiver);
    });
}

#[test]
fn the_latest_value_always_arrives() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.latest_pipe::<u64>().unwrap());
        let worker = thread::spawn(move || (1..=3).for_each(|number| sender.send(number).unwrap()));
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| !seen.ends.is_empty());
        worker.join().unwrap();
        assert_eq!(seen.numbers.last(), Some(&3));
        assert!(seen.numbers.is_sorted());
        let stats = router.stats();
        assert_eq!((stats.sent, stats.queued), (3, 0));
        assert_eq!(stats.delivered + stats.replaced, 3);
    });
}

#[test]
fn a_latest_value_wakes_the_sleeping_loop() {
    model(2, || {
        let router = Loop::new();
        let sender = note(router.latest_pipe::<u64>().unwrap());
        let kept = sender.clone();
        let worker = thread::spawn(move || sender.send(1).unwrap());
        let mut seen = Seen::default();
        // It may be about to fall asleep.
        router.turn(&mut seen);
        router.run_until(&mut seen, |seen| seen.numbers == [1]);
        worker.join().unwrap();
        drop(kept);
    });
}

#[test]
fn a_latest_value_keeps_its_place_among_messages() {
    model(2, || {
        let router = Loop::new();
        let latest = note(router.latest_pipe::<u64>().unwrap());
        let plain = note(router.pipe::<u64>().unwrap());
        let _kept = (latest.clone(), plain.clone());
        let worker = thread::spawn(move || {
            latest.send(1).unwrap();
            plain.send(2).unwrap();
        });
        let mut seen = Seen::default();
        // It may be looking just now.
        router.turn(&mut seen);
        router.run_until(&mut seen, |seen| seen.numbers.contains(&2));
        worker.join().unwrap();
        assert_eq!(seen.numbers, [1, 2]);
    });
}

#[test]
fn a_closed_latest_pipe_meets_a_send() {
    model(2, || {
        let router = Loop::new();
        let (sender, receiver) = router.latest_pipe::<u64>().unwrap();
        let sender = sender.start();
        let worker = thread::spawn(move || (1..=2).filter(|number| sender.send(*number).is_ok()).count());
        drop(receiver);
        let sent = worker.join().unwrap();
        let mut seen = Seen::default();
        router.turn(&mut seen);
        let stats = router.stats();
        assert_eq!((stats.sent, stats.discarded, stats.queued), (sent as u64, sent as u64, 0), "{stats:?}");
    });
}

#[test]
fn a_latest_value_comes_while_a_block_is_crossed() {
    model(1, || {
        let router = Loop::new();
        let plain = note(router.pipe::<u64>().unwrap());
        let latest = note(router.latest_pipe::<u64>().unwrap());
        // The block is full.
        (0..2).for_each(|number| plain.send(number).unwrap());
        let (crossing, after, _kept) = (plain.clone(), plain.clone(), latest.clone());
        let workers = [
            thread::spawn(move || crossing.send(10).unwrap()),
            thread::spawn(move || {
                latest.send(20).unwrap();
                after.send(21).unwrap();
            }),
        ];
        plain.send(30).unwrap();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let mut seen = Seen::default();
        router.turn(&mut seen);
        assert_eq!(of_sender(&seen, 2), [20, 21]);
        assert_eq!(seen.numbers.len(), 6);
    });
}

#[test]
fn a_sleeper_is_woken_by_the_cancel() {
    model(3, || {
        let token = CancelToken::new();
        let sleeper = thread::spawn({
            let token = token.clone();
            move || token.sleep(Duration::MAX)
        });
        token.cancel();
        assert_eq!(sleeper.join().unwrap(), Err(TaskCancelled));
    });
}

#[test]
fn a_worker_that_asks_gets_the_answer() {
    model(3, || {
        let (answer, pending) = model_of_a_question(&CancelToken::new());
        let worker = thread::spawn(move || pending.wait());
        answer.reply(7);
        assert_eq!(worker.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_worker_that_asks_learns_that_nobody_answers() {
    model(3, || {
        let (answer, pending) = model_of_a_question::<u32>(&CancelToken::new());
        let worker = thread::spawn(move || pending.wait());
        drop(answer);
        assert_eq!(worker.join().unwrap(), Err(AskError::Unanswered));
    });
}

#[test]
fn a_worker_that_asks_is_woken_by_the_cancel() {
    model(3, || {
        let token = CancelToken::new();
        let (answer, pending) = model_of_a_question::<u32>(&token);
        let worker = thread::spawn(move || pending.wait());
        token.cancel();
        assert_eq!(worker.join().unwrap(), Err(AskError::Cancelled));
        drop(answer);
    });
}

#[test]
fn an_answer_and_a_cancel_at_once_end_the_wait() {
    model(3, || {
        let token = CancelToken::new();
        let (answer, pending) = model_of_a_question(&token);
        let worker = thread::spawn(move || pending.wait());
        let user = thread::spawn(move || answer.reply(7));
        token.cancel();
        assert!(matches!(worker.join().unwrap(), Ok(7) | Err(AskError::Cancelled)));
        user.join().unwrap();
    });
}

#[test]
fn a_client_and_a_server_that_sleep_are_woken() {
    model(2, || {
        let (client, server) = bus::local::<u32, u32>();
        let worker = thread::spawn(move || {
            let (transaction, number) = server.recv_request().unwrap();
            transaction.send_response(number + 1).unwrap();
        });
        assert_eq!(client.send_request(1).unwrap().recv_response().unwrap(), 2);
        worker.join().unwrap();
    });
}

#[test]
fn a_client_learns_that_nobody_answers() {
    model(3, || {
        let (client, server) = bus::local::<(), ()>();
        let pending = client.send_request(()).unwrap();
        let (transaction, ()) = server.recv_request().unwrap();
        let worker = thread::spawn(move || drop(transaction));
        assert!(matches!(pending.recv_response(), Err(ResponseError::NoResponse)));
        worker.join().unwrap();
    });
}

#[test]
fn a_response_meets_a_client_that_gives_up() {
    model(3, || {
        let drops = std::sync::Arc::new(PlainUsize::new(0));
        let (client, server) = bus::local::<(), Counted>();
        let pending = client.send_request(()).unwrap();
        let (transaction, ()) = server.recv_request().unwrap();
        let response = Counted(std::sync::Arc::clone(&drops));
        let worker = thread::spawn(move || match transaction.send_response(response) {
            Ok(()) => {}
            Err(SendResponseError::Abandoned(response)) => drop(response),
            Err(other) => panic!("{other:?}"),
        });
        drop(pending);
        worker.join().unwrap();
        assert_eq!(drops.load(SeqCst), 1);
    });
}

#[test]
fn a_response_meets_a_timeout() {
    model(3, || {
        let (client, server) = bus::local::<(), u32>();
        let pending = client.send_request(()).unwrap();
        let (transaction, ()) = server.recv_request().unwrap();
        let worker = thread::spawn(move || transaction.send_response(7).unwrap());
        let response = match pending.recv_response_timeout(Duration::ZERO) {
            Ok(response) => response,
            Err(RecvResponseTimeoutError::Timeout(pending)) => pending.recv_response().unwrap(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(response, 7);
        worker.join().unwrap();
    });
}

#[test]
fn the_last_server_goes_while_a_request_is_sent() {
    model(3, || {
        let (client, server) = bus::local::<(), ()>();
        let worker = thread::spawn(move || drop(server));
        if let Ok(pending) = client.send_request(()) {
            assert!(matches!(pending.recv_response(), Err(ResponseError::Disconnected)));
        }
        worker.join().unwrap();
    });
}

#[test]
fn the_last_client_goes_while_servers_fall_asleep() {
    model(2, || {
        let (client, server) = bus::local::<(), ()>();
        let other = server.clone();
        let worker = thread::spawn(move || assert!(other.recv_request().is_err()));
        let leaving = thread::spawn(move || drop(client));
        assert!(server.recv_request().is_err());
        worker.join().unwrap();
        leaving.join().unwrap();
    });
}

#[test]
fn two_servers_and_two_requests_meet() {
    model(1, || {
        let (client, server) = bus::local::<u32, u32>();
        let other = server.clone();
        let answer = |server: bus::Server<u32, u32>| {
            let (transaction, number) = server.recv_request().unwrap();
            transaction.send_response(number).unwrap();
        };
        let workers = [thread::spawn(move || answer(server)), thread::spawn(move || answer(other))];
        let pending = [1, 2].map(|number| client.send_request(number).unwrap());
        assert_eq!(pending.map(|pending| pending.recv_response().unwrap()), [1, 2]);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_request_wakes_the_loop_that_serves() {
    model(2, || {
        let router = Loop::new();
        let (client, server) = bus::local::<u64, ()>();
        let serve = |seen: &mut Seen, _, number| seen.numbers.push(number);
        let _serving = server.serve_on(&router, serve).unwrap();
        let worker = thread::spawn(move || drop(client.send_request(1).unwrap()));
        let mut seen = Seen::default();
        // It may be about to fall asleep.
        router.turn(&mut seen);
        router.run_until(&mut seen, |seen| seen.numbers == [1]);
        worker.join().unwrap();
    });
}

#[test]
fn two_clients_send_at_once_to_a_loop_that_serves() {
    model(1, || {
        let router = Loop::new();
        let (client, server) = bus::local::<u64, ()>();
        let serve = |seen: &mut Seen, _, number| seen.numbers.push(number);
        let _serving = server.serve_on(&router, serve).unwrap();
        let other = client.clone();
        let worker = thread::spawn(move || drop(other.send_request(1).unwrap()));
        drop(client.send_request(2).unwrap());
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| seen.numbers.len() == 2);
        worker.join().unwrap();
    });
}

#[test]
fn a_serving_that_stops_meets_a_request() {
    model(2, || {
        let router = Loop::new();
        let (client, server) = bus::local::<u64, ()>();
        let serving = server.serve_on(&router, |_: &mut Seen, _, _| {}).unwrap();
        let worker = thread::spawn(move || {
            if let Ok(pending) = client.send_request(1) {
                assert!(matches!(pending.recv_response(), Err(ResponseError::Disconnected)));
            }
        });
        drop(serving);
        worker.join().unwrap();
    });
}

#[test]
fn a_response_meets_its_delivery() {
    model(2, || {
        let router = Loop::new();
        let (client, server) = bus::local::<(), u64>();
        let pending = client.send_request(()).unwrap();
        let (transaction, ()) = server.recv_request().unwrap();
        let worker = thread::spawn(move || transaction.send_response(7).unwrap());
        pending.deliver_on(&router, |seen: &mut Seen, number| seen.numbers.push(number.unwrap())).unwrap();
        let mut seen = Seen::default();
        router.run_until(&mut seen, |seen| seen.numbers == [7]);
        worker.join().unwrap();
    });
}

#[test]
fn a_foreground_that_waits_is_told_when_only_it_could_answer() {
    model(2, || {
        let router = Loop::new();
        let (client, server) = bus::local::<(), ()>();
        let beside = server.clone();
        let _serving = server.serve_on(&router, |_: &mut Seen, _, ()| {}).unwrap();
        let worker = thread::spawn(move || drop(beside));
        let error = client.send_request(()).unwrap().recv_response().unwrap_err();
        assert!(matches!(error, ResponseError::WouldDeadlock));
        worker.join().unwrap();
    });
}

#[test]
fn a_foreground_waits_for_what_a_server_has_received_that_went() {
    model(2, || {
        let router = Loop::new();
        let (client, server) = bus::local::<(), u32>();
        let beside = server.clone();
        let _serving = server.serve_on(&router, |_: &mut Seen, _, ()| {}).unwrap();
        let pending = client.send_request(()).unwrap();
        let worker = thread::spawn(move || {
            let (transaction, ()) = beside.recv_request().unwrap();
            drop(beside);
            transaction.send_response(7).unwrap();
        });
        assert_eq!(pending.recv_response().unwrap(), 7);
        worker.join().unwrap();
    });
}
