//! Requests that are none. Whoever sends one loses the connection, nothing is delivered, and nobody else is harmed.

use std::net::Shutdown;
use std::time::Duration;

use foreground::transport::http::{Options, Server};
use foreground::transport::{ServerTransport, TryReceiveError, http};

use crate::support::{Raw, post};

/// Says it, and expects one of these statuses (0 is a connection that is closed without a word) and no message.
fn refused(server: &Server, text: &[u8], statuses: &[u16]) {
    let mut client = Raw::connect(server);
    client.try_say(text);
    let rest = client.rest();
    let status = match rest.is_empty() {
        true => 0,
        false => String::from_utf8_lossy(&rest).split(' ').nth(1).unwrap().parse().unwrap(),
    };
    let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
    assert!(statuses.contains(&status), "{shown:?} has the status {status}");
    let answers = String::from_utf8_lossy(&rest).matches("HTTP/1.1 ").count();
    assert!(answers <= 1, "{shown:?} has {answers} answers");
    assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Empty, "{shown:?}");
}

/// Somebody else is served as ever.
fn still_serves(server: &Server) {
    let mut client = Raw::connect(server);
    client.say(post("fine"));
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message, b"fine");
    context.reply("too").unwrap();
    assert_eq!(client.answer().body, b"too");
}

fn head(headers: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{headers}\r\n")
}

#[test]
fn bad_lengths() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    for length in [
        "-1",
        "+1",
        "0x10",
        "1e3",
        "abc",
        "",
        "1 1",
        "1,1",
        "1, 2",
        "18446744073709551616",
        "99999999999999999999999999",
        "9223372036854775808",
        "4.0",
    ] {
        let text = head(&format!("Content-Length: {length}\r\n")) + "body";
        refused(&server, text.as_bytes(), &[400, 413]);
    }
    refused(&server, (head("Content-Length: 4\r\nContent-Length: 5\r\n") + "body!").as_bytes(), &[400]);
    still_serves(&server);
}

#[test]
fn two_ways_to_say_where_the_body_ends() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let smuggled = "POST /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nX";
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let mut client = Raw::connect(&server);
        client.say(head(headers) + "0\r\n\r\n" + smuggled);
        // Either way is allowed: to refuse it, or to go by the chunks and then close.
        match server.receive_message_timeout(Duration::from_millis(300)) {
            Ok((context, message)) => {
                assert_eq!(message, b"");
                context.reply("").unwrap();
            }
            Err(_) => assert!(client.rest().starts_with(b"HTTP/1.1 400 ")),
        }
        drop(client);
        assert!(
            server.receive_message_timeout(Duration::from_millis(100)).is_err(),
            "the second request was hidden in the first"
        );
    }
    for headers in [
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 4\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 4\r\n",
    ] {
        refused(&server, (head(headers) + "body").as_bytes(), &[400]);
    }
    still_serves(&server);
}

#[test]
fn bad_chunks() {
    let server = Options::new().body_timeout(Duration::from_millis(200)).bind("127.0.0.1:0").unwrap();
    for chunks in [
        "x\r\nbody\r\n0\r\n\r\n",
        "-4\r\nbody\r\n0\r\n\r\n",
        "4\r\nbodybody\r\n0\r\n\r\n",
        "4 body\r\n0\r\n\r\n",
        "\r\nbody\r\n0\r\n\r\n",
        "10000000000000000\r\nbody\r\n0\r\n\r\n",
        "0\r\nno trailer\r\n\r\n",
    ] {
        refused(&server, (head("Transfer-Encoding: chunked\r\n") + chunks).as_bytes(), &[0, 400, 413]);
    }
    // More than memory, by the first chunk's own word.
    refused(
        &server,
        (head("Transfer-Encoding: chunked\r\n") + "ffffffffffffffff\r\nbody\r\n").as_bytes(),
        &[0, 400, 413, 408],
    );
    // Extensions without an end.
    let extension = format!("4;{}\r\nbody\r\n0\r\n\r\n", "x".repeat(100_000));
    refused(&server, (head("Transfer-Encoding: chunked\r\n") + &extension).as_bytes(), &[0, 400, 413]);
    // Trailers without an end.
    let trailers = format!("4\r\nbody\r\n0\r\n{}\r\n", "a: b\r\n".repeat(100_000));
    refused(&server, (head("Transfer-Encoding: chunked\r\n") + &trailers).as_bytes(), &[0, 400, 413]);
    still_serves(&server);
}

#[test]
fn header_bombs() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    refused(&server, head(&format!("Big: {}\r\n", "x".repeat(10_000_000))).as_bytes(), &[0, 431]);
    refused(&server, head(&"a: b\r\n".repeat(200)).as_bytes(), &[431]);
    refused(&server, head(&"a: b\r\n".repeat(1_000_000)).as_bytes(), &[0, 431]);
    let path = format!("POST /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(70_000));
    refused(&server, path.as_bytes(), &[414, 431]);
    // A line without an end.
    refused(&server, &vec![b'a'; 1_000_000], &[0, 400, 431]);
    let small = Options::new().header_limit(200).bind("127.0.0.1:0").unwrap();
    refused(&small, head(&format!("Big: {}\r\n", "x".repeat(200))).as_bytes(), &[431]);
    still_serves(&small);
    still_serves(&server);
}

#[test]
fn rubbish() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    for text in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/3.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\n: no name\r\n\r\n",
        b"POST / HTTP/1.1\r\nName\x00: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nName: \x00\r\n\r\n",
        b"P\xffST / HTTP/1.1\r\n\r\n",
        b"\r\n\r\nPOST \r\n\r\n",
        b"POST / HTTP/1.1\r\nFolded: a\r\n b\r\n\r\n",
    ] {
        refused(&server, text, &[0, 400, 405, 505]);
    }
    still_serves(&server);
}

#[test]
fn a_request_that_breaks_off_is_no_message() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let whole = post("a whole body");
    for length in [1, 10, whole.len() - 12, whole.len() - 1] {
        let mut client = Raw::connect(&server);
        client.say(&whole[..length]).0.shutdown(Shutdown::Write).unwrap();
        let rest = client.rest();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&rest));
    }
    let mut client = Raw::connect(&server);
    client.say(head("Transfer-Encoding: chunked\r\n") + "4\r\nbody\r\n").0.shutdown(Shutdown::Write).unwrap();
    client.rest();
    assert_eq!(server.try_receive_message().unwrap_err(), TryReceiveError::Empty);
    still_serves(&server);
}
