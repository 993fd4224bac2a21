//! Counts the instructions of a send and of a dispatched message under callgrind, and compares them with those
//! that were recorded. Noise does not touch them: a change is the code's, or the compiler's.
//!
//! `benches/instructions` builds and starts this; see there for the options.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use foreground::{Budget, MessageRouter, StartedSender};

/// A message costs the difference of two runs, of which one has twice as many: what both do once cancels out.
const MESSAGES: u64 = 100_000;

/// A rise beyond this share fails.
const TOLERANCE: f64 = 0.05;

/// What is counted: a name, the function whose instructions count, the bytes of a message, and the pipes that
/// take turns.
const FIGURES: &[(&str, &str, usize, usize)] = &[
    ("send_24", "send_all", 24, 1),
    ("send_256", "send_all", 256, 1),
    ("send_24_of_1000_pipes", "send_all", 24, 1000),
    ("dispatch_24", "dispatch_all", 24, 1),
    ("dispatch_256", "dispatch_all", 256, 1),
    ("dispatch_24_of_1000_pipes", "dispatch_all", 24, 1000),
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<ExitCode> {
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["run", bytes, pipes, messages] => {
            run(bytes.parse()?, pipes.parse()?, messages.parse()?);
            Ok(ExitCode::SUCCESS)
        }
        ["compare", file, compiler] => compare(Path::new(file), compiler),
        ["record", file, compiler] => record(Path::new(file), compiler),
        _ => Err("start this by benches/instructions".into()),
    }
}

/// The program under callgrind.
fn run(bytes: usize, pipes: usize, messages: u64) {
    match bytes {
        24 => send_and_dispatch::<3>(pipes, messages),
        256 => send_and_dispatch::<32>(pipes, messages),
        _ => panic!("there is no message of {bytes} bytes"),
    }
}

fn send_and_dispatch<const WORDS: usize>(pipes: usize, messages: u64) {
    // Long, for callgrind makes everything slow, and the router reads the clock more often when callbacks are.
    let budget = Budget::new(Duration::from_secs(3600), Budget::default().messages());
    let router = MessageRouter::builder().budget(budget).build(|| {});
    router.start().expect("it was not started");
    let open = |_| {
        let (sender, receiver) = router.pipe().expect("the router runs");
        receiver.on_message(|sum: &mut u64, message: [u64; WORDS]| *sum += message[0]);
        receiver.detach();
        sender.start()
    };
    let senders: Vec<_> = (0..pipes).map(open).collect();
    send_all(&senders, messages);
    assert_eq!(dispatch_all(&router), messages * (messages + 1) / 2);
}

#[inline(never)]
fn send_all<const WORDS: usize>(senders: &[StartedSender<[u64; WORDS]>], messages: u64) {
    let senders = senders.iter().cycle();
    (1..=messages).zip(senders).for_each(|(n, sender)| sender.send([n; WORDS]).expect("the pipe is open"));
}

#[inline(never)]
fn dispatch_all(router: &MessageRouter<u64>) -> u64 {
    let mut sum = 0;
    while router.dispatch(&mut sum).has_more {
        router.settle();
    }
    router.settle();
    sum
}

type Counts = BTreeMap<&'static str, f64>;

fn count_all() -> Result<Counts> {
    let count = |&(name, function, bytes, pipes)| {
        let once = count(function, bytes, pipes, MESSAGES)?;
        let twice = count(function, bytes, pipes, 2 * MESSAGES)?;
        Ok((name, (twice - once) as f64 / MESSAGES as f64))
    };
    FIGURES.iter().map(count).collect()
}

/// The instructions that a function and all that it calls take in one run.
fn count(function: &str, bytes: usize, pipes: usize, messages: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*instructions*{function}*"))
        // callgrind counts a `rep stosb` once for each byte, which it is not: have the C library clear memory by
        // ordinary stores.
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000",
        )
        .arg(env::current_exe()?)
        .args(["run", &bytes.to_string(), &pipes.to_string(), &messages.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match collected.filter(|&count| count > 0 && output.status.success()) {
        Some(count) => Ok(count),
        None => Err(format!("valgrind counted nothing:\n{said}").into()),
    }
}

fn record(file: &Path, compiler: &str) -> Result<ExitCode> {
    let counts = count_all()?;
    let mut text = format!("{{\n  \"compiler\": \"{compiler}\"");
    for &(name, ..) in FIGURES {
        write!(text, ",\n  \"{name}\": {:.1}", counts[name])?;
    }
    text.push_str("\n}\n");
    fs::write(file, &text)?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn compare(file: &Path, compiler: &str) -> Result<ExitCode> {
    let text = fs::read_to_string(file)?;
    let recorded: BTreeMap<_, _> = text.lines().filter_map(entry).collect();
    let recorded_compiler = recorded.get("compiler").copied().unwrap_or("none");
    let counts = count_all()?;
    let mut rises = false;
    println!("{:<28}{:>10}{:>10}", "instructions a message", "recorded", "now");
    for &(name, ..) in FIGURES {
        let before: f64 = recorded.get(name).and_then(|count| count.parse().ok()).unwrap_or(0.0);
        let now = counts[name];
        let rise = now / before - 1.0;
        rises |= rise > TOLERANCE;
        println!("{name:<28}{before:>10.1}{now:>10.1}{:>+8.1} %", 100.0 * rise);
    }
    let how = "benches/instructions --record";
    if compiler != recorded_compiler {
        println!(
            "Only reported: this is {compiler}, and the record was made with {recorded_compiler}. Anew: {how}"
        );
    } else if rises {
        let most = 100.0 * TOLERANCE;
        println!(
            "A message takes over {most} % more instructions than were recorded. If that is intended: {how}"
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The key and the value of a line of the record, which has one entry a line.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let marks = ['"', ' ', ','];
    Some((key.trim_matches(marks), value.trim_matches(marks)))
}
