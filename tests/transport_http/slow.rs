//! Clients that are slow, or stop in the middle. They lose their own connections, and delay nobody.

use std::io::Read;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use foreground::transport::http::Options;
use foreground::transport::{ServerTransport, http};

use crate::support::{Answering, PATIENCE, Raw, post, wait_until};

/// Long enough for what is said at once on a busy machine.
const SOON: Duration = Duration::from_millis(300);

/// Sends one byte after another, until the server closes; returns what it answered.
fn trickle(client: &mut Raw, text: &[u8]) -> Vec<u8> {
    client.0.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let start = Instant::now();
    let mut answer = Vec::new();
    for byte in text.iter().cycle() {
        assert!(start.elapsed() < PATIENCE, "it is never cut off");
        if !client.try_say([*byte]) {
            return answer;
        }
        let mut bytes = [0; 1000];
        match client.0.read(&mut bytes) {
            Ok(0) => return answer,
            Ok(length) => answer.extend_from_slice(&bytes[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return answer,
        }
    }
    unreachable!("it goes on for ever")
}

#[test]
fn slow_heads_are_cut_off_and_nobody_waits_for_them() {
    let echo = Answering::echo(&Options::new().header_timeout(SOON));
    let silent = Raw::connect(&echo.server);
    let mut slow = Raw::connect(&echo.server);
    slow.say("POST / HTTP/1.1\r\n");
    for _ in 0..20 {
        assert_eq!(Raw::connect(&echo.server).say(post("quick")).answer().body, b"quick");
    }
    assert_eq!(trickle(&mut slow, b"a: b\r\n"), b"");
    let mut silent = silent;
    assert_eq!(silent.rest(), b"");
    wait_until("they are gone", || echo.server.connections() == 0);
}

#[test]
fn idle_connections_are_closed_after_the_same_time() {
    let echo = Answering::echo(&Options::new().header_timeout(SOON));
    let mut client = Raw::connect(&echo.server);
    client.say(post("one")).answer();
    assert_eq!(client.rest(), b"");
}

#[test]
fn huge_times_are_none() {
    let most = Duration::MAX;
    let options =
        Options::new().header_timeout(most).body_timeout(most).reply_timeout(most).write_timeout(most);
    let echo = Answering::echo(&options);
    let mut client = Raw::connect(&echo.server);
    client.say("POST / HTTP/1.1\r\nHost: localhost\r\nContent-");
    client.say("Length: 2\r\n\r\n1").say("2");
    assert_eq!(client.answer().body, b"12");
}

#[test]
fn slow_bodies_are_408() {
    let echo = Answering::echo(&Options::new().body_timeout(SOON));
    for head in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut slow = Raw::connect(&echo.server);
        slow.say(format!("POST / HTTP/1.1\r\nHost: h\r\n{head}\r\n"));
        let answer = trickle(&mut slow, b"1\r\nx\r\n");
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn half_open_heads_in_great_numbers_delay_nobody() {
    let echo = Answering::echo(&Options::new().connection_limit(1000));
    let _half: Vec<_> = (0..300)
        .map(|_| {
            let mut client = Raw::connect(&echo.server);
            client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n");
            client
        })
        .collect();
    assert_eq!(Raw::connect(&echo.server).say(post("quick")).answer().body, b"quick");
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let large = vec![b'x'; 50_000_000];
    let server = Options::new().write_timeout(SOON).bind("127.0.0.1:0").unwrap();
    let mut deaf = Raw::connect(&server);
    deaf.say(post("much"));
    let (context, _) = server.receive_message().unwrap();
    context.reply(large).unwrap();
    // Others are served meanwhile.
    let mut other = Raw::connect(&server);
    other.say(post("quick"));
    server.receive_message().unwrap().0.reply("quick").unwrap();
    assert_eq!(other.answer().body, b"quick");
    drop(other);
    wait_until("it is cut off", || server.connections() == 0);
    assert!(deaf.rest().len() < 50_000_000);
}

#[test]
fn a_client_that_reads_slowly_gets_all() {
    let server = Options::new().write_timeout(Duration::from_secs(5)).bind("127.0.0.1:0").unwrap();
    let mut slow = Raw::connect(&server);
    slow.say(post("much"));
    server.receive_message().unwrap().0.reply(vec![b'x'; 20_000_000]).unwrap();
    assert_eq!(slow.answer().body.len(), 20_000_000);
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let echo = Answering::echo(&Options::new());
    let mut client = Raw::connect(&echo.server);
    let all: Vec<u8> = (0..100).flat_map(|number| post(format!("number {number}"))).collect();
    client.say(all);
    for number in 0..100 {
        assert_eq!(client.answer().body, format!("number {number}").into_bytes());
    }
}

#[test]
fn a_client_that_asks_and_asks_and_reads_nothing_fills_no_memory() {
    let server = Options::new().write_timeout(SOON).bind("127.0.0.1:0").unwrap();
    let mut greedy = Raw::connect(&server);
    greedy.0.set_write_timeout(Some(SOON)).unwrap();
    let mut sent = 0;
    let request = post(vec![b'x'; 1000]);
    let answering = std::thread::spawn({
        let server = server.clone();
        move || {
            let mut answered = 0_usize;
            while let Ok((context, _)) = server.receive_message() {
                answered += usize::from(context.reply(vec![b'y'; 100_000]).is_ok());
            }
            answered
        }
    });
    while sent < 1_000_000 && greedy.try_say(&request) {
        sent += 1;
    }
    wait_until("it is cut off", || server.connections() == 0);
    server.close();
    let answered = answering.join().unwrap();
    assert!(answered < 1000, "{answered} answers were made for nobody");
}

#[test]
fn who_only_half_closes_is_answered_if_that_is_wanted() {
    let server = Options::new().half_close(true).bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("last words")).0.shutdown(Shutdown::Write).unwrap();
    let (context, message) = server.receive_message().unwrap();
    context.reply(message).unwrap();
    let answer = client.answer();
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"last words"[..]));
    assert_eq!(client.rest(), b"");

    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("last words"));
    let (context, _) = server.receive_message().unwrap();
    client.0.shutdown(Shutdown::Write).unwrap();
    wait_until("it counts as gone", || context.is_abandoned());
    assert_eq!(client.rest(), b"");
}
