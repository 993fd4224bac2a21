//! Limits of size and number.

use std::thread;
use std::time::Duration;

use foreground::transport::ServerTransport;
use foreground::transport::http::Options;

use crate::support::{Answering, Raw, post, wait_until};

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut text = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        text.extend_from_slice(chunk);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"0\r\n\r\n");
    text
}

#[test]
fn bodies_at_and_under_the_limit_come_and_over_it_do_not() {
    let limit = 10_000;
    let echo = Answering::echo(&Options::new().body_limit(limit));
    for length in [0, 1, limit - 1, limit] {
        let body = vec![b'x'; length];
        for text in [post(&body), chunked(&body, 999), chunked(&body, 100_000)] {
            let answer = Raw::connect(&echo.server).say(text).answer();
            assert_eq!((answer.status(), answer.body.len()), (200, length));
        }
    }
    for length in [limit + 1, limit * 2, limit * 1000] {
        let body = vec![b'x'; length];
        for text in [post(&body), chunked(&body, 999), chunked(&body, 1_000_000)] {
            // All of it is sent before the answer is read: it must not be lost by a reset.
            let mut client = Raw::connect(&echo.server);
            client.say(text);
            let answer = client.answer();
            assert_eq!(answer.status(), 413, "of {length} bytes");
            assert_eq!(answer.header("connection"), Some("close"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "a page can read the status");
            assert_eq!(client.rest(), b"");
        }
    }
    assert_eq!(echo.server.incoming().unanswered(), 0);
}

#[test]
fn what_is_announced_is_refused_before_it_comes() {
    let echo = Answering::echo(&Options::new());
    let mut client = Raw::connect(&echo.server);
    client.say("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775807\r\n\r\n");
    assert_eq!(client.answer().status(), 413);
    let mut client = Raw::connect(&echo.server);
    client.say("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n");
    assert_eq!(client.answer().status(), 413);
}

#[test]
fn a_limit_of_nothing_takes_empty_messages() {
    let echo = Answering::echo(&Options::new().body_limit(0));
    assert_eq!(Raw::connect(&echo.server).say(post("")).answer().status(), 200);
    assert_eq!(Raw::connect(&echo.server).say(post("x")).answer().status(), 413);
}

#[test]
fn connections_beyond_the_limit_wait_for_one_to_end() {
    let echo = Answering::echo(&Options::new().connection_limit(2));
    let mut first = Raw::connect(&echo.server);
    let mut second = Raw::connect(&echo.server);
    first.say(post("1")).answer();
    second.say(post("2")).answer();
    // The system takes it, and it waits there.
    let mut third = Raw::connect(&echo.server);
    third.say(post("3"));
    first.say(post("1 again")).answer();
    assert_eq!(echo.server.connections(), 2);
    drop(second);
    assert_eq!(third.answer().body, b"3");
}

#[test]
fn what_is_beyond_the_room_for_unanswered_messages_waits_or_is_503() {
    let options = Options::new().unanswered_limit(2, 1 << 20).reply_timeout(Duration::from_millis(300));
    let server = options.bind("127.0.0.1:0").unwrap();
    let mut clients: Vec<_> = (0..3).map(|_| Raw::connect(&server)).collect();
    for (number, client) in clients.iter_mut().enumerate().take(2) {
        client.say(post(number.to_string()));
    }
    let first = server.receive_message().unwrap();
    let second = server.receive_message().unwrap();
    clients[2].say(post("2"));
    let waiting = thread::spawn({
        let mut client = clients.pop().unwrap();
        move || {
            let answer = client.answer();
            (client, answer)
        }
    });
    let (mut client, answer) = waiting.join().unwrap();
    assert_eq!((answer.status(), &answer.body[..]), (503, &b"Too many messages are unanswered"[..]));
    // The others were given up meanwhile, but their contexts are still held.
    client.say(post("3"));
    drop(first);
    drop(second);
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message, b"3");
    context.reply("there is room").unwrap();
    assert_eq!(client.answer().body, b"there is room");
}

#[test]
fn the_bytes_of_unanswered_messages_are_counted() {
    let server = Options::new().unanswered_limit(1000, 4096).bind("127.0.0.1:0").unwrap();
    let mut small = Raw::connect(&server);
    let mut large = Raw::connect(&server);
    small.say(post("small"));
    let (context, _) = server.receive_message().unwrap();
    // More than there is room for at all: it comes when it is alone.
    large.say(post(vec![b'x'; 10_000]));
    assert!(server.receive_message_timeout(Duration::from_millis(100)).is_err());
    context.reply("done").unwrap();
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message.len(), 10_000);
    context.reply("done").unwrap();
    assert_eq!((small.answer().status(), large.answer().status()), (200, 200));
    wait_until("nothing is unanswered", || server.incoming().unanswered() == 0);
}
