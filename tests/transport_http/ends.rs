//! What is left when servers and clients have gone: nothing.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::transport::http::{Client, Options};
use foreground::transport::{ClientTransport, ErrorKind, ReceiveError, ServerTransport, http};

use crate::support::{Answering, PATIENCE, Raw, post, url, wait_until};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

fn threads() -> Vec<String> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok()).collect()
}

/// Nextest runs each test in a process of its own, and so does this need it.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_behind_after_many_servers_and_clients() {
    crate::tokio_first::let_tokio_begin();
    let (before, threads_before) = (descriptors(), threads().len());
    for round in 0..200 {
        let server = http::Server::bind("127.0.0.1:0").unwrap();
        let client = Client::new(url(&server)).unwrap();
        let mut gone = Raw::connect(&server);
        gone.say(post("never answered"));
        let (kept, _) = server.receive_message().unwrap();
        let asking = thread::spawn(move || client.send_message(b"x".to_vec(), true));
        let (context, message) = server.receive_message().unwrap();
        if round % 2 == 0 {
            context.reply(message).unwrap();
            asking.join().unwrap().unwrap();
        } else {
            drop((server, context));
            assert_eq!(asking.join().unwrap().unwrap_err().status(), Some(503));
        }
        drop(kept);
    }
    wait_until("all is closed", || descriptors() <= before && threads().len() <= threads_before);
}

/// How many threads send messages of the foreground.
#[cfg(target_os = "linux")]
fn sending() -> usize {
    threads().iter().filter(|name| name.trim() == "foreground-call").count()
}

#[cfg(target_os = "linux")]
#[test]
fn messages_of_the_foreground_share_a_limited_number_of_threads() {
    let router: MessageRouter<Vec<Vec<u8>>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let client = Client::new(url(&server)).unwrap();
    for n in 0..200 {
        let reply = |seen: &mut Vec<_>, reply: Result<_, _>| seen.push(Option::unwrap(reply.unwrap()));
        client.send_message_on(&router, vec![n], true, reply).unwrap();
    }
    let held: Vec<_> = (0..64).map(|_| server.receive_message().unwrap()).collect();
    assert_eq!((sending(), server.incoming().unanswered()), (64, 64), "the others wait");
    held.into_iter().for_each(|(context, message)| context.reply(message).unwrap());
    let answering = thread::spawn(move || {
        for _ in 64..200 {
            let (context, message) = server.receive_message().unwrap();
            context.reply(message).unwrap();
        }
        server
    });
    let mut seen = Vec::new();
    router.route_until(&mut seen, |seen| seen.len() == 200, PATIENCE).unwrap();
    seen.sort();
    assert_eq!(seen, (0..200).map(|n| vec![n]).collect::<Vec<_>>());
    wait_until("no thread is left", || sending() == 0);

    // Those that wait have their time as well.
    let server = answering.join().unwrap();
    let client = client.timeout(Duration::from_millis(100));
    for _ in 0..100 {
        let told = |seen: &mut Vec<Vec<u8>>, reply: Result<_, foreground::transport::Error>| {
            assert_eq!(reply.unwrap_err().kind(), ErrorKind::Timeout);
            seen.pop();
        };
        client.send_message_on(&router, b"nobody answers".to_vec(), true, told).unwrap();
    }
    router.route_until(&mut seen, |seen| seen.len() == 100, PATIENCE).unwrap();
    drop(server);
}

#[test]
fn the_address_is_free_at_once_when_the_last_handle_goes() {
    let mut address = "127.0.0.1:0".parse().unwrap();
    for _ in 0..100 {
        let server = http::Server::bind(&address).unwrap();
        address = server.local_address().clone();
        Raw::connect(&server).say(post("x"));
        let clone = server.clone();
        drop(server);
        assert_eq!(http::Server::bind(&address).unwrap_err().kind(), ErrorKind::AddressInUse);
        drop(clone);
    }
}

#[test]
fn a_server_that_serves_lives_until_its_router_stops() {
    let router: MessageRouter = MessageRouter::new(|| {});
    router.start().unwrap();
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let address = server.local_address().clone();
    server.serve_on(&router, |(), _, _| {}).unwrap().detach();
    assert_eq!(http::Server::bind(&address).unwrap_err().kind(), ErrorKind::AddressInUse);
    router.stop().unwrap();
    http::Server::bind(&address).unwrap();
}

