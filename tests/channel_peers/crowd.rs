//! Ten thousand connections at once, most of them idle: what each costs the server, and that it answers all.
//!
//! Server and client are processes of their own, as each of them needs ten thousand descriptors.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use foreground::channel::Value;

use crate::alone::{resident, threads};
use crate::raw::{Raw, request};
use crate::support::Setting;

each_setting!(costs_little_and_is_answered);

const CONNECTIONS: usize = 10_000;
/// Those of the connections, and some for the rest.
const DESCRIPTORS: u64 = CONNECTIONS as u64 + 500;
/// The most that a connection may cost the server, in bytes.
const COST: usize = 10 * 1024;

/// What a child is to play, and where the server listens.
const ROLE: &str = "FOREGROUND_CHANNEL_CROWD";
/// What sets a child's lines apart from those of the test harness.
const MARK: &str = "[crowd] ";

fn costs_little_and_is_answered(setting: Setting) {
    match env::var(ROLE).ok().as_deref() {
        None => drive(setting),
        Some("server") => serve(setting),
        Some(address) => connect(setting, address),
    }
}

fn drive(setting: Setting) {
    let hard = Command::new("sh").args(["-c", "ulimit -Hn"]).output().expect("a shell runs").stdout;
    let hard = String::from_utf8_lossy(&hard).trim().to_owned();
    assert!(
        hard == "unlimited" || hard.parse::<u64>().is_ok_and(|hard| hard >= DESCRIPTORS),
        "this test needs {DESCRIPTORS} descriptors in a process, and the hard limit is {hard}; please raise it \
         (ulimit -Hn)"
    );
    let mut server = Role::start(setting, "server");
    let address = server.line();
    let mut client = Role::start(setting, &address);
    assert_eq!(client.line(), CONNECTIONS.to_string(), "connected");
    let [before, idle] = server.ask("measure");
    let cost = idle.saturating_sub(before) / CONNECTIONS;
    println!("an idle connection costs the server {cost} bytes");
    assert!(cost <= COST, "an idle connection costs the server {cost} bytes");
    let [answered] = client.ask("all");
    assert_eq!(answered, CONNECTIONS);
    let [_, busy] = server.ask("measure");
    let cost = busy.saturating_sub(before) / CONNECTIONS;
    println!("after an answer it is {cost} bytes");
    assert!(cost <= COST, "a connection on which something was answered costs the server {cost} bytes");
}

/// A process that plays a role, and writes lines when it is told to.
struct Role {
    child: Child,
    told: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Role {
    fn start(setting: Setting, role: &str) -> Self {
        let test = format!("{}::costs_little_and_is_answered::{}", module_path!(), setting.name());
        let test = test.split_once("::").expect("the crate's name comes first").1;
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -Sn {DESCRIPTORS} && exec \"$0\" \"$@\"")])
            .arg(env::current_exe().expect("the test has a binary"))
            .args([test, "--exact", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell runs");
        let told = child.stdin.take().expect("it is piped");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, told, lines }
    }

    /// The next line that is meant for us.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).expect("it writes text");
            assert_ne!(length, 0, "it ended too early");
            if let Some((_, said)) = line.split_once(MARK) {
                return said.trim_end().to_owned();
            }
        }
    }

    fn ask<const N: usize>(&mut self, command: &str) -> [usize; N] {
        writeln!(self.told, "{command}").expect("it listens");
        let line = self.line();
        let numbers: Vec<_> = line.split(' ').map(|number| number.parse().expect("it is a number")).collect();
        numbers.try_into().expect("it says as much as it was asked")
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // Both fail if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(line: &str) {
    println!("{MARK}{line}");
}

/// The lines that the test tells this process; they end with the test.
fn commands() -> impl Iterator<Item = String> {
    std::io::stdin().lines().map_while(Result::ok)
}

fn serve(setting: Setting) {
    let (listener, place) = setting.listen();
    let requests = listener.requests();
    let address = place.address.clone();
    thread::spawn(move || {
        while let Ok(request) = requests.recv() {
            let content: Value = request.content().unwrap();
            request.reply(&content).unwrap();
        }
    });
    // All that is needed once is there then.
    let first = setting.options().connect(&address).unwrap();
    assert_eq!(first.call::<u32>(&1).unwrap(), 1);
    let before = resident();
    let many = threads().len();
    say(&address);
    for _ in commands() {
        assert_eq!(threads().len(), many, "connections need no threads");
        say(&format!("{before} {}", resident()));
    }
}

fn connect(setting: Setting, address: &str) {
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| Raw::connect(setting, address)).collect();
    // The last is answered when all have been accepted, as they come in order.
    let last = peers.last_mut().expect("there are some");
    last.send(&request(0, "are you there?"));
    last.message().expect("it is");
    say(&peers.len().to_string());
    for _ in commands() {
        // Some one by one, and then all at once.
        for peer in peers.iter_mut().step_by(101) {
            peer.send(&request("one", 1));
            assert_eq!(peer.message().expect("it is answered"), [1.into(), "one".into(), 1.into()]);
        }
        peers.iter_mut().enumerate().for_each(|(n, peer)| peer.send(&request(n as i64, "hello")));
        let answered = peers.iter_mut().enumerate().filter_map(|(n, peer)| {
            peer.message().filter(|message| message[..] == [1.into(), Value::from(n as i64), "hello".into()])
        });
        say(&answered.count().to_string());
    }
}
