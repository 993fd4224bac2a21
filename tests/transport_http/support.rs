//! What the tests have in common.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
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

/// Reads the head of a request.
pub(crate) fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    head
}

/// A server that gives each request the next of its answers, as it stands, and tells what it was asked.
pub(crate) struct Script {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
    asked: Arc<AtomicUsize>,
}

impl Script {
    pub(crate) fn new(answers: &[&str]) -> Self {
        Self::start(answers.iter().map(|answer| (*answer).to_owned()).collect(), false)
    }

    /// Has one answer, and then sends a byte now and then for ever.
    pub(crate) fn trickling(answer: &str) -> Self {
        Self::start(vec![answer.to_owned()], true)
    }

    fn start(answers: Vec<String>, trickles: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            while answers.len() > 0 {
                let Ok((mut stream, _)) = listener.accept() else { return };
                // One connection after the other, each until its client closes it or the answer does.
                while let Some(request) = read_request(&mut stream) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _ = sender.send(request);
                    let Some(answer) = answers.next() else { return };
                    let _ = stream.write_all(answer.as_bytes());
                    while trickles && stream.write_all(b"x").is_ok() {
                        thread::sleep(Duration::from_millis(10));
                    }
                    let is_whole = answer.contains("Content-Length") && !answer.contains("half");
                    if !is_whole || answers.len() == 0 {
                        break;
                    }
                }
            }
        });
        Self { address, requests, asked }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, whole.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).expect("a request comes")
    }

    /// How many came.
    pub(crate) fn requests(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let head = String::from_utf8(read_head(stream)).ok().filter(|head| !head.is_empty())?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}
