//! What the client sends, and what it makes of answers, against a server that says what it is told to.

use std::time::Duration;

use foreground::MessageRouter;
use foreground::transport::http::{Client, Options};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use crate::support::{Answering, PATIENCE, Script};

fn send(client: &Client, message: &str) -> Result<Option<Vec<u8>>, foreground::transport::Error> {
    client.send_message(message.as_bytes().to_vec(), true)
}

#[test]
fn the_head_is_what_was_set() {
    let script = Script::new(&["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; 2]);
    let client = Client::new(script.url() + "/rpc?key=1").unwrap();
    assert_eq!(send(&client, "hello").unwrap().unwrap(), b"ok");
    let request = script.request();
    assert!(request.starts_with("POST /rpc?key=1 HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    for header in [
        "content-type: application/json\r\n",
        "content-length: 5\r\n",
        &format!("host: {}\r\n", script.address()),
        "user-agent: foreground/",
    ] {
        assert!(lower.contains(header), "{header} is not in {request}");
    }
    assert!(request.ends_with("\r\n\r\nhello"));

    let client = client.content_type("text/plain").unwrap();
    let client = client.header("X-Two", "1").unwrap().header("X-Two", "2").unwrap();
    assert_eq!(client.send_message(Vec::new(), false).unwrap(), None);
    let lower = script.request().to_lowercase();
    for header in ["content-type: text/plain\r\n", "x-two: 1\r\n", "x-two: 2\r\n", "content-length: 0\r\n"] {
        assert!(lower.contains(header), "{header} is not in {lower}");
    }
    assert!(!lower.contains("application/json"), "{lower}");
}

#[test]
fn headers_of_the_transport_itself_are_refused() {
    for name in ["Content-Length", "transfer-encoding", "EXPECT", "", "a b", "a:"] {
        let error = Client::new("http://h").unwrap().header(name, "1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let client = Client::new("http://user:secret@127.0.0.1:1/?token=secret").unwrap();
    let client = client.header("Authorization", "secret").unwrap();
    assert!(!format!("{client:?}").contains("secret"));
    let error = send(&client, "x").unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret"));
}

#[test]
fn a_user_and_password_in_the_url_are_sent_by_basic_authentication() {
    let script = Script::new(&["HTTP/1.1 204 No Content\r\n\r\n"]);
    let client = Client::new(format!("http://user:pass@{}/", script.address())).unwrap();
    assert_eq!(send(&client, "x").unwrap().unwrap(), b"", "a success without a body");
    assert!(script.request().to_lowercase().contains("authorization: basic dxnlcjpwyxnz\r\n"));
}

#[test]
fn a_status_that_is_no_success_is_an_error_with_status_and_body() {
    for (answer, status, body) in [
        ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", 503, "busy"),
        ("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n0\r\n\r\n", 404, "not"),
        ("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\nuntil the end", 500, "until the end"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, ""),
        ("HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\nContent-Length: 4\r\n\r\nthat", 307, "that"),
    ] {
        let script = Script::new(&[answer]);
        let error = send(&Client::new(script.url()).unwrap(), "x").unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(status)), "{error}");
        assert_eq!(error.body(), Some(body.as_bytes()));
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert_eq!(script.requests(), 1);
    }
}

#[test]
fn every_2xx_is_a_success() {
    for status in ["200 OK", "201 Created", "202 Accepted"] {
        let script = Script::new(&[&format!("HTTP/1.1 {status}\r\nContent-Length: 1\r\n\r\ny")]);
        assert_eq!(send(&Client::new(script.url()).unwrap(), "x").unwrap().unwrap(), b"y");
    }
    let script = Script::new(&["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"]);
    assert_eq!(send(&Client::new(script.url()).unwrap(), "x").unwrap().unwrap(), b"y");
}

#[test]
fn redirections_are_followed_when_that_is_wanted() {
    let other = Script::new(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere"]);
    let elsewhere = format!(
        "HTTP/1.1 308 Permanent Redirect\r\nLocation: {}/new\r\nContent-Length: 0\r\n\r\n",
        other.url()
    );
    let first = Script::new(&[
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /second?a\r\nContent-Length: 0\r\n\r\n",
        &elsewhere,
    ]);
    let client = Client::new(first.url() + "/first").unwrap().header("Authorization", "secret").unwrap();
    let client = client.content_type("text/x").unwrap().redirects(2);
    assert_eq!(send(&client, "again and again").unwrap().unwrap(), b"there");
    for path in ["POST /first ", "POST /second?a "] {
        let request = first.request();
        assert!(request.starts_with(path) && request.ends_with("again and again"), "{request}");
        assert!(request.contains("secret"), "{request}");
    }
    let request = other.request();
    assert!(request.starts_with("POST /new ") && request.ends_with("again and again"), "{request}");
    assert!(!request.contains("secret"), "another server is told no secrets: {request}");
    assert!(request.contains("text/x"), "{request}");
}

#[test]
fn redirections_have_a_limit_and_never_become_a_get() {
    let round = ["HTTP/1.1 308 Permanent Redirect\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"; 4];
    let script = Script::new(&round);
    let error = send(&Client::new(script.url()).unwrap().redirects(3), "x").unwrap_err();
    assert_eq!((error.status(), script.requests()), (Some(308), 4));
    let script = Script::new(&["HTTP/1.1 303 See Other\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"]);
    let error = send(&Client::new(script.url()).unwrap().redirects(3), "x").unwrap_err();
    assert_eq!((error.status(), script.requests()), (Some(303), 1));
}

#[test]
fn replies_at_the_limit_come_and_over_it_do_not() {
    let echo = Answering::echo(&Options::new().body_limit(1 << 20));
    let client = Client::new(echo.url()).unwrap().reply_limit(1000);
    for length in [0, 999, 1000] {
        assert_eq!(client.send_message(vec![b'x'; length], true).unwrap().unwrap().len(), length);
    }
    for length in [1001, 500_000] {
        let error = client.send_message(vec![b'x'; length], true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }
    // Without a length, too.
    let endless = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(1001));
    let script = Script::new(&[&endless]);
    let error = send(&Client::new(script.url()).unwrap().reply_limit(1000), "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    // What is announced is not believed first.
    let script = Script::new(&["HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"]);
    let error = send(&Client::new(script.url()).unwrap(), "x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    // Of what comes with an error, as much as is allowed.
    let answer = format!("HTTP/1.1 500 Oops\r\nContent-Length: 2000\r\n\r\n{}", "x".repeat(2000));
    let script = Script::new(&[&answer]);
    let error = send(&Client::new(script.url()).unwrap().reply_limit(1000), "x").unwrap_err();
    assert_eq!((error.status(), error.body().unwrap().len()), (Some(500), 1000));
}

#[test]
fn the_foreground_asks_without_waiting() {
    let router: MessageRouter<Vec<Vec<u8>>> = MessageRouter::new(|| {});
    router.start().unwrap();
    let server = Options::new().bind("127.0.0.1:0").unwrap();
    let client = Client::new(crate::support::url(&server)).unwrap();
    for number in 0..3 {
        client
            .send_message_on(&router, vec![b'0' + number], true, |replies: &mut Vec<_>, reply| {
                replies.push(reply.unwrap().unwrap());
            })
            .unwrap();
    }
    for _ in 0..3 {
        let (context, message) = server.receive_message().unwrap();
        context.reply(message).unwrap();
    }
    let mut replies = Vec::new();
    router.route_until(&mut replies, |replies| replies.len() == 3, PATIENCE).unwrap();
    replies.sort();
    assert_eq!(replies, [b"0", b"1", b"2"]);
}

#[test]
fn a_connection_is_used_again() {
    let echo = Answering::echo(&Options::new());
    let client = Client::new(echo.url()).unwrap();
    for _ in 0..10 {
        send(&client, "x").unwrap();
        // A clone has the same connections.
        send(&client.clone(), "y").unwrap();
    }
    assert_eq!(echo.server.connections(), 1);
    let client = client.idle_connections(0);
    send(&client, "x").unwrap();
    crate::support::wait_until("it is closed", || echo.server.connections() <= 1);
}

#[test]
fn a_huge_timeout_is_none() {
    let echo = Answering::echo(&Options::new());
    let client = Client::new(echo.url()).unwrap().timeout(Duration::MAX).connect_timeout(Duration::MAX);
    assert_eq!(send(&client, "x").unwrap().unwrap(), b"x");
    assert_eq!(send(&client.timeout(None), "x").unwrap().unwrap(), b"x");
}

#[test]
fn a_proxy_is_asked_for_everything() {
    let script = Script::new(&["HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied"]);
    let client = Client::new("http://nowhere.invalid/rpc").unwrap().proxy(&script.url()).unwrap();
    let outcome = send(&client, "x");
    let request = script.request();
    // By a tunnel, or by the whole URL.
    assert!(
        request.starts_with("CONNECT nowhere.invalid:80 ")
            || request.starts_with("POST http://nowhere.invalid/rpc "),
        "{request} {outcome:?}"
    );
    assert_eq!(Client::new("http://h").unwrap().proxy("::").unwrap_err().kind(), ErrorKind::InvalidAddress);
}

#[test]
fn a_proxy_that_is_not_spoken_to_is_refused() {
    for proxy in ["socks4://h:1080", "socks4a://h:1080", "socks5://h:1080", "socks5h://h:1080"] {
        let error = Client::new("http://h").unwrap().proxy(proxy).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{error}");
    }
}
