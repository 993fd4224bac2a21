//! What peers do that is not right, byte by byte: what each gets, and that nobody else notices.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use foreground::bus::ResponseError;
use foreground::bus::socket::{Message, Options};
use foreground::net::DisconnectKind;

use crate::common::{Asker, address, client, disconnect, echo, outcome, pair, pair_with};

/// A server that sends these bytes to each client, after it has read this many.
fn server_of(reads: usize, bytes: &'static [u8]) -> Asker {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&Options::new(), listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; reads];
            // A client that has gone has failed already.
            if stream.read_exact(&mut request).is_ok() {
                let _ = stream.write_all(bytes);
            }
        }
    });
    client
}

const REQUEST: &[u8] = b"\0\x01\0\0\0\x04body";

fn ask(client: &Asker) -> Result<Message, ResponseError> {
    outcome(client.send_request("body".into()).unwrap())
}

#[test]
fn a_response_that_is_cut_short_is_truncated_wherever_that_is() {
    const RESPONSE: &[u8] = b"\0\x02\0\0\0\x02ab\0\0\0\x01c";
    for length in 1..RESPONSE.len() {
        let client = server_of(REQUEST.len(), &RESPONSE[..length]);
        let reason = disconnect(client.send_request("body".into()).unwrap());
        assert_eq!(reason.kind(), DisconnectKind::Truncated, "{length}");
    }
    assert!(matches!(ask(&server_of(REQUEST.len(), b"")), Err(ResponseError::NoResponse)));
    let whole = ask(&server_of(REQUEST.len(), RESPONSE)).unwrap();
    assert_eq!(whole, Message::new("ab").attach("c"));
}

#[test]
fn what_follows_a_response_is_ignored() {
    let response = ask(&server_of(REQUEST.len(), b"\0\x01\0\0\0\x02ab and more")).unwrap();
    assert_eq!(response.body, b"ab");
    assert_eq!(ask(&server_of(REQUEST.len(), b"\0\0")).unwrap(), Message::default());
}

#[test]
fn a_server_may_answer_before_it_has_read() {
    let response = ask(&server_of(1, b"\0\x01\0\0\0\x02ab")).unwrap();
    assert_eq!(response.body, b"ab");
}

#[test]
fn an_announcement_is_refused_before_it_comes() {
    let client = server_of(REQUEST.len(), b"\xff\xff\xff\xff\xff\xff");
    let reason = disconnect(client.send_request("body".into()).unwrap());
    assert_eq!(reason.kind(), DisconnectKind::TooLarge);

    let (client, server) = pair();
    let mut bad = TcpStream::connect(address(&server).to_string()).unwrap();
    echo(server);
    bad.write_all(b"\xff\xff\xff\xff\xff\xff").unwrap();
    let mut rest = Vec::new();
    bad.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    assert_eq!(ask(&client).unwrap().body, b"body");
}

#[test]
fn a_request_that_is_cut_short_is_dropped_wherever_that_is() {
    let (client, server) = pair();
    let address = address(&server).to_string();
    echo(server);
    for length in 0..REQUEST.len() {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(&REQUEST[..length]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "{length}");
    }
    assert_eq!(ask(&client).unwrap().body, b"body");
}

#[test]
fn what_follows_a_request_is_ignored_and_harms_no_response() {
    let (_, server) = pair();
    let mut stream = TcpStream::connect(address(&server).to_string()).unwrap();
    echo(server);
    let more = vec![0; 1_000_000];
    let mut response = vec![0; REQUEST.len()];
    stream.write_all(REQUEST).unwrap();
    // The server closes when it has answered, so that not all may be taken.
    let _ = stream.write_all(&more);
    stream.read_exact(&mut response).unwrap();
    assert_eq!(response, REQUEST);
}

#[test]
fn the_parts_limit_is_kept_by_both() {
    let (client, server) = pair_with(&Options::new().part_limit(3));
    let mut bad = TcpStream::connect(address(&server).to_string()).unwrap();
    echo(server);
    bad.write_all(b"\0\x04\0\0\0\0").unwrap();
    let mut rest = Vec::new();
    bad.read_to_end(&mut rest).unwrap();
    let three = Message::new("1").attach("2").attach("3");
    assert_eq!(outcome(client.send_request(three.clone()).unwrap()).unwrap(), three);
    assert!(client.send_request(three.attach("4")).is_err());
}
