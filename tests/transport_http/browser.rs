//! What a browser does before and with a request of a web page.

use std::thread;

use foreground::transport::ServerTransport;
use foreground::transport::http::Options;

use crate::support::{Answering, Raw, post};

fn preflight(origin: &str) -> String {
    format!(
        "OPTIONS /rpc HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nOrigin: {origin}\r\nAccept: */*\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\
         Referer: {origin}/\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\n\r\n"
    )
}

fn page_post(origin: &str) -> String {
    format!(
        "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n\
         Content-Length: 4\r\n\r\npage"
    )
}

#[test]
fn any_page_may_call_by_default_as_with_the_original() {
    let echo = Answering::echo(&Options::new());
    let mut browser = Raw::connect(&echo.server);
    let answer = browser.say(preflight("https://anywhere.example")).answer();
    assert_eq!((answer.status(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let headers = Some("Content-Type, X-Requested-With, Accept, Origin");
    assert_eq!(answer.header("access-control-allow-headers"), headers);
    // On the same connection, as browsers do.
    let answer = browser.say(page_post("https://anywhere.example")).answer();
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"page"[..]));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn only_pages_that_are_named_may_call() {
    let pages = ["https://app.example", "http://localhost:3000"];
    let echo = Answering::echo(&Options::new().allow_origins(pages));
    for page in pages {
        let mut browser = Raw::connect(&echo.server);
        let answer = browser.say(preflight(page)).answer();
        assert_eq!(answer.header("access-control-allow-origin"), Some(page));
        assert_eq!(answer.header("vary"), Some("Origin"));
        let answer = browser.say(page_post(page)).answer();
        assert_eq!((answer.status(), &answer.body[..]), (200, &b"page"[..]));
        assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    }
    // A page whose name was bound to this machine's address is of its own origin, too.
    for page in ["https://evil.example", "null", "http://localhost:3001", "https://app.example.evil.example"]
    {
        let mut browser = Raw::connect(&echo.server);
        let answer = browser.say(preflight(page)).answer();
        assert_eq!(answer.header("access-control-allow-origin"), None);
        let answer = browser.say(page_post(page)).answer();
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (403, None));
    }
    // Two origins in one request are no browser's.
    let text = page_post("https://app.example")
        .replace("\r\nContent-Type", "\r\nOrigin: https://evil.example\r\nContent-Type");
    assert_eq!(Raw::connect(&echo.server).say(text).answer().status(), 403);
    // A program is no page.
    assert_eq!(Raw::connect(&echo.server).say(post("x")).answer().status(), 200);
}

#[test]
fn a_page_that_may_not_call_is_not_heard() {
    let server = Options::new().allow_origins::<String>([]).bind("127.0.0.1:0").unwrap();
    let mut browser = Raw::connect(&server);
    assert_eq!(browser.say(page_post("https://anywhere.example")).answer().status(), 403);
    let asking = thread::spawn(move || browser.say(post("program")).answer());
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(message, b"program", "the page's did not come");
    context.reply("").unwrap();
    assert_eq!(asking.join().unwrap().status(), 200);
}

#[test]
fn settings_that_cannot_be_headers_are_refused() {
    use foreground::transport::ErrorKind;
    for options in [Options::new().allow_origin("http://a\r\nb"), Options::new().content_type("a\nb")] {
        assert_eq!(options.bind("127.0.0.1:0").unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn an_origin_that_no_browser_sends_is_refused() {
    for origin in [
        "",
        "app.example",
        "https://",
        "https://app.example/",
        "https://App.example",
        "HTTPS://app.example",
        "https://app.example:443",
        "http://app.example:80",
    ] {
        let error = Options::new().allow_origin(origin).bind("127.0.0.1:0").unwrap_err();
        assert_eq!(error.kind(), foreground::transport::ErrorKind::InvalidInput, "{origin}");
    }
    for origin in ["null", "http://[::1]:8080", "https://app.example:80", "moz-extension://Ab"] {
        Options::new().allow_origin(origin).bind("127.0.0.1:0").unwrap();
    }
}
