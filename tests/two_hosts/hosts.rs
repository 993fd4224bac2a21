//! Two hosts on one machine: processes in network namespaces of their own, with a cable between them that can be cut.
//!
//! Each is the test's own binary, told by an environment variable which host it is. The near one makes the far one, and
//! the cable; they go with their processes.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Which host of which test this process is: `near` or `far`, and the test's name.
const HOST: &str = "FOREGROUND_TEST_HOST";
/// Set by `tests/run` where the machine allows no namespaces, after it has said so.
const WITHOUT: &str = "FOREGROUND_WITHOUT_NAMESPACES";

/// The near host's address on the cable.
pub const NEAR: &str = "10.77.0.1";
const FAR: &str = "10.77.0.2";

/// No host takes longer.
const TIME_LIMIT: Duration = Duration::from_secs(90);

/// Runs `near` and `far` on two hosts.
///
/// # Panics
/// If either panics, or takes too long, or the machine allows no namespaces and nobody said that this is known.
pub fn on_two_hosts(test: &str, near: impl FnOnce(&mut Far), far: impl FnOnce(&mut Near)) {
    match env::var(HOST).ok().as_deref().and_then(|host| host.strip_suffix(test)) {
        Some("near ") => near(&mut Far::make(test)),
        Some("far ") => far(&mut Near::meet()),
        _ if env::var_os(WITHOUT).is_some() => {
            eprintln!("not run: this machine allows no network namespaces");
        }
        _ => run_near(test),
    }
}

fn this_test(test: &str, host: &str) -> Command {
    // A user who is not root is one in a namespace of users.
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--net").arg(env::current_exe().expect("the test has a binary"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(HOST, format!("{host} {test}"));
    command
}

fn run_near(test: &str) {
    // A group of its own: what is left of it when it ends can be ended too.
    let mut near = this_test(test, "near").process_group(0).spawn().expect("unshare, of util-linux");
    let end = Instant::now() + TIME_LIMIT;
    let status = loop {
        match near.try_wait().expect("a child") {
            Some(status) => break status,
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            None => {
                let group = rustix::process::Pid::from_child(&near);
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                panic!("the hosts took longer than {TIME_LIMIT:?}");
            }
        }
    };
    assert!(
        status.success(),
        "the hosts failed, see above. If this machine allows no network namespaces, set {WITHOUT}=1"
    );
}

fn run(command: &str) {
    let mut words = command.split_whitespace();
    let status = Command::new(words.next().expect("a program")).args(words).status();
    let status = status.unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(status.success(), "{command}: {status}");
}

/// The far host, as the near one sees it.
pub struct Far {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What a host says stands behind this, as the test harness prints too.
const MARK: &str = "[host] ";

impl Far {
    fn make(test: &str) -> Self {
        run("ip link set lo up");
        run("ip link add near type veth peer name far");
        let mut process = this_test(test, "far")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux");
        let input = process.stdin.take().expect("it is piped");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut far = Self { process, input, output };
        assert_eq!(far.hear::<String>(), "I am there");
        run(&format!("ip link set far netns {}", far.process.id()));
        run(&format!("ip address add {NEAR}/24 dev near"));
        run("ip link set near up");
        far.tell("the cable is there");
        assert_eq!(far.hear::<String>(), "it is plugged in");
        far
    }

    /// Cuts the cable: what is sent is lost, and nobody is told.
    pub fn cut(&self) {
        run("ip link set near down");
    }

    /// Mends the cable.
    pub fn mend(&self) {
        run("ip link set near up");
    }

    /// Says something to the far host, not by the cable.
    pub fn tell(&mut self, what: impl ToString) {
        writeln!(self.input, "{}", what.to_string()).expect("the far host listens");
    }

    /// Waits for what the far host says.
    pub fn hear<T: FromStr>(&mut self) -> T {
        hear(&mut self.output)
    }

    /// Waits for the far host's end.
    pub fn finish(&mut self) {
        // The rest is the harness's.
        let mut line = String::new();
        while self.output.read_line(&mut line).is_ok_and(|read| read > 0) {}
        let status = self.process.wait().expect("a child");
        assert!(status.success(), "the far host failed: {line}");
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The near host, as the far one sees it.
pub struct Near(());

impl Near {
    fn meet() -> Self {
        let mut near = Self(());
        near.tell("I am there");
        assert_eq!(near.hear::<String>(), "the cable is there");
        run("ip link set lo up");
        run(&format!("ip address add {FAR}/24 dev far"));
        run("ip link set far up");
        near.tell("it is plugged in");
        near
    }

    /// Says something to the near host, not by the cable.
    pub fn tell(&mut self, what: impl ToString) {
        println!("{MARK}{}", what.to_string());
    }

    /// Waits for what the near host says.
    pub fn hear<T: FromStr>(&mut self) -> T {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).expect("a line");
        parse(line.trim_end())
    }
}

fn hear<T: FromStr>(output: &mut impl BufRead) -> T {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(output.read_line(&mut line).expect("text") > 0, "the far host ended");
        if let Some((_, said)) = line.trim_end().split_once(MARK) {
            return parse(said);
        }
    }
}

fn parse<T: FromStr>(said: &str) -> T {
    said.parse().unwrap_or_else(|_| panic!("{said:?} was not expected"))
}
