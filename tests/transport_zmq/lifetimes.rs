//! What is left of servers and clients: nothing.

use std::cell::RefCell;
use std::thread;
use std::time::{Duration, Instant};

use foreground::transport::zmq::{Client, Server};
use foreground::transport::{
    ClientTransport, ErrorKind, ReceiveError, ReceiveTimeoutError, ServerTransport, TryReceiveError,
};

use crate::alone;
use crate::support::{
    ask, assert_echo, client_of, echo, endpoints, eventually, failure, server, within_limit,
};

fn has_private_thread() -> bool {
    // Linux cuts its name to 15 bytes.
    alone::threads().iter().any(|(name, _)| name.starts_with("foreground-asyn"))
}

#[test]
fn threads_and_descriptors_go_with_the_last_handle() {
    alone::run(concat!(module_path!(), "::threads_and_descriptors_go_with_the_last_handle"), || {
        crate::tokio_first::let_tokio_begin();
        let before = (alone::threads().len(), alone::descriptors());
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let client = client_of(&server);
            let serving = echo(server.clone());
            let calls: Vec<_> = (0..10_u8).map(|n| ask(&client, [n])).collect();
            calls.into_iter().for_each(|call| assert!(call.join().unwrap().is_ok()));
            client.send_message(b"!".to_vec(), false).unwrap();
            let _ = client.clone().with_timeout(Duration::ZERO).send_message(b"?".to_vec(), true);
            assert!(has_private_thread());
            server.close();
            serving.join().unwrap();
        }
        eventually("the end of the private thread", || !has_private_thread());
        eventually("the end of all else", || (alone::threads().len(), alone::descriptors()) == before);
        // And again.
        let server = server();
        let client = client_of(&server);
        let _serving = echo(server);
        assert_echo(&client, "hello");
    });
}

#[test]
fn calls_leave_no_descriptors_behind() {
    alone::run(concat!(module_path!(), "::calls_leave_no_descriptors_behind"), || {
        let server = server();
        let client = client_of(&server);
        let answering = server.clone();
        thread::spawn(move || {
            while let Ok((context, message)) = answering.receive_message() {
                if message != b"?" {
                    // It may have gone.
                    let _ = context.reply(message);
                }
            }
        });
        assert_echo(&client, "first");
        let before = alone::descriptors();
        for _ in 0..300 {
            let (kind, _) =
                failure(client.clone().with_timeout(Duration::ZERO).send_message(b"?".to_vec(), true));
            assert!(matches!(kind, ErrorKind::Timeout | ErrorKind::Unreachable));
            assert_echo(&client, "still there");
        }
        eventually("the end of what timed out", || alone::descriptors() <= before + 2);
    });
}

#[test]
fn a_close_wakes_whoever_waits() {
    within_limit(|| {
        let server = server();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let server = server.clone();
                thread::spawn(move || server.receive_message().unwrap_err())
            })
            .collect();
        let timed = {
            let server = server.clone();
            thread::spawn(move || server.receive_message_timeout(Duration::MAX).unwrap_err())
        };
        server.close();
        server.close();
        waiting.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), ReceiveError::Closed));
        assert_eq!(timed.join().unwrap(), ReceiveTimeoutError::Closed);
        assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Closed);
    });
}

#[test]
fn what_came_before_the_close_is_received_and_answered_after_it() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let calls: Vec<_> = (0..5_u8).map(|n| ask(&client, [n])).collect();
        eventually("their arrival", || server.incoming().unanswered() == 5);
        server.close();
        let mut count = 0;
        while let Ok((context, message)) = server.receive_message() {
            context.reply(message).unwrap();
            count += 1;
        }
        assert_eq!(count, 5);
        calls.into_iter().for_each(|call| assert!(call.join().unwrap().unwrap().is_some()));
    });
}

#[test]
fn a_stop_waits_for_the_answers_and_for_their_way_out() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let client = client_of(&server);
            let calls: Vec<_> = (0..5_u8).map(|n| ask(&client, [n])).collect();
            let contexts: Vec<_> = (0..5).map(|_| server.receive_message().unwrap()).collect();
            let answering = thread::spawn(move || {
                contexts
                    .into_iter()
                    .for_each(|(context, message)| context.reply(vec![message[0]; 500_000]).unwrap());
            });
            assert_eq!(server.stop(Duration::from_secs(30)), 0);
            answering.join().unwrap();
            calls
                .into_iter()
                .for_each(|call| assert_eq!(call.join().unwrap().unwrap().unwrap().len(), 500_000));
        }
    });
}

#[test]
fn a_stop_says_what_was_left_unanswered() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let calls: Vec<_> = (0..3_u8).map(|n| ask(&client, [n])).collect();
        let (context, message) = server.receive_message().unwrap();
        eventually("their arrival", || server.incoming().unanswered() == 3);
        let started = Instant::now();
        assert_eq!(server.stop(Duration::from_millis(100)), 3);
        assert!(started.elapsed() < Duration::from_secs(10));
        // Who has the right to answer still has it.
        context.reply(message).unwrap();
        drop(server);
        let outcomes: Vec<_> =
            calls.into_iter().map(|call| call.join().unwrap().map_err(|error| error.kind())).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let lost = outcomes.iter().filter(|outcome| **outcome == Err(ErrorKind::Disconnected)).count();
        assert_eq!(lost, 2, "{outcomes:?}");
    });
}

#[test]
fn making_and_dropping_waits_for_nobody() {
    within_limit(|| {
        let started = Instant::now();
        // An address that swallows whatever is sent to it.
        let clients: Vec<_> = (0..100).map(|_| Client::connect("tcp://192.0.2.1:5555").unwrap()).collect();
        for client in &clients {
            let _ = client.clone().with_timeout(Duration::ZERO).send_message(b"?".to_vec(), true);
            let _ = client.clone().with_timeout(Duration::ZERO).send_message(b"!".to_vec(), false);
        }
        drop(clients);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    });
}

#[test]
fn a_handle_keeps_the_server_and_debug_tells_of_it() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let serving = echo(server.clone());
        assert!(format!("{server:?}").contains("tcp://127.0.0.1:"), "{server:?}");
        assert!(format!("{client:?}").contains("tcp://127.0.0.1:"), "{client:?}");
        drop(server);
        assert_echo(&client, "the thread has a handle");
        drop(client);
        drop(serving);
    });
}

/// A panic of a thread-local variable's drop would end the process.
#[test]
fn what_a_thread_keeps_for_itself_is_dropped_at_its_end() {
    thread_local! {
        static KEPT: RefCell<Option<(Server, Client)>> = const { RefCell::new(None) };
    }
    within_limit(|| {
        let endpoint = thread::spawn(|| {
            // The variable is older than those of what it keeps, so it outlives them.
            KEPT.with_borrow_mut(|kept| {
                let server = server();
                let client = client_of(&server);
                kept.insert((server, client)).0.endpoint().clone()
            })
        });
        let endpoint = endpoint.join().unwrap();
        eventually("a free address", || Server::bind(&endpoint).is_ok());
    });
}
