//! Our client with our server, over every kind of stream.

use std::thread;

use foreground::bus::socket::{Message, Options};
use foreground::bus::{ResponseError, TryRecvResponseError};
use foreground::net::{Address, DisconnectKind};

use crate::common::{
    Asker, PATIENCE, address, client, disconnect, echo, eventually, listen, outcome, over_streams, pair,
};

fn round_trips(client: &Asker) {
    let all_lengths = Message { body: vec![], attachments: (0..300).map(|n| vec![n as u8; n]).collect() };
    let large = Message::new(vec![7; 3_000_000]).attach(vec![8; 5_000_000]).attach("end");
    let empty_parts = Message::new("").attach("").attach("");
    for message in [Message::default(), Message::new("body"), empty_parts, all_lengths, large] {
        let pending = client.send_request(message.clone()).unwrap();
        assert!(outcome(pending).unwrap() == message, "{message:?}");
    }
}

#[test]
fn over_tcp() {
    let (client, server) = pair();
    echo(server);
    round_trips(&client);
}

#[test]
fn a_host_is_tried_at_each_of_its_addresses() {
    // The name has an address of either kind on most machines; the server listens at one.
    let (_, server) = pair();
    let Address::Tcp { port, .. } = address(&server) else { panic!("it is TCP") };
    echo(server);
    let client = client(&Options::new(), ("localhost", port));
    round_trips(&client);
}

#[cfg(unix)]
#[test]
fn over_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.sock");
    let server = listen(&Options::new(), &format!("unix:{}", path.display()));
    let client = client(&Options::new(), path.clone());
    echo(server.clone());
    round_trips(&client);
    server.stop(PATIENCE);
    drop(server);
    eventually("the socket's file is removed", || !path.exists());
}

#[cfg(unix)]
#[test]
fn over_pairs_of_streams() {
    use std::os::unix::net::UnixStream;
    let (client, server) = over_streams();
    for n in 0..10 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        server.add_stream(theirs).unwrap();
        let pending = client.send_request_over(ours, Message::new(vec![n; 1000])).unwrap();
        let (transaction, message) = server.recv_request().unwrap();
        transaction.send_response(message).unwrap();
        assert_eq!(outcome(pending).unwrap().body, [n; 1000]);
    }
    let failed = client.send_request(Message::default()).unwrap();
    assert_eq!(disconnect(failed).kind(), DisconnectKind::Unreachable);
    server.close();
    assert!(server.add_stream(UnixStream::pair().unwrap().0).is_err());
    assert!(server.recv_request().is_err(), "all its streams have brought theirs");
}

#[test]
fn responses_come_in_any_order_and_from_any_thread() {
    let (client, server) = pair();
    let pending: Vec<_> = (0..20_u8).map(|n| client.send_request(Message::new(vec![n])).unwrap()).collect();
    let mut received: Vec<_> = (0..20).map(|_| server.recv_request().unwrap()).collect();
    received.sort_by(|(_, a), (_, b)| b.body.cmp(&a.body));
    let threads: Vec<_> = received
        .into_iter()
        .map(|(transaction, message)| thread::spawn(|| transaction.send_response(message).unwrap()))
        .collect();
    for (n, pending) in (0..).zip(pending) {
        assert_eq!(outcome(pending).unwrap().body, [n]);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_response_can_be_looked_for() {
    let (client, server) = pair();
    let mut pending = client.send_request(Message::new("?")).unwrap();
    let (transaction, message) = server.recv_request().unwrap();
    match pending.try_recv_response() {
        Err(TryRecvResponseError::NotYet(back)) => pending = back,
        other => panic!("{other:?}"),
    }
    transaction.send_response(message).unwrap();
    let mut pending = Some(pending);
    eventually("the response comes", || match pending.take().unwrap().try_recv_response() {
        Ok(message) => message.body == b"?",
        Err(TryRecvResponseError::NotYet(back)) => {
            pending = Some(back);
            false
        }
        Err(error) => panic!("{error}"),
    });
}

#[test]
fn a_dropped_transaction_is_no_response() {
    let (client, server) = pair();
    let pending = client.send_request(Message::new("?")).unwrap();
    drop(server.recv_request().unwrap());
    assert!(matches!(outcome(pending), Err(ResponseError::NoResponse)));
}

#[test]
fn who_is_not_there_is_told() {
    let (client, server) = pair();
    drop(server);
    let reason = disconnect(client.send_request(Message::new("?")).unwrap());
    assert_eq!(reason.kind(), DisconnectKind::Unreachable, "{reason}");
}

#[cfg(unix)]
#[test]
fn a_server_is_not_there_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&Options::new(), folder.path().join("nobody"));
    let reason = disconnect(client.send_request(Message::new("?")).unwrap());
    assert_eq!(reason.kind(), DisconnectKind::Unreachable, "{reason}");
    assert!(std::error::Error::source(&reason).is_some());
}

#[test]
fn everything_is_sent_to_other_threads() {
    fn check<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe + std::fmt::Debug>() {}
    check::<Asker>();
    check::<crate::common::Answerer>();
    check::<foreground::bus::PendingResponse<Message>>();
    check::<foreground::bus::Transaction<Message>>();
}
