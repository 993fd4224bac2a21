//! Encryption, and who is let in.

use std::time::{Duration, Instant};

use foreground::transport::zmq::{Client, Keys, Options, Server};
use foreground::transport::{ClientTransport, ErrorKind, ReceiveTimeoutError, ServerTransport};

use crate::peer::zmq::Zmq;
use crate::support::{ANY_PORT, PATIENCE, ask, assert_echo, client, echo, failure, server, within_limit};

/// Well below the clients' timeout: who is refused is told so and does not wait for it.
const AT_ONCE: Duration = Duration::from_secs(10);

fn secret_server(keys: &Keys) -> Server {
    Options::new().curve_server(keys.clone()).bind(ANY_PORT).unwrap()
}

fn secret_client(endpoint: &str, keys: &Keys, server: &Keys) -> Client {
    Options::new().timeout(PATIENCE).curve_client(keys.clone(), server.public()).connect(endpoint).unwrap()
}

#[track_caller]
fn assert_refused(client: &Client) {
    for expect_reply in [true, false] {
        let started = Instant::now();
        let (kind, text) = failure(client.send_message(b"let me in".to_vec(), expect_reply));
        assert_eq!(kind, ErrorKind::Refused, "{text}");
        assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
        assert!(text.contains("CURVE"), "{text}");
    }
}

#[test]
fn with_the_right_keys_messages_pass() {
    within_limit(|| {
        let (theirs, ours) = (Keys::generate(), Keys::generate());
        let server = secret_server(&theirs);
        let endpoint = server.endpoint().to_string();
        let _serving = echo(server.clone());
        let client = secret_client(&endpoint, &ours, &theirs);
        for length in [0, 1, 100, 100_000, 1_000_000] {
            assert_echo(&client, vec![7; length]);
        }
    });
}

#[test]
fn each_disagreement_is_refused_at_once_and_nothing_is_delivered() {
    within_limit(|| {
        let (theirs, ours, others) = (Keys::generate(), Keys::generate(), Keys::generate());
        let secret = secret_server(&theirs);
        let picky =
            Options::new().curve_server(theirs.clone()).allow([others.public()]).bind(ANY_PORT).unwrap();
        let open = server();
        for server in [&secret, &picky] {
            let endpoint = server.endpoint().to_string();
            // Without CURVE; with the key of another server.
            assert_refused(&client(&endpoint));
            assert_refused(&secret_client(&endpoint, &ours, &others));
        }
        // A key that is not on the list; a server without CURVE.
        assert_refused(&secret_client(&picky.endpoint().to_string(), &ours, &theirs));
        assert_refused(&secret_client(&open.endpoint().to_string(), &ours, &theirs));
        for server in [secret, picky, open] {
            assert_eq!(
                server.receive_message_timeout(Duration::ZERO).unwrap_err(),
                ReceiveTimeoutError::Timeout
            );
        }
    });
}

#[test]
fn who_is_on_the_list_is_let_in() {
    within_limit(|| {
        let (theirs, ours, others) = (Keys::generate(), Keys::generate(), Keys::generate());
        let options =
            Options::new().curve_server(theirs.clone()).allow([others.public()]).allow([ours.public()]);
        let server = options.bind(ANY_PORT).unwrap();
        let _serving = echo(server.clone());
        for keys in [&ours, &others] {
            assert_echo(&secret_client(&server.endpoint().to_string(), keys, &theirs), "hello");
        }
    });
}

#[test]
fn a_list_of_nobody_lets_nobody_in() {
    within_limit(|| {
        let (theirs, ours) = (Keys::generate(), Keys::generate());
        let server = Options::new().curve_server(theirs.clone()).allow([]).bind(ANY_PORT).unwrap();
        assert_refused(&secret_client(&server.endpoint().to_string(), &ours, &theirs));
    });
}

/// What the script takes.
fn arguments(keys: &Keys, server: Option<&Keys>) -> Vec<String> {
    let mut arguments =
        vec![format!("--public-key={}", keys.public()), format!("--secret-key={}", keys.secret().to_z85())];
    arguments.extend(server.map(|server| format!("--server-key={}", server.public())));
    arguments
}

fn start(role: &str, address: &str, arguments: &[String], more: &[&str]) -> Zmq {
    let arguments: Vec<_> =
        arguments.iter().map(|argument| argument.as_str()).chain(more.iter().copied()).collect();
    Zmq::start(role, address, &arguments)
}

#[test]
fn libzmqs_client_talks_to_our_server() {
    within_limit(|| {
        let (theirs, ours) = (Keys::generate(), Keys::generate());
        let server =
            Options::new().curve_server(theirs.clone()).allow([ours.public()]).bind(ANY_PORT).unwrap();
        let _serving = echo(server.clone());
        let mut req = start("req", &server.endpoint().to_string(), &arguments(&ours, Some(&theirs)), &[]);
        let message = vec![7; 100_000];
        req.send(&[&message]);
        assert_eq!(req.received(), [message]);
    });
}

#[test]
fn libzmqs_client_with_a_wrong_key_gets_nowhere() {
    within_limit(|| {
        let (theirs, ours, others) = (Keys::generate(), Keys::generate(), Keys::generate());
        let server =
            Options::new().curve_server(theirs.clone()).allow([ours.public()]).bind(ANY_PORT).unwrap();
        let address = server.endpoint().to_string();
        let mut wrong = [
            start("dealer", &address, &arguments(&ours, Some(&others)), &[]),
            start("dealer", &address, &arguments(&others, Some(&theirs)), &[]),
            Zmq::start("dealer", &address, &[]),
        ];
        for peer in &mut wrong {
            peer.send(&[b"let me in"]);
            assert_ne!(peer.handshake(), "HANDSHAKE_SUCCEEDED");
        }
        assert_eq!(server.receive_message_timeout(Duration::ZERO).unwrap_err(), ReceiveTimeoutError::Timeout);
        // They have not harmed who is let in.
        let asking = ask(&secret_client(&address, &ours, &theirs), "hello");
        let (context, message) = server.receive_message().unwrap();
        context.reply(message).unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"hello".to_vec()));
    });
}

#[test]
fn our_client_talks_to_libzmqs_server() {
    within_limit(|| {
        let (theirs, ours) = (Keys::generate(), Keys::generate());
        let router = start("router", "tcp://127.0.0.1:*", &arguments(&theirs, None), &["--echo"]);
        assert_echo(&secret_client(router.address(), &ours, &theirs), vec![7; 100_000]);
    });
}

#[test]
fn our_client_is_refused_by_libzmqs_server_at_once() {
    within_limit(|| {
        let (theirs, ours, others) = (Keys::generate(), Keys::generate(), Keys::generate());
        let secret = start("router", "tcp://127.0.0.1:*", &arguments(&theirs, None), &["--echo"]);
        assert_refused(&client(secret.address()));
        assert_refused(&secret_client(secret.address(), &ours, &others));
        let picky = start("router", "tcp://127.0.0.1:*", &arguments(&theirs, None), &["--echo", "--deny"]);
        assert_refused(&secret_client(picky.address(), &ours, &theirs));
        let open = Zmq::start("router", "tcp://127.0.0.1:*", &["--echo"]);
        assert_refused(&secret_client(open.address(), &ours, &theirs));
    });
}
