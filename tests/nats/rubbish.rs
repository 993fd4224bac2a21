//! A server that is none, or sends what it should not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foreground::nats::{Connection, Options};
use foreground::transport::nats::Client;
use foreground::transport::{ClientTransport, Error, ErrorKind};

use super::{LONG, assert_kind};

/// Listens, and does so with the first that comes.
fn fake(act: impl FnOnce(BufReader<TcpStream>) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        // Nobody else is let in.
        drop(listener);
        act(BufReader::new(stream));
    });
    (address, thread)
}

fn connect(address: &str) -> Result<Connection, Error> {
    Options::new().connect_timeout(Duration::from_secs(5)).connect(address)
}

const INFO: &str = r#"INFO {"server_id":"x","version":"2.9.10","max_payload":1000,"headers":true}"#;

#[test]
fn what_is_no_nats_server() {
    for greeting in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"INFO {\r\n", b"\xff\xff\r\n", b"PONG\r\n", b""]
    {
        let (address, thread) = fake(move |mut stream| {
            stream.get_mut().write_all(greeting).unwrap();
        });
        let error = connect(&address).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Unreachable), "{error}");
        thread.join().unwrap();
    }
}

#[test]
fn one_that_refuses_in_words_of_its_own() {
    let (address, thread) = fake(|mut stream| {
        write!(stream.get_mut(), "{INFO}\r\n").unwrap();
        stream.read_line(&mut String::new()).unwrap(); // CONNECT
        write!(stream.get_mut(), "-ERR 'maximum connections exceeded'\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = connect(&address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("maximum connections exceeded"), "{error}");
    thread.join().unwrap();
}

/// Connects, and then sends this in answer to a message.
fn answered_by(answer: &'static [u8]) -> Result<Option<Vec<u8>>, Error> {
    let (address, thread) = fake(move |mut stream| {
        write!(stream.get_mut(), "{INFO}\r\n").unwrap();
        let mut line = String::new();
        while !line.starts_with("PING") {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        write!(stream.get_mut(), "PONG\r\n").unwrap();
        while !line.starts_with("PUB") {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        let _ = stream.get_mut().write_all(answer);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let connection = connect(&address).unwrap();
    let client = Client::new(&connection, "work").unwrap().with_timeout(LONG);
    let outcome = client.send_message(b"hello".to_vec(), true);
    drop((client, connection));
    thread.join().unwrap();
    outcome
}

#[test]
fn rubbish_in_mid_conversation_ends_the_call() {
    let rubbish: [&[u8]; 6] = [
        b"nonsense\r\n",
        b"MSG\r\n",
        b"MSG a b c d e f\r\n",
        b"MSG a x 5\r\nhello\r\n",
        b"HMSG a 1 99 5\r\nhello\r\n",
        b"MSG a 1 18446744073709551616\r\n",
    ];
    for answer in rubbish {
        assert_kind(answered_by(answer), ErrorKind::Disconnected);
    }
}

#[test]
fn a_length_beyond_all_measure_ends_the_call() {
    // The engine's task breaks off over this one, or waits for so much, which never comes.
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        sender.send(answered_by(b"MSG a 1 18446744073709551615\r\n").map_err(|error| error.kind()))
    });
    assert_eq!(receiver.recv_timeout(2 * LONG).unwrap(), Err(ErrorKind::Disconnected));
}
