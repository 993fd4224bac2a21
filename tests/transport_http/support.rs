//! What the tests have in common.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use foreground::transport::http::{Options, Server};
use foreground::transport::{Context, ServerTransport};

/// Whoever lets a test wait longer fails it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server whose messages are answered on a thread of its own, until it is dropped.
pub(crate) struct Answering {
    pub(crate) server: Server,
    thread: Option<JoinHandle<()>>,
}

impl Answering {
    /// Sends every message back.
    pub(crate) fn echo(options: &Options) -> Self {
        Self::with(options, |context, message| {
            let _ = context.reply(message);
        })
    }

    pub(crate) fn with(options: &Options, mut answer: impl FnMut(Context, Vec<u8>) + Send + 'static) -> Self {
        let server = options.bind("127.0.0.1:0").unwrap();
        let thread = thread::spawn({
            let server = server.clone();
            move || {
                while let Ok((context, message)) = server.receive_message() {
                    answer(context, message);
                }
            }
        });
        Self { server, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        url(&self.server)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.server.close();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the answering thread panicked");
        }
    }
}

pub(crate) fn url(server: &Server) -> String {
    format!("http://{}/", server.local_address())
}

/// A client that says exactly what it is told to.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.local_address().to_string()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn say(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.0.write_all(text.as_ref()).unwrap();
        self
    }

    /// Says it, if the server still listens.
    pub(crate) fn try_say(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.0.write_all(text.as_ref()).is_ok()
    }

    /// Reads one answer, which tells its length.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            let read = self.0.read(&mut byte).unwrap();
            assert_eq!(read, 1, "the server closed after {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let mut answer = Answer { head: String::from_utf8(head).unwrap(), body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).unwrap();
        answer
    }

    /// Reads until the server closes; a reset counts as that.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server does not close: {error}"),
        }
        bytes
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A POST of this body.
pub(crate) fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut text = format!(
        "POST /any/path?at=all HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    text.extend_from_slice(body);
    text
}

/// Waits until it holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < end, "still not so: {what}");
        thread::yield_now();
    }
}

/// As many threads as there are of `work`, all at once.
#[allow(dead_code)]
pub(crate) fn together(threads: usize, work: impl Fn(usize) + Send + Sync + 'static) {
    let work = Arc::new(work);
    let threads: Vec<_> = (0..threads)
        .map(|number| {
            let work = work.clone();
            thread::spawn(move || work(number))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
