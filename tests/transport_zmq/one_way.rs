//! Messages whose sender wants no reply.

use std::time::Duration;

use foreground::transport::zmq::Options;
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use crate::peer::zmq::Zmq;
use crate::support::{ANY_PORT, client, client_of, endpoints, failure, server, within_limit};

#[test]
fn they_return_when_they_are_sent_answered_or_not() {
    within_limit(|| {
        let (endpoints, _folder) = endpoints();
        for endpoint in &endpoints {
            let server = foreground::transport::zmq::Server::bind(endpoint).unwrap();
            let client = client_of(&server);
            for n in 0..200_u8 {
                assert_eq!(client.send_message(vec![n], false).unwrap(), None);
            }
            for n in 0..200_u8 {
                let (context, message) = server.receive_message().unwrap();
                assert_eq!(message, [n], "{endpoint}: in their order");
                if n % 2 == 0 {
                    context.reply("not asked for").unwrap();
                }
            }
            // The replies are in nobody's way.
            let asking = crate::support::ask(&client, "and a call");
            let (context, message) = server.receive_message().unwrap();
            context.reply(message).unwrap();
            assert_eq!(asking.join().unwrap().unwrap(), Some(b"and a call".to_vec()));
        }
    });
}

#[test]
fn they_look_as_those_of_req() {
    within_limit(|| {
        let mut router = Zmq::start("router", "tcp://127.0.0.1:*", &[]);
        client(router.address()).send_message(b"news".to_vec(), false).unwrap();
        assert_eq!(router.received()[1..], [b"".to_vec(), b"news".to_vec()]);
    });
}

#[test]
fn what_is_sent_arrives_though_the_client_is_dropped_at_once() {
    within_limit(|| {
        let server = server();
        for n in 0..50_u8 {
            client_of(&server).send_message(vec![n; 100_000], false).unwrap();
            assert_eq!(server.receive_message().unwrap().1, vec![n; 100_000]);
        }
    });
}

#[test]
fn nobody_there_is_an_error_after_the_timeout() {
    within_limit(|| {
        let client = client("tcp://127.0.0.1:1").with_timeout(Duration::from_millis(100));
        let (kind, text) = failure(client.send_message(b"?".to_vec(), false));
        assert_eq!(kind, ErrorKind::Unreachable, "{text}");
    });
}

#[test]
fn a_server_that_does_not_read_holds_them_up() {
    within_limit(|| {
        let server = Options::new().unanswered_limit(5, usize::MAX).bind(ANY_PORT).unwrap();
        let client = client_of(&server).with_timeout(Duration::from_secs(1));
        let mut sent = 0;
        let error = loop {
            match client.send_message(vec![0; 1_000_000], false) {
                Ok(_) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 1000, "a gigabyte lies somewhere");
        };
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(server.incoming().unanswered() <= 6);
    });
}
