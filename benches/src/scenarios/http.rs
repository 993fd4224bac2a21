//! Requests by HTTP, on connections that are kept if the server does. One client asks all servers, so only what they cost differs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use foreground::transport::{ServerTransport, http};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, server, service};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::{Figure, Size};

/// How many connections ask at once.
const CONNECTIONS: u64 = 8;

const WARM_UP: u64 = 50;

const BODY: &str = r#"{"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": 1}"#;

/// Asks from several connections, and says what one request takes of the time.
fn ask(address: SocketAddr, requests: u64) -> Figure {
    let each = requests / CONNECTIONS;
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| Client::new(address)).collect();
    clients.iter_mut().for_each(|client| (0..WARM_UP).for_each(|_| client.ask()));
    let start = Instant::now();
    thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| (0..each).for_each(|_| client.ask()));
        }
    });
    Figure::time_of_each(start.elapsed(), each * CONNECTIONS)
}

/// A client by hand, which keeps its connection as long as the server does.
struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    request: String,
    line: String,
    body: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
        let body = vec![0; BODY.len()];
        Self { address, stream: connect(address), request, line: String::new(), body }
    }

    fn ask(&mut self) {
        self.stream.get_mut().write_all(self.request.as_bytes()).expect("the server is there");
        let mut length = None;
        let mut is_last = false;
        loop {
            self.line.clear();
            assert!(self.stream.read_line(&mut self.line).expect("a head") > 0, "the server has gone");
            let Some((name, value)) = self.line.trim_end().split_once(':') else {
                match self.line.trim_end() {
                    "" => break,
                    status => assert!(status.ends_with(" 200 OK"), "{status}"),
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
            is_last |= name.eq_ignore_ascii_case("connection") && value.trim() == "close";
        }
        assert_eq!(length, Some(BODY.len()));
        self.stream.read_exact(&mut self.body).expect("a body");
        assert_eq!(self.body, BODY.as_bytes());
        if is_last {
            self.stream = connect(self.address);
        }
    }
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("it is open");
    BufReader::new(stream)
}

fn requests(size: &Size) -> u64 {
    size.calls / 4
}

/// A server whose messages a thread answers.
pub fn served(size: &Size) -> Figure {
    let server = http::Server::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_address().to_string().parse().expect("a number and a port");
    let serving = {
        let server = server.clone();
        thread::spawn(move || {
            while let Ok((context, message)) = server.receive_message() {
                context.reply(message).expect("the client is there");
            }
        })
    };
    let figure = ask(address, requests(size));
    server.close();
    serving.join().expect("the server ends");
    figure
}

/// hyper on a thread, which answers there itself.
pub fn plain(size: &Size) -> Figure {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    listener.set_nonblocking(true).expect("it is open");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is open");
            tokio::select! {
                () = accept(listener) => {}
                _ = stopped => {}
            }
        });
    });
    let figure = ask(address, requests(size));
    stop.send(()).expect("it runs");
    serving.join().expect("the server ends");
    figure
}

async fn accept(listener: tokio::net::TcpListener) {
    let mut builder = server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("it is open");
        let connection = builder.serve_connection(TokioIo::new(stream), service::service_fn(echo));
        tokio::spawn(async move {
            // The client has gone.
            let _ = connection.await;
        });
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let response = Response::builder().header("Content-Type", "application/json").body(Full::new(body));
    Ok(response.expect("it is well-formed"))
}

/// Where the interpreter of Python is that has the original, if there is one; `run` says so.
const PYTHON: &str = "FOREGROUND_TEST_PYTHON";

/// What the original's transport runs on: werkzeug, with a thread for each connection.
pub fn werkzeug(size: &Size) -> Figure {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/werkzeug_bench.py");
    let python = std::env::var_os(PYTHON).expect("it is looked at before");
    let mut server = Ended(
        Command::new(python)
            .arg(script)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("Python starts"),
    );
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
    ask(line.trim().parse().expect("an address"), (requests(size) / 40).max(CONNECTIONS * 20))
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
