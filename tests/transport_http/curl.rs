//! The server against curl.

use std::process::Command;

use foreground::transport::http::Options;
use foreground::transport::{ServerTransport, http};

use crate::support::Answering;

/// What curl writes, which fails only if it cannot do what it is asked for; a status is no failure.
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--noproxy", "*"])
        .args(arguments)
        .output()
        .expect("curl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {}", text, String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_body_comes_back_with_the_headers_of_the_original() {
    let echo = Answering::echo(&Options::new());
    let text = curl(&["--include", "--data", "{\"a\": 1}", &echo.url()]).to_lowercase();
    assert!(text.starts_with("http/1.1 200 ok\r\n"), "{text}");
    for header in [
        "content-type: application/json\r\n",
        "access-control-allow-methods: post\r\n",
        "access-control-allow-origin: *\r\n",
        "access-control-allow-headers: content-type, x-requested-with, accept, origin\r\n",
    ] {
        assert!(text.contains(header), "{header} is not in {text}");
    }
    assert!(text.ends_with("\r\n\r\n{\"a\": 1}"));
}

#[test]
fn chunked_bodies_are_taken() {
    let echo = Answering::echo(&Options::new());
    let text = curl(&["--header", "Transfer-Encoding: chunked", "--data", "in pieces", &echo.url()]);
    assert_eq!(text, "in pieces");
}

#[test]
fn a_client_that_asks_first_is_told_to_continue_or_not_to() {
    let echo = Answering::echo(&Options::new().body_limit(1000));
    let ask = ["--include", "--header", "Expect: 100-continue", "--expect100-timeout", "30", "--data"];
    let text = curl(&[&ask[..], &["short", &echo.url()]].concat());
    assert!(text.starts_with("HTTP/1.1 100 Continue\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nshort"), "{text}");
    let long = "x".repeat(1001);
    let text = curl(&[&ask[..], &[&long, &echo.url()]].concat());
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

#[test]
fn one_connection_serves_many_requests() {
    let echo = Answering::echo(&Options::new());
    let url = echo.url();
    let text = curl(&["--write-out", "[%{num_connects}]", "--data", "x", &url, &url, &url]);
    assert_eq!(text, "x[1]x[0]x[0]");
    let closing = Answering::echo(&Options::new().keep_alive(false));
    let url = closing.url();
    let text = curl(&["--write-out", "[%{num_connects}]", "--data", "x", &url, &url]);
    assert_eq!(text, "x[1]x[1]");
}

#[test]
fn the_old_version_is_spoken() {
    let echo = Answering::echo(&Options::new());
    let text = curl(&["--http1.0", "--include", "--data", "old", &echo.url()]);
    assert!(text.starts_with("HTTP/1.0 200 "), "{text}");
    assert!(text.ends_with("\r\n\r\nold"), "{text}");
}

#[test]
fn other_methods_are_told_which_one_is_wanted() {
    let echo = Answering::echo(&Options::new());
    for method in ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let text = curl(&["--include", "--request", method, &echo.url()]).to_lowercase();
        assert!(text.starts_with("http/1.1 405 method not allowed\r\n"), "{text}");
        assert!(text.contains("\r\nallow: post, options\r\n"), "{text}");
        assert!(text.ends_with("only post supported"), "{text}");
    }
    let text = curl(&["--head", &echo.url()]);
    assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
}

#[test]
fn a_unix_socket_serves_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let server = http::Server::bind(path.as_path()).unwrap();
    let asking = std::thread::spawn({
        let path = path.to_str().unwrap().to_owned();
        move || curl(&["--unix-socket", &path, "--data", "by file", "http://localhost/"])
    });
    let (context, message) = server.receive_message().unwrap();
    assert_eq!(context.peer(), "unix:");
    context.reply(message).unwrap();
    assert_eq!(asking.join().unwrap(), "by file");
    drop(server);
    assert!(!path.exists());
}
