//! Messages of frames as no client of ours sends them.

use foreground::transport::{ErrorKind, ServerTransport};

use crate::peer::zmq::Zmq;
use crate::support::{
    ask, ask_in_haste, assert_echo, client, client_of, echo, failure, server, within_limit,
};

#[test]
fn what_stands_before_the_last_frame_goes_back_with_the_reply() {
    within_limit(|| {
        let server = server();
        let mut dealer = Zmq::start("dealer", &server.endpoint().to_string(), &[]);
        let messages: [&[&[u8]]; 6] = [
            &[b"alone"],
            &[b"", b"as REQ"],
            &[b"an id", b"", b"as REQ with an id"],
            &[b"no", b"empty", b"frame"],
            &[b""],
            &[b"", b"", b"", b""],
        ];
        for frames in messages {
            dealer.send(frames);
            let (context, message) = server.receive_message().unwrap();
            assert_eq!(message, *frames.last().unwrap());
            context.reply("reply").unwrap();
            let mut expected = frames.to_vec();
            *expected.last_mut().unwrap() = b"reply";
            assert_eq!(dealer.received(), expected);
        }
    });
}

#[test]
fn replies_in_any_order_find_their_way() {
    within_limit(|| {
        let server = server();
        let address = server.endpoint().to_string();
        let mut dealers = [Zmq::start("dealer", &address, &[]), Zmq::start("dealer", &address, &[])];
        for n in 0..10_u8 {
            dealers[usize::from(n % 2)].send(&[&[n], &[n]]);
        }
        let mut contexts: Vec<_> = (0..10).map(|_| server.receive_message().unwrap()).collect();
        contexts.sort_by_key(|(_, message)| std::cmp::Reverse(message.clone()));
        for (context, message) in contexts {
            context.reply(message).unwrap();
        }
        for n in (0..10_u8).rev() {
            assert_eq!(dealers[usize::from(n % 2)].received(), [[n], [n]]);
        }
    });
}

#[test]
fn a_peer_that_names_itself_is_served_too() {
    within_limit(|| {
        let server = server();
        let mut req = Zmq::start("req", &server.endpoint().to_string(), &[]);
        let serving = echo(server.clone());
        req.send(&[b"one", b"two"]); // REQ may send several frames; the message is the last
        assert_eq!(req.received(), [b"one", b"two"]);
        server.close();
        assert_eq!(serving.join().unwrap(), 1);
    });
}

#[test]
fn a_server_with_rep_serves_our_client() {
    within_limit(|| {
        let rep = Zmq::start("rep", "tcp://127.0.0.1:*", &["--echo"]);
        let client = client(rep.address());
        for message in ["", "a", &"b".repeat(300_000)] {
            assert_echo(&client, message);
        }
    });
}

#[test]
fn a_reply_of_several_frames_is_its_last() {
    within_limit(|| {
        let mut router = Zmq::start("router", "tcp://127.0.0.1:*", &[]);
        let asking = ask(&client(router.address()), "?");
        let frames = router.received();
        assert_eq!(frames[1..], [b"".to_vec(), b"?".to_vec()]);
        router.send(&[&frames[0], b"", b"one", b"two"]);
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"two".to_vec()));
    });
}

#[test]
fn what_is_no_reply_is_passed_over() {
    within_limit(|| {
        let mut router = Zmq::start("router", "tcp://127.0.0.1:*", &[]);
        let asking = ask(&client(router.address()), "?");
        let frames = router.received();
        router.send(&[&frames[0], b"without the empty frame"]);
        router.send(&[b"nobody", b"", b"goes nowhere"]);
        router.send(&[&frames[0], b"", b"!"]);
        router.send(&[&frames[0], b"", b"a second one"]);
        assert_eq!(asking.join().unwrap().unwrap(), Some(b"!".to_vec()));
    });
}

#[test]
fn a_dropped_context_leaves_the_client_waiting() {
    within_limit(|| {
        let server = server();
        let client = client_of(&server);
        let (context, asking) = ask_in_haste(&client, &server, b"?");
        drop(context);
        let (kind, text) = failure(asking.join().unwrap());
        assert_eq!(kind, ErrorKind::Timeout, "{text}");
        let _serving = echo(server);
        assert_echo(&client, "and the next call works");
    });
}
