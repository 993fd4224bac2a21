//! The example `rpc_window`: a window on a virtual display, which is called over 0MQ and HTTP while a user clicks in it.

#![cfg(all(unix, not(target_os = "macos")))]

#[path = "../../../tests/support/peer/mod.rs"]
mod peer;
mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::{Value, json};
use x11rb::protocol::xproto::Window;

use crate::peer::tinyrpc_http::Client;
use crate::peer::zmq::Zmq;
use crate::support::display::{VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{cut, find_button, text, wait_for};
use crate::support::running::Running;

/// The colours of the answers, and of the banner.
const APPROVE: [u8; 3] = [0x1f, 0x8a, 0x54];
const REFUSE: [u8; 3] = [0x6b, 0x72, 0x80];
const BLUE: [u8; 3] = [0x2f, 0x6f, 0xde];
/// As much of it as only the banner has.
const BANNER: usize = 20_000;
/// Where the first question and its buttons are.
const FIRST: [u32; 4] = [24, 80, 700, 170];

/// The service: with a window, or without.
struct Service {
    process: Child,
    output: BufReader<ChildStdout>,
    zmq: String,
    http: String,
}

impl Service {
    fn start(mut command: Command) -> Self {
        command.arg("window").args(["--zmq", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the program starts");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut address = || {
            let mut line = String::new();
            output.read_line(&mut line).expect("it tells where it listens");
            line.trim().strip_prefix("listening at ").expect("it tells where it listens").to_owned()
        };
        let (zmq, http) = (address(), address());
        Self { process, output, zmq, http }
    }

    /// Waits until it has ended, in order.
    fn end(&mut self) -> String {
        let status = eventually("the program ends", || self.process.try_wait().expect("it is our child"));
        let (mut more, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut more).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!((status.code(), &*more), (Some(0), ""), "{errors}");
        errors
    }

    /// The example's own client, by either transport.
    fn call(address: &str, arguments: &[&str]) -> Running {
        Running::start(Command::new(example("rpc_window")).args(["call", address]).args(arguments))
    }

    fn both(&self) -> [&str; 2] {
        [&self.zmq, &self.http]
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail if it has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn headless() -> Service {
    let mut command = Command::new(example("rpc_window"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    Service::start(command)
}

/// What a call printed.
fn result(running: Running) -> String {
    let output = running.end();
    assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""));
    text(&output.stdout).trim().to_owned()
}

fn complaint(output: &Output, code: i32) -> String {
    assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(code), ""), "{}", text(&output.stderr));
    text(&output.stderr)
}

/// The service in a window.
struct Shown {
    display: VirtualDisplay,
    service: Service,
    window: Window,
}

impl Shown {
    fn start() -> Self {
        let display = VirtualDisplay::start();
        let service = Service::start(display.command(example("rpc_window")));
        let window = display.find_window("rpc_window");
        wait_for(&display, window, BLUE, BANNER);
        Self { display, service, window }
    }

    fn first(&self) -> Option<Vec<Option<[u8; 3]>>> {
        Some(cut(&self.display.screenshot(self.window).ok()?, FIRST))
    }

    /// Where the first question's button of this colour is.
    fn button(&self, color: [u8; 3]) -> (i16, i16) {
        eventually("a question", || {
            let mut picture = self.display.screenshot(self.window).ok()?;
            picture.height = FIRST[3];
            find_button(&picture, color)
        })
    }

    fn answer(&self, color: [u8; 3]) {
        let (x, y) = self.button(color);
        self.display.click(self.window, x, y);
    }

    fn pending(&self) -> u64 {
        result(Service::call(&self.service.zmq, &["pending"])).parse().expect("it is a number")
    }
}

#[test]
fn the_user_answers_calls_of_both_transports() {
    let shown = Shown::start();
    for (address, color, expected) in [
        (&shown.service.zmq, APPROVE, "true"),
        (&shown.service.http, REFUSE, "false"),
        (&shown.service.http, APPROVE, "true"),
        (&shown.service.zmq, REFUSE, "false"),
    ] {
        let asking = Service::call(address, &["approve", r#"["Pay 12 euros for paper?"]"#]);
        shown.button(color);
        // Others are answered meanwhile.
        assert_eq!(result(Service::call(&shown.service.zmq, &["add", "[1, 2]"])), "3");
        assert_eq!(result(Service::call(&shown.service.http, &["add", "[1.5, 2]"])), "3.5");
        assert_eq!(shown.pending(), 1);
        shown.answer(color);
        assert_eq!(result(asking), expected);
    }
}

#[test]
fn tinyrpc_asks_the_user_by_both_transports_at_once() {
    let mut shown = Shown::start();
    let mut zmq = Zmq::start("rpc-client", &shown.service.zmq, &[]);
    zmq.start_call("set_title", json!(["Orders of today"]), false);
    assert_eq!(zmq.outcome(), Ok(Value::Null));
    let mut http = Client::start(&shown.service.http);
    assert_eq!(http.call("add", json!([20, 22])), Ok(json!(42)));
    assert!(zmq.call("subtract", json!([20, 22])).unwrap_err().text.contains("there is no such method"));
    zmq.start_call("approve", json!(["Ship the parcel to Ada?"]), false);
    eventually("the first question", || (shown.pending() == 1).then_some(()));
    http.begin("approve", json!(["Pay 12 euros for paper?"]));
    eventually("the second question", || (shown.pending() == 2).then_some(()));
    shown.button(APPROVE);
    let picture = shown.display.screenshot(shown.window).unwrap().save("rpc_window");
    println!("the questions: {}", picture.display());

    let both = shown.first();
    shown.answer(APPROVE);
    assert_eq!(zmq.outcome(), Ok(json!(true)));
    eventually("the next question", || (shown.first() != both).then_some(()));
    shown.answer(REFUSE);
    assert_eq!(http.outcome(), Ok(json!(false)));

    zmq.start_call("close", json!([]), true); // its client waits for a reply to that, too
    assert_eq!(zmq.outcome(), Ok(Value::Null));
    shown.service.end();
}

#[test]
fn who_asks_is_told_that_the_window_was_closed() {
    let mut shown = Shown::start();
    let asking: Vec<_> = shown
        .service
        .both()
        .into_iter()
        .map(|address| Service::call(address, &["approve", r#"["Is that all?"]"#]))
        .collect();
    eventually("the questions", || (shown.pending() == 2).then_some(()));
    shown.display.close(shown.window);
    for asking in asking {
        let complaint = complaint(&asking.end(), 1);
        assert!(complaint.contains("closed before the question was answered"), "{complaint}");
    }
    assert_eq!(shown.service.end(), "");
}

#[test]
fn a_question_of_an_http_client_that_has_gone_goes_away() {
    let shown = Shown::start();
    let asking = Service::call(&shown.service.http, &["approve", r#"["Is that all?"]"#]);
    shown.button(APPROVE);
    drop(asking); // killed
    eventually("nothing to be left", || (shown.pending() == 0).then_some(()));
}

#[test]
fn without_a_window_it_serves_until_it_is_told_to_close() {
    let mut service = headless();
    for address in service.both() {
        assert_eq!(result(Service::call(address, &["add", "[1, 2]"])), "3");
        assert_eq!(result(Service::call(address, &["set_title", r#"["Hello"]"#])), "null");
        for (method, params, expected) in [
            ("approve", r#"["Is that all?"]"#, "there is nobody to ask"),
            ("approve", "[1]", "invalid type"),
            ("add", r#"[1, "two"]"#, "invalid type"),
            ("subtract", "[1, 2]", "no such method"),
            ("add", "3", "no JSON-RPC 2.0 request"),
        ] {
            let complaint = complaint(&Service::call(address, &[method, params]).end(), 1);
            assert!(complaint.contains(expected), "{method} {params}: {complaint}");
        }
    }
    assert_eq!(result(Service::call(&service.zmq, &["close"])), "null");
    assert!(service.end().contains("no display"));
}

#[test]
fn batches_notifications_and_rubbish_are_answered_as_json_rpc_says() {
    let service = headless();
    let mut req = Zmq::start("req", &service.zmq, &[]);
    let mut reply = |message: &str| -> Vec<u8> {
        req.send(&[message.as_bytes()]);
        req.received().pop().expect("a message has a frame")
    };
    let mut answer =
        |message: &str| -> Value { serde_json::from_slice(&reply(message)).expect("JSON is answered") };
    let error = |id: Value, code: i64, text: &str| json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}});
    let no_request = "this is no JSON-RPC 2.0 request";
    assert_eq!(answer("{no JSON"), error(Value::Null, -32700, "this is no JSON"));
    for message in ["[]", "1", "null", r#"{"id": 1}"#, r#"{"jsonrpc": "1.0", "method": "pending", "id": 1}"#]
    {
        let id = if message.contains("id") { json!(1) } else { Value::Null };
        assert_eq!(answer(message), error(id, -32600, no_request), "{message}");
    }
    let batch = json!([
        {"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": "a"},
        {"jsonrpc": "2.0", "method": "set_title", "params": ["Hello"]},
        1,
        {"jsonrpc": "2.0", "method": "pending", "id": 2},
    ]);
    let mut replies = answer(&batch.to_string());
    let replies = replies.as_array_mut().expect("a batch is answered by a batch");
    replies.sort_by_key(|reply| reply["id"].to_string());
    let expected = [
        json!({"jsonrpc": "2.0", "id": "a", "result": 3}),
        json!({"jsonrpc": "2.0", "id": 2, "result": 0}),
        error(Value::Null, -32600, no_request),
    ];
    assert_eq!(replies[..], expected);
    let notification = r#"{"jsonrpc": "2.0", "method": "set_title", "params": ["Hello"]}"#;
    assert_eq!(reply(notification), b"");
    assert_eq!(reply(&format!("[{notification}, {notification}]")), b"");
    // Each of them has an error, and all together are more than 0MQ is to carry here.
    let many = json!(vec![1; 10_000]).to_string();
    let answered: Value = serde_json::from_slice(&reply(&many)).unwrap();
    assert_eq!(answered, error(Value::Null, -32603, "the reply is too long"));
}

#[test]
fn it_says_what_is_wrong() {
    let service = headless();
    let run = |arguments: &[&str]| Running::start(Command::new(example("rpc_window")).args(arguments)).end();
    let help = run(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("Usage: rpc_window window"));
    for (arguments, code, expected) in [
        (&[][..], 2, "say what to do"),
        (&["dance"], 2, "unknown word"),
        (&["call", "tcp://127.0.0.1:1"], 2, "call wants an address, a method"),
        (&["call", "tcp://127.0.0.1:1", "add", "[1,"], 2, "is no JSON"),
        (&["window", "--port"], 2, "unknown option --port"),
        (&["window", "--zmq"], 2, "--zmq wants an address"),
        (&["call", "smoke signals", "add"], 1, "is no 0MQ address"),
        (&["call", "http://127.0.0.1:1/", "add"], 1, "127.0.0.1:1"),
        (&["window", "--zmq", &service.zmq, "--http", "127.0.0.1:0", "--headless"], 1, "cannot listen"),
    ] {
        let complaint = complaint(&run(arguments), code);
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
}
