//! A real server, started and stopped by the tests on a free port.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use tempfile::TempDir;

use super::LONG;

/// It ends with the test, and with the test's process: its shell then reads the end of its input.
pub struct NatsServer {
    arguments: Vec<String>,
    port: u16,
    process: Option<Running>,
    folder: TempDir,
}

struct Running {
    shell: Child,
    pid: String,
}

const SCRIPT: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
exec 3<&0
nats-server "$@" 2>&1 &
server=$!
echo "pid $server"
cat <&3 >/dev/null
kill -9 $server
wait $server
"#;

impl NatsServer {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With streams, in a folder of its own that outlives a restart.
    pub fn start_with_streams() -> Self {
        Self::start_with(&["-js"])
    }

    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_configured("", arguments)
    }

    /// Starts one with a file of settings.
    pub fn start_configured(settings: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let mut all =
            vec!["-a".into(), "127.0.0.1".into(), "-sd".into(), path("store"), "-c".into(), path("settings")];
        all.extend(arguments.iter().map(ToString::to_string));
        let mut server = Self { arguments: all, port: 0, process: None, folder };
        server.configure(settings);
        server.start_again();
        server
    }

    /// Writes the file of settings; the next start reads it.
    pub fn configure(&self, settings: &str) {
        fs::write(self.folder.path().join("settings"), settings).expect("it can be written");
    }

    /// After a stop: at the same port, with the same streams.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let port = if self.port == 0 { "-1".to_owned() } else { self.port.to_string() };
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh", "-p", &port])
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let output = BufReader::new(shell.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let (mut pid, mut is_ready, mut said) = (String::new(), false, Vec::new());
        while !is_ready || pid.is_empty() {
            let line = lines.recv_timeout(LONG).unwrap_or_else(|error| {
                panic!("nats-server does not start ({error}); is it installed? It said: {said:#?}")
            });
            if let Some(text) = line.strip_prefix("pid ") {
                pid = text.to_owned();
            } else if let Some((_, address)) = line.split_once("Listening for client connections on ") {
                self.port = address.rsplit_once(':').expect("a port").1.parse().expect("a port");
            } else if line.contains("Server is ready") {
                is_ready = true;
            } else if line.contains("not found") {
                panic!("apt-get install nats-server: {line}");
            }
            said.push(line);
        }
        self.process = Some(Running { shell, pid });
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.process.take() {
            drop(running.shell.stdin.take());
            running.shell.wait().expect("it is our child");
        }
    }

    /// Sends it a signal, `STOP` say.
    pub fn signal(&self, name: &str) {
        let pid = &self.process.as_ref().expect("it runs").pid;
        let status =
            Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().expect("a shell");
        assert!(status.success());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