#[test]
fn a_closed_server_wakes_who_waits_for_messages() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let (sender, receiver) = mpsc::channel();
    let waiting = thread::spawn({
        let server = server.clone();
        move || {
            sender.send(()).unwrap();
            server.receive_message().map(drop)
        }
    });
    receiver.recv().unwrap();
    server.close();
    assert_eq!(waiting.join().unwrap(), Err(ReceiveError::Closed));
}

#[test]
fn what_nobody_received_is_503_when_the_server_stops() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("in the queue"));
    wait_until("it has come", || server.incoming().unanswered() == 1);
    assert_eq!(server.stop(Duration::from_millis(10)), 1);
    let answer = client.answer();
    assert_eq!((answer.status(), answer.header("connection")), (503, Some("close")));
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_body_that_is_still_coming_when_the_server_stops_is_503() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
    // It reads the body now.
    assert!(client.answer().head.starts_with("HTTP/1.1 100 "));
    client.say("12345");
    server.close();
    assert_eq!(client.answer().status(), 503);
}

#[test]
fn a_message_that_is_held_can_be_answered_after_the_stop() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("held"));
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(server.stop(Duration::ZERO), 1);
    drop(server);
    context.reply(message).unwrap();
    assert_eq!(client.answer().body, b"held");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_stop_waits_until_long_answers_are_sent() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("much"));
    server.receive_message().unwrap().0.reply(vec![b'x'; 50_000_000]).unwrap();
    let reading = thread::spawn(move || client.answer().body.len());
    assert_eq!(server.stop(PATIENCE), 0);
    assert_eq!(server.connections(), 0);
    assert_eq!(reading.join().unwrap(), 50_000_000);
}

#[test]
fn addresses_that_cannot_be_listened_at_are_typed_errors() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    for (address, kind) in [
        ("nonsense", ErrorKind::InvalidAddress),
        ("203.0.113.1:80", ErrorKind::Io),
        ("/no/such/folder/socket", ErrorKind::Io),
        (&server.local_address().to_string(), ErrorKind::AddressInUse),
    ] {
        let error = http::Server::bind(address).unwrap_err();
        assert_eq!(error.kind(), kind, "{address}: {error}");
    }
    // If one of several fails, none is kept.
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("socket").display());
    Options::new().bind_all([path.clone(), server.local_address().to_string()]).unwrap_err();
    assert!(!folder.path().join("socket").exists());
    let none: [&str; 0] = [];
    assert_eq!(Options::new().bind_all(none).unwrap_err().kind(), ErrorKind::InvalidInput);
    // One for each way to reach it.
    let both = Options::new().bind_all([path, "127.0.0.1:0".into()]).unwrap();
    assert_eq!(both.local_addresses().len(), 2);
}

#[test]
fn a_server_takes_over_a_listener_and_all_addresses_serve() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Options::new().listen_by(listener).unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("x"));
    server.receive_message().unwrap().0.reply("y").unwrap();
    assert_eq!(client.answer().body, b"y");

    let server = Options::new().bind_all(["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"]).unwrap();
    for address in server.local_addresses().to_vec() {
        let client = Client::new(format!("http://{address}")).unwrap();
        let asking = thread::spawn(move || client.send_message(b"x".to_vec(), true));
        server.receive_message().unwrap().0.reply("y").unwrap();
        assert_eq!(asking.join().unwrap().unwrap().unwrap(), b"y");
    }
}

#[test]
fn a_router_that_stops_in_mid_call_frees_the_client() {
    let router: MessageRouter<Option<foreground::transport::Context>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    let serving = server.serve_on(&router, |held: &mut Option<_>, context, _| *held = Some(context)).unwrap();
    client.say(post("held"));
    let mut held = None;
    router.route_until(&mut held, |held| held.is_some(), PATIENCE).unwrap();
    serving.detach();
    router.stop().unwrap();
    drop(held);
    assert_eq!(client.answer().status(), 503);
}

#[test]
fn a_server_that_answers_serves_many_generations_of_clients() {
    let echo = Answering::echo(&Options::new());
    for _ in 0..300 {
        let client = Client::new(echo.url()).unwrap();
        assert_eq!(client.send_message(b"x".to_vec(), true).unwrap().unwrap(), b"x");
    }
    wait_until("their connections are closed", || echo.server.connections() == 0);
}
