//! What becomes of the messages: their contexts, their answers, and the end of the server.

use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::transport::http::Options;
use foreground::transport::{ReplyError, ServerTransport, http};

use crate::support::{PATIENCE, Raw, post, wait_until};

#[test]
fn the_context_knows_the_address_of_who_asked() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("x"));
    let (context, _) = server.receive_message().unwrap();
    assert_eq!(context.peer(), client.0.local_addr().unwrap().to_string());
    context.reply("y").unwrap();
    assert_eq!(client.answer().body, b"y");
}

#[test]
fn messages_are_answered_in_the_foreground() {
    let router: MessageRouter<Vec<Vec<u8>>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    let serving = server
        .serve_on(&router, |seen: &mut Vec<_>, context, message| {
            seen.push(message);
            context.reply("seen").unwrap();
        })
        .unwrap();
    client.say(post("look"));
    let mut seen = Vec::new();
    router.route_until(&mut seen, |seen| !seen.is_empty(), PATIENCE).unwrap();
    assert_eq!(seen, [b"look"]);
    assert_eq!(client.answer().body, b"seen");
    // What comes when nobody serves any more is told so.
    serving.stop();
}

#[test]
fn a_message_that_is_dropped_or_kept_too_long_is_503() {
    let server = Options::new().reply_timeout(Duration::from_millis(50)).bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("dropped"));
    drop(server.receive_message().unwrap());
    assert_eq!(client.answer().status(), 503);
    client.say(post("kept"));
    let (context, _) = server.receive_message().unwrap();
    let answer = client.answer();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "a page can read the status");
    assert!(context.is_abandoned());
    assert!(matches!(context.reply("late"), Err(ReplyError::Abandoned(reply)) if reply == b"late"));
    // The connection goes on.
    client.say(post("third"));
    server.receive_message().unwrap().0.reply("done").unwrap();
    assert_eq!(client.answer().body, b"done");
}

#[test]
fn a_client_that_goes_abandons_its_message() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut client = Raw::connect(&server);
    client.say(post("quick"));
    let (context, _) = server.receive_message().unwrap();
    assert!(!context.is_abandoned());
    drop(client);
    wait_until("the message is abandoned", || context.is_abandoned());
    assert!(matches!(context.reply("for nobody"), Err(ReplyError::Abandoned(_))));
    assert_eq!(server.incoming().unanswered(), 0);
}

#[test]
fn a_stopped_server_finishes_what_is_under_way() {
    let server = http::Server::bind("127.0.0.1:0").unwrap();
    let mut busy = Raw::connect(&server);
    let mut idle = Raw::connect(&server);
    let mut started = Raw::connect(&server);
    busy.say(post("answer me"));
    let (context, message) = server.receive_message().unwrap();
    started.say("POST / HTTP/1.1\r\nContent-Le");
    wait_until("all are connected", || server.connections() == 3);
    let stopping = thread::spawn({
        let server = server.clone();
        move || server.stop(PATIENCE)
    });
    assert_eq!(idle.rest(), b"");
    assert_eq!(started.rest(), b"");
    assert!(std::net::TcpStream::connect(server.local_address().to_string()).is_err());
    http::Server::bind(server.local_address()).expect("the address is free");
    context.reply(message).unwrap();
    let answer = busy.answer();
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"answer me"[..]));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(stopping.join().unwrap(), 0);
    assert_eq!(server.connections(), 0);
}
