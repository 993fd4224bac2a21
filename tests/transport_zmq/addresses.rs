//! Where servers listen.

use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Barrier};
use std::thread;

use foreground::transport::zmq::{Client, Endpoint, Keys, Options, Server};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use crate::support::{assert_echo, client_of, echo, endpoints, within_limit};

#[test]
fn each_kind_of_address_carries_messages() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let client = client_of(&server);
            let serving = echo(server.clone());
            for length in [0, 1, 55, 56, 255, 256, 4095, 4096, 65_535, 65_536, 1_000_000] {
                assert_echo(&client, vec![7; length]);
            }
            server.close();
            assert_eq!(serving.join().unwrap(), 11, "{endpoint}");
        }
    });
}

#[test]
fn names_and_wildcards_are_addresses_too() {
    within_limit(|| {
        let server = Server::bind("tcp://*:0").unwrap();
        let _serving = echo(server.clone());
        let endpoint = server.endpoint().to_string();
        let (_, port) = endpoint.rsplit_once(':').unwrap();
        assert_ne!(port, "0");
        assert_echo(&crate::support::client(&format!("tcp://localhost:{port}")), "by name");
        assert_echo(&crate::support::client(&format!("tcp://127.0.0.1:{port}")), "by number");
        let unknown = crate::support::client("tcp://no.such.name.invalid:1");
        let outcome = unknown.with_timeout(None).send_message(b"?".to_vec(), true);
        assert_eq!(crate::support::failure(outcome).0, ErrorKind::Unreachable);
    });
}

#[test]
fn an_address_in_use_is_an_error() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = Server::bind(endpoint).unwrap();
            let error = Server::bind(server.endpoint()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddressInUse, "{endpoint}: {error}");
            // And the first one is not disturbed.
            let client = client_of(&server);
            let _serving = echo(server.clone());
            assert_echo(&client, "still there");
            server.close();
        }
    });
}

#[test]
fn an_address_is_free_when_the_server_was_closed_or_dropped() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let mut server = Server::bind(endpoint).unwrap();
            let endpoint = server.endpoint().clone();
            for round in 0..40 {
                match round % 2 {
                    0 => server.close(),
                    _ => drop(server),
                }
                server =
                    Server::bind(&endpoint).unwrap_or_else(|error| panic!("{endpoint}, {round}: {error}"));
            }
        }
    });
}

#[test]
fn the_file_of_a_socket_goes_with_its_server() {
    within_limit(|| {
        let (endpoints, folder) = endpoints();
        let file = folder.path().join("socket");
        let server = Server::bind(&endpoints[1]).unwrap();
        assert!(file.exists());
        server.close();
        assert!(!file.exists());
        drop(Server::bind(&endpoints[1]).unwrap());
        assert!(!file.exists());
    });
}

#[test]
fn a_file_that_nobody_listens_at_is_replaced_and_another_is_not() {
    within_limit(|| {
        let (endpoints, folder) = endpoints();
        let file = folder.path().join("socket");
        drop(UnixListener::bind(&file).unwrap());
        assert!(file.exists(), "as a killed server leaves it");
        drop(Server::bind(&endpoints[1]).unwrap());

        fs::write(&file, "a letter").unwrap();
        assert_eq!(Server::bind(&endpoints[1]).unwrap_err().kind(), ErrorKind::AddressInUse);
        assert_eq!(fs::read_to_string(&file).unwrap(), "a letter");
    });
}

#[test]
fn what_is_no_address_is_refused_with_what_is_one() {
    for text in [
        "",
        "127.0.0.1:5555",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:99999",
        "http://a:1",
        "ipc://",
        "udp://a:1",
    ] {
        let error = Server::bind(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{text}: {error}");
        assert!(error.to_string().contains("tcp://host:port"), "{error}");
        assert_eq!(Client::connect(text).unwrap_err().kind(), ErrorKind::InvalidAddress);
    }
    let kept: Endpoint = "tcp://127.0.0.1:5555".parse().unwrap();
    assert_eq!(Client::connect(&kept).unwrap().endpoint(), &kept);
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_at() {
    within_limit(|| {
        let error = Server::bind("tcp://192.0.2.1:5555").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    });
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let keys = Keys::generate();
    let for_clients = Options::new().curve_client(keys.clone(), keys.public());
    assert_eq!(for_clients.bind("inproc://never").unwrap_err().kind(), ErrorKind::InvalidInput);
    let for_nobody = Options::new().allow([keys.public()]);
    assert_eq!(for_nobody.bind("inproc://never").unwrap_err().kind(), ErrorKind::InvalidInput);
    let for_servers = Options::new().curve_server(keys);
    assert_eq!(for_servers.connect("inproc://never").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_peer_is_told_by_its_address() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for (endpoint, expected) in endpoints.iter().zip(["127.0.0.1:", "ipc://", "inproc://"]) {
            let server = Server::bind(endpoint).unwrap();
            let asking = crate::support::ask(&client_of(&server), "?");
            let (context, _) = server.receive_message().unwrap();
            assert!(context.peer().starts_with(expected), "{}", context.peer());
            assert!(!context.is_abandoned());
            context.reply("!").unwrap();
            asking.join().unwrap().unwrap();
        }
    });
}

#[test]
fn of_those_who_bind_to_a_file_at_once_one_gets_it() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for round in 0..20 {
            let all_are_here = Arc::new(Barrier::new(4));
            let binding: Vec<_> = (0..4)
                .map(|_| {
                    let (endpoint, all_are_here) =
                        (format!("{} {round}", endpoints[1]), all_are_here.clone());
                    thread::spawn(move || {
                        all_are_here.wait();
                        Server::bind(endpoint)
                    })
                })
                .collect();
            let bound: Vec<_> = binding.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1);
            let refused = bound.into_iter().filter_map(Result::err);
            refused.for_each(|error| assert_eq!(error.kind(), ErrorKind::AddressInUse));
        }
    });
}
