//! Peers that do not speak 0MQ, or stop in the middle of it.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::transport::ErrorKind;
use foreground::transport::zmq::{Options, Server};
use foreground::transport::{ClientTransport, ServerTransport};

use crate::support::{PATIENCE, ask, assert_echo, client, client_of, echo, failure, server, within_limit};

/// The greeting of ZMTP 3.0 without security.
fn greeting() -> Vec<u8> {
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    greeting.extend(b"NULL");
    greeting.resize(64, 0);
    greeting
}

/// The command that says what kind of socket it is.
fn ready(kind: &str) -> Vec<u8> {
    let mut body = vec![5];
    body.extend(b"READY");
    body.push(11);
    body.extend(b"Socket-Type");
    body.extend(u32::try_from(kind.len()).unwrap().to_be_bytes());
    body.extend(kind.as_bytes());
    let mut command = vec![4, u8::try_from(body.len()).unwrap()];
    command.extend(body);
    command
}

struct Raw(TcpStream);

impl Raw {
    fn connect(server: &Server) -> Self {
        let address = server.endpoint().to_string();
        let stream = TcpStream::connect(address.strip_prefix("tcp://").unwrap()).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Up to where messages are exchanged.
    fn dealer(server: &Server) -> Self {
        let mut raw = Self::connect(server);
        raw.0.write_all(&greeting()).unwrap();
        raw.read(64);
        raw.0.write_all(&ready("DEALER")).unwrap();
        let mut head = [0; 2];
        raw.0.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 4, "a short command");
        raw.read(usize::from(head[1]));
        raw
    }

    fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("the server writes");
        bytes
    }

    /// Fails if the connection is not closed by the server.
    fn wait_for_end(&mut self) {
        let mut buffer = [0; 1024];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == IoErrorKind::ConnectionReset => return,
                Err(error) => panic!("the server does not close: {error}"),
            }
        }
    }
}

#[test]
fn a_peer_that_speaks_0mq_by_hand_is_served() {
    within_limit(|| {
        let server = server();
        let mut raw = Raw::dealer(&server);
        raw.0.write_all(b"\x01\x00\x00\x05hello").unwrap();
        let (context, message) = server.receive_message().unwrap();
        assert_eq!(message, b"hello");
        context.reply("world").unwrap();
        assert_eq!(raw.read(9), b"\x01\x00\x00\x05world");
    });
}

#[test]
fn rubbish_costs_its_own_connection_only() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let _serving = echo(server.clone());
        assert_echo(&client, "before");
        let mut rubbish: Vec<Vec<u8>> = vec![
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4),
            vec![0; 4096],
            vec![0xff; 4096],
            (0..=255).collect::<Vec<u8>>().repeat(16),
        ];
        // A greeting of another mechanism, of another kind of socket, and what is no command.
        rubbish.push([greeting(), ready("PUB")].concat());
        rubbish.push([greeting(), b"\x04\x03\x05ABC".to_vec()].concat());
        rubbish.push([greeting(), b"\x04\xff\x05READY".to_vec(), vec![0xee; 1000]].concat());
        rubbish.push(greeting().iter().map(|byte| if *byte == b'N' { b'X' } else { *byte }).collect());
        for bytes in rubbish {
            let mut raw = Raw::connect(&server);
            // It may be closed while this is still being written.
            let _ = raw.0.write_all(&bytes);
            let _ = raw.0.write_all(&[0; 100_000]);
            raw.wait_for_end();
            assert_echo(&client, "meanwhile");
        }
    });
}

#[test]
fn a_frame_that_claims_to_be_huge_is_refused_unread() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let _serving = echo(server.clone());
        for length in [1_u64 << 62, u64::MAX, 1 << 63, 17 * 1024 * 1024] {
            let mut raw = Raw::dealer(&server);
            let mut frame = vec![2];
            frame.extend(length.to_be_bytes());
            frame.extend(b"and so on");
            raw.0.write_all(&frame).unwrap();
            raw.wait_for_end();
            assert_echo(&client, "meanwhile");
        }
    });
}

#[test]
fn many_small_frames_are_no_way_around_the_limit() {
    within_limit(|| {
        let server = Options::new().message_limit(10_000).bind(crate::support::ANY_PORT).unwrap();
        let mut raw = Raw::dealer(&server);
        // Empty frames, all with more to follow.
        let _ = raw.0.write_all(&b"\x01\x00".repeat(100_000));
        raw.wait_for_end();
    });
}

