//! Getting in, with and without a password.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use foreground::nats::{self, Options, State};
use foreground::transport::ErrorKind;

use super::server::NatsServer;
use super::{LONG, assert_kind, connect};

#[test]
fn without_a_password() {
    let server = NatsServer::start();
    let connection = connect(&server);
    assert_eq!((connection.state(), connection.reconnects()), (State::Connected, 0));
    assert_eq!(connection.server_limit(), 1024 * 1024);
    connection.flush(LONG).unwrap();
}

#[test]
fn with_user_and_password() {
    let server = NatsServer::start_with(&["--user", "me", "--pass", "a:b@c%"]);
    let right = Options::new().user("me", "a:b@c%");
    right.connect(server.address()).unwrap().flush(LONG).unwrap();
    // In the address, with what has a meaning there written in another way.
    let port = server.port();
    let connection = nats::connect(format!("nats://me:a%3Ab%40c%25@127.0.0.1:{port}")).unwrap();
    assert_eq!(connection.address(), server.address());
    connection.flush(LONG).unwrap();

    assert_kind(nats::connect(server.address()), ErrorKind::Refused);
    assert_kind(Options::new().user("me", "wrong").connect(server.address()), ErrorKind::Refused);
    assert_kind(Options::new().token("a:b@c%").connect(server.address()), ErrorKind::Refused);
    // It is not tried again, and its text names no password.
    let error = Options::new().retry_forever().connect(format!("me:s3cr3t@127.0.0.1:{port}")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[test]
fn with_a_token() {
    let server = NatsServer::start_with(&["--auth", "s3cr3t"]);
    Options::new().token("s3cr3t").connect(server.address()).unwrap().flush(LONG).unwrap();
    nats::connect(format!("s3cr3t@127.0.0.1:{}", server.port())).unwrap();
    assert_kind(Options::new().token("wrong").connect(server.address()), ErrorKind::Refused);
    assert_kind(nats::connect(server.address()), ErrorKind::Refused);
}

#[test]
fn with_a_key() {
    // A pair of keys made by the tool `nk`; the server knows the public one only.
    let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let public = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let server =
        NatsServer::start_configured(&format!("authorization {{ users = [ {{ nkey: {public} }} ] }}"), &[]);
    Options::new().seed(seed).connect(server.address()).unwrap().flush(LONG).unwrap();
    assert_kind(nats::connect(server.address()), ErrorKind::Refused);
    assert_kind(Options::new().seed("SUnonsense").connect(server.address()), ErrorKind::InvalidInput);
    assert_kind(Options::new().credentials("nonsense").connect(server.address()), ErrorKind::InvalidInput);
}

#[test]
fn nobody_there() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_kind(nats::connect(format!("127.0.0.1:{port}")), ErrorKind::Unreachable);
    assert_kind(nats::connect(format!("no-such-host.invalid:{port}")), ErrorKind::Unreachable);
    assert_kind(nats::connect("http://127.0.0.1"), ErrorKind::InvalidAddress);
    // Tried again for so long, and not much longer.
    let start = Instant::now();
    let options = Options::new().retry_for(Duration::from_millis(700));
    assert_kind(options.connect(format!("127.0.0.1:{port}")), ErrorKind::Unreachable);
    assert!(start.elapsed() >= Duration::from_millis(700));
}

#[test]
fn one_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options::new().connect_timeout(Duration::from_millis(50));
    assert_kind(options.connect(silent.local_addr().unwrap().to_string()), ErrorKind::Timeout);
}

#[test]
fn the_first_of_several_that_is_there() {
    let server = NatsServer::start();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connection = nats::connect(format!("127.0.0.1:{port}, {}", server.address())).unwrap();
    connection.flush(LONG).unwrap();
}
