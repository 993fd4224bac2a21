//! The client against servers that fail, and those that come back.

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use foreground::transport::http::{Client, Options};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport, http};

use crate::support::{Answering, PATIENCE, Script, url};

fn kind_of(answer: &str) -> ErrorKind {
    let script = Script::new(&[answer]);
    let client = Client::new(script.url()).unwrap().timeout(Duration::from_millis(500));
    client.send_message(b"x".to_vec(), true).unwrap_err().kind()
}

#[test]
fn answers_that_are_none_are_typed_errors() {
    assert_eq!(kind_of(""), ErrorKind::Disconnected);
    assert_eq!(kind_of("HTTP/1.1 200 OK\r\nContent-"), ErrorKind::Disconnected);
    assert_eq!(kind_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), ErrorKind::Disconnected);
    assert_eq!(
        kind_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha"),
        ErrorKind::Disconnected
    );
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        "\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let kind = kind_of(answer);
        assert!(matches!(kind, ErrorKind::Protocol | ErrorKind::Disconnected), "{answer:?}: {kind:?}");
    }
    let bomb = format!("HTTP/1.1 200 OK\r\nBig: {}\r\n\r\n", "x".repeat(1_000_000));
    let kind = kind_of(&bomb);
    assert!(matches!(kind, ErrorKind::TooLarge | ErrorKind::Protocol), "{kind:?}");
    let bomb = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let kind = kind_of(&bomb);
    assert!(matches!(kind, ErrorKind::TooLarge | ErrorKind::Protocol), "{kind:?}");
}

#[test]
fn nobody_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Client::new(format!("http://{free}")).unwrap().send_message(Vec::new(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let nowhere = Client::new("http://nowhere.invalid/").unwrap().timeout(PATIENCE);
    let error = nowhere.send_message(Vec::new(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[test]
fn the_time_holds_in_every_state() {
    let time = Duration::from_millis(100);
    // Nobody accepts; nobody answers; a head without an end; a body without an end; a byte now and then.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(format!("http://{}", deaf.local_addr().unwrap())).unwrap().timeout(time);
    let start = Instant::now();
    let error = client.send_message(vec![b'x'; 50_000_000], true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let error = client.send_message(b"x".to_vec(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    for answer in ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"] {
        let script = Script::trickling(answer);
        let client = Client::new(script.url()).unwrap().timeout(time);
        let error = client.send_message(b"x".to_vec(), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    }
    assert!(start.elapsed() < PATIENCE);
    let client = Client::new("http://127.0.0.1:1").unwrap().timeout(Duration::ZERO);
    assert_eq!(client.send_message(Vec::new(), true).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn after_an_error_the_next_message_is_fine() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let client = Client::new(url(&server)).unwrap();
    let error =
        client.clone().timeout(Duration::from_millis(50)).send_message(b"1".to_vec(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let (late, _) = server.receive_message().unwrap();
    let asking = std::thread::spawn(move || client.send_message(b"2".to_vec(), true));
    let (context, message) = server.receive_message().unwrap();
    // The late reply is nobody's.
    let _ = late.reply("to the first");
    context.reply(message).unwrap();
    assert_eq!(asking.join().unwrap().unwrap().unwrap(), b"2");
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    let first = Answering::echo(&Options::new());
    let address = first.server.local_address().clone();
    let client = Client::new(first.url()).unwrap();
    assert_eq!(client.send_message(b"1".to_vec(), true).unwrap().unwrap(), b"1");
    drop(first);
    let error = client.send_message(b"2".to_vec(), true).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Disconnected), "{error}");
    let server = http::Server::bind(&address).unwrap();
    let asking = std::thread::spawn(move || client.send_message(b"3".to_vec(), true));
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message, b"3", "the second was not sent twice");
    context.reply(message).unwrap();
    assert_eq!(asking.join().unwrap().unwrap().unwrap(), b"3");
}

#[test]
fn a_message_that_is_refused_early_has_its_status() {
    // Ours.
    let echo = Answering::echo(&Options::new().body_limit(1000));
    let client = Client::new(echo.url()).unwrap();
    for length in [1001, 60_000, 100_000, 50_000_000] {
        let error = client.send_message(vec![b'x'; length], true).unwrap_err();
        assert_eq!(error.status(), Some(413), "{length}: {error}");
    }
    // One that closes at once and reads nothing of the body.
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(format!("http://{}", rude.local_addr().unwrap())).unwrap();
    let refusing = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = rude.accept().unwrap();
            crate::support::read_head(&mut stream);
            stream
                .write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
        }
    });
    for length in [100_000, 50_000_000] {
        let error = client.send_message(vec![b'x'; length], true).unwrap_err();
        assert_eq!(error.status(), Some(413), "{length}: {error}");
    }
    refusing.join().unwrap();
}

#[test]
fn a_server_that_does_not_know_the_question_is_sent_the_message_nevertheless() {
    // It waits for the body, whatever it is asked first.
    let script = Script::new(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
    let client = Client::new(script.url()).unwrap();
    assert_eq!(client.send_message(vec![b'x'; 200_000], true).unwrap().unwrap(), b"ok");
    assert!(script.request().ends_with(&"x".repeat(200_000)));
}

#[test]
fn a_reply_that_is_not_wanted_is_not_returned_but_its_status_counts() {
    let echo = Answering::echo(&Options::new().body_limit(10));
    let client = Client::new(echo.url()).unwrap();
    assert_eq!(client.send_message(b"x".to_vec(), false).unwrap(), None);
    assert_eq!(client.send_message(vec![b'x'; 11], false).unwrap_err().status(), Some(413));
}