#[test]
fn whoever_stops_in_the_middle_keeps_nobody_waiting() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let _serving = echo(server.clone());
        let silent = Raw::connect(&server);
        let mut greeted = Raw::connect(&server);
        greeted.0.write_all(&greeting()[..30]).unwrap();
        let mut half = Raw::dealer(&server);
        half.0.write_all(b"\x02\x00\x00\x00\x00\x00\x10\x00\x00half of a long frame").unwrap();
        let mut open = Raw::dealer(&server);
        open.0.write_all(b"\x01\x05first").unwrap();
        for n in 0..100_u8 {
            assert_echo(&client, [n]);
        }
        drop((silent, greeted, half, open));
        assert_echo(&client, "after");
    });
}

/// A server that is none: what it does with a connection is for the test to say.
fn none(mut serve: impl FnMut(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    address
}

#[test]
fn a_server_that_speaks_something_else_is_told_at_once() {
    within_limit(|| {
        let address = none(|mut stream| {
            let _ = stream.write_all(&b"HTTP/1.1 400 Bad Request\r\n\r\n".repeat(10));
        });
        let (kind, text) = failure(client(&address).send_message(b"?".to_vec(), true));
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
    });
}

#[test]
fn a_peer_that_publishes_is_no_server() {
    within_limit(|| {
        let address = none(|mut stream| {
            let _ = stream.write_all(&[greeting(), ready("PUB")].concat());
            // What comes is read, lest the end be a reset.
            let _ = stream.read(&mut [0; 1024]);
        });
        let (kind, text) = failure(client(&address).send_message(b"?".to_vec(), true));
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
    });
}

#[test]
fn a_server_that_says_nothing_is_waited_for_until_the_timeout() {
    within_limit(|| {
        let mut held = Vec::new();
        let address = none(move |stream| held.push(stream));
        let client = client(&address).with_timeout(Duration::from_millis(200));
        for expect_reply in [true, false] {
            let (kind, text) = failure(client.send_message(b"?".to_vec(), expect_reply));
            assert_eq!(kind, ErrorKind::Unreachable, "{text}");
        }
    });
}

/// Reads until these bytes have come.
fn read_until(stream: &mut TcpStream, bytes: &[u8]) {
    let mut seen = Vec::<u8>::new();
    let mut buffer = [0_u8; 1024];
    while !seen.windows(bytes.len()).any(|window| window == bytes) {
        match stream.read(&mut buffer).expect("the client writes") {
            0 => panic!("the client closed"),
            n => seen.extend(&buffer[..n]),
        }
    }
}

#[test]
fn a_second_reply_is_not_taken_for_the_next_ones() {
    within_limit(|| {
        let (done, is_done) = mpsc::channel();
        let address = none(move |mut stream| {
            stream.write_all(&[greeting(), ready("ROUTER")].concat()).unwrap();
            for n in 0..10_u8 {
                read_until(&mut stream, &[b'?', n]);
                let second = b"\x01\x00\x00\x06second";
                // What is pinged has read what came before.
                let ping = b"\x04\x08\x04PING\x00\x00!";
                stream.write_all(&[b"\x01\x00\x00\x01", &[n][..], second, second, ping].concat()).unwrap();
                read_until(&mut stream, b"\x04PONG!");
                done.send(()).unwrap();
            }
        });
        let client = client(&address);
        for n in 0..10 {
            assert_eq!(client.send_message(vec![b'?', n], true).unwrap(), Some(vec![n]));
            is_done.recv().unwrap();
        }
    });
}

#[test]
fn a_server_that_claims_a_huge_reply_fails_the_call_and_no_more() {
    within_limit(|| {
        let mut count = 0;
        let address = none(move |mut stream| {
            count += 1;
            let is_first = count == 1;
            thread::spawn(move || {
                stream.write_all(&[greeting(), ready("ROUTER")].concat()).unwrap();
                read_until(&mut stream, b"?");
                let reply: &[u8] = match is_first {
                    true => b"\x01\x00\x02\x40\x00\x00\x00\x00\x00\x00\x00",
                    false => b"\x01\x00\x00\x01!",
                };
                stream.write_all(reply).unwrap();
                // Until the client closes.
                let _ = stream.read(&mut [0]);
            });
        });
        let client = client(&address);
        let (kind, text) = failure(ask(&client, "?").join().unwrap());
        assert_eq!(kind, ErrorKind::TooLarge, "{text}");
        assert_eq!(client.send_message(b"?".to_vec(), true).unwrap(), Some(b"!".to_vec()));
    });
}
