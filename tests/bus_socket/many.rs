//! Many connections: what each costs, and that nothing is left of them. In processes of their own, as all of a process is
//! counted.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use foreground::bus::socket::{Message, Options};

use crate::common::{address, client, echo, eventually, listen, outcome, pair};

/// Says to the test's own binary that it is the child.
const CHILD: &str = "FOREGROUND_BUS_CHILD";

/// Runs a test's body in a process of its own.
fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        // What is freed goes back to the system at once, and threads share their memory.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{test} is the test's name");
}

/// Where the process is to connect to that holds connections.
const HOLD: &str = "FOREGROUND_BUS_HOLD";

/// Connections that another process holds, and that neither sends nor reads anything.
struct Held(Child);

impl Held {
    fn connect(test: &str, path: &Path) -> Self {
        let mut holder = Command::new(std::env::current_exe().unwrap());
        holder.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1").env(HOLD, path);
        Self(holder.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// The other process, until its input ends.
    fn hold(path: &Path, connections: usize) {
        let held: Vec<_> = (0..connections).map(|_| UnixStream::connect(path).unwrap()).collect();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        drop(held);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Lets this process have so many descriptors.
fn raise_descriptor_limit(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    assert!(
        maximum.is_none_or(|maximum| maximum >= wanted),
        "please raise the hard limit: ulimit -Hn {wanted}"
    );
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).unwrap();
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn status(key: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Resident memory, in bytes.
fn memory() -> usize {
    status("VmRSS:") * 1024
}

#[test]
fn ten_thousand_idle_connections_cost_at_most_10_kib_each() {
    const CONNECTIONS: usize = 10_000;
    const TEST: &str = "many::ten_thousand_idle_connections_cost_at_most_10_kib_each";
    alone(TEST, || {
        raise_descriptor_limit(CONNECTIONS as u64 + 100);
        if let Some(path) = std::env::var_os(HOLD) {
            return Held::hold(path.as_ref(), CONNECTIONS);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        let server = listen(&Options::new(), path.to_str().unwrap());
        let client = client(&Options::new(), address(&server));
        echo(server.clone());
        outcome(client.send_request("warm".into()).unwrap()).unwrap();
        let before = (memory(), status("Threads:"));
        let idle = Held::connect(TEST, &path);
        eventually("all are taken", || descriptors() >= CONNECTIONS);
        let each = (memory() - before.0) / CONNECTIONS;
        println!("{each} bytes each");
        assert!(each <= 10 * 1024, "{each} bytes each");
        assert_eq!(status("Threads:"), before.1);
        // They delay nobody.
        for n in 0..100_u8 {
            assert_eq!(outcome(client.send_request(vec![n].into()).unwrap()).unwrap().body, [n]);
        }
        drop(idle);
        eventually("all are let go", || descriptors() < 50);
    });
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    alone("many::ten_thousand_connections_leave_nothing_behind", || {
        let (client, server) = pair();
        let address = address(&server).to_string();
        echo(server.clone());
        let round = |times: usize| {
            for n in 0..times {
                // Answered, given up, and come for nothing.
                outcome(client.send_request(Message::new(vec![0; n % 5000])).unwrap()).unwrap();
                drop(client.send_request(Message::new(vec![0; n % 5000])).unwrap());
                drop(TcpStream::connect(&address).unwrap());
            }
            eventually("all is done", || server.under_way() == 0);
        };
        round(300);
        eventually("the connections are closed", || descriptors() < 40);
        let before = (memory(), descriptors(), status("Threads:"));
        round(3_400);
        eventually("the descriptors are given back", || descriptors() <= before.1 + 4);
        assert_eq!(status("Threads:"), before.2);
        let grown = memory().saturating_sub(before.0);
        assert!(grown < 2_000_000, "{grown} bytes more");
    });
}

#[test]
fn many_clients_at_once_are_all_answered() {
    let (client, server) = pair();
    (0..4).for_each(|_| echo(server.clone()));
    let askers: Vec<_> = (0..50_u8)
        .map(|asker| {
            let client = client.clone();
            thread::spawn(move || {
                let pending: Vec<_> =
                    (0..20_u8).map(|n| client.send_request(vec![asker, n].into()).unwrap()).collect();
                for (n, pending) in (0..).zip(pending) {
                    assert_eq!(outcome(pending).unwrap().body, [asker, n]);
                }
            })
        })
        .collect();
    askers.into_iter().for_each(|asker| asker.join().unwrap());
}

#[test]
fn the_io_thread_ends_with_the_last_connection() {
    alone("many::the_io_thread_ends_with_the_last_connection", || {
        let io_threads = || {
            fs::read_dir("/proc/self/task")
                .unwrap()
                .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
                .filter(|name| name.trim() == "foreground-io")
                .count()
        };
        for _ in 0..3 {
            let (client, server) = pair();
            let pending = client.send_request("?".into()).unwrap();
            server.recv_request().unwrap().0.send_response("!".into()).unwrap();
            outcome(pending).unwrap();
            assert_eq!(io_threads(), 1);
            drop((client, server));
            eventually("it has ended", || io_threads() == 0);
        }
    });
}
