//! A vote among programs that may be anywhere: a group instructs its members, each on a channel of their own, and observes what they
//! publish. These are the two patterns of a bus; together they make the voting system.
//!
//! ```text
//! cargo run --features zmq --example vote     a group and three members, each a process of its own, on this machine
//!
//! cd target/debug/examples                    or on several machines, where HOST is the group's:
//! ./vote group "Tea or coffee?" --publishers "tcp://*:5556" --subscribers "tcp://*:5555" --seconds 60 ann bob eve
//! ./vote member ann tea --publishers tcp://HOST:5556 --subscribers tcp://HOST:5555
//! ```
//!
//! What to look for:
//!
//! - A member who comes late misses what was published before: so the group repeats its question until all have voted, or the time
//!   is over, and the result until those who voted say that they have heard it. A bus is at most once; who needs more says so in
//!   the messages.
//! - `Group` knows nothing of sockets and threads: it is called for each vote, in the thread that owns it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::error::Error;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use foreground::pubsub::{Bus, Forwarder, Publisher};
use foreground::{MessageRouter, RouteUntilError};
use serde::{Deserialize, Serialize};

/// From the group to a member, on the member's channel.
#[derive(Deserialize, Serialize)]
enum Instruction {
    Vote { question: String },
    Result { lines: Vec<String> },
}

/// From a member to the group, on the channel `vote.NAME`.
#[derive(Deserialize, Serialize)]
enum Said {
    Vote { answer: String },
    Heard,
}

const USAGE: &str = "\
vote                                             a group and three members on this machine
vote group QUESTION NAME.. --publishers ADDRESS --subscribers ADDRESS --seconds N
vote member NAME ANSWER --publishers ADDRESS --subscribers ADDRESS";

const REPEAT: Duration = Duration::from_millis(250);
/// How long the group repeats the result for members that do not say that they have heard it.
const FAREWELL: Duration = Duration::from_secs(5);
const NO_DELAY: Duration = Duration::ZERO;

struct Group {
    members: Vec<String>,
    votes: BTreeMap<String, String>,
    /// Who has voted, and has heard the result.
    heard: BTreeSet<String>,
}

impl Group {
    fn new(members: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let members = members.into_iter().map(Into::into).collect();
        Self { members, votes: BTreeMap::new(), heard: BTreeSet::new() }
    }

    /// Who has voted has voted.
    fn take(&mut self, member: &str, said: Said) {
        match said {
            Said::Vote { answer } if self.members.iter().any(|known| known == member) => {
                self.votes.entry(member.into()).or_insert(answer);
            }
            Said::Heard if self.votes.contains_key(member) => drop(self.heard.insert(member.into())),
            _ => {}
        }
    }

    fn is_complete(&self) -> bool {
        self.votes.len() == self.members.len()
    }

    fn missing(&self) -> Vec<&String> {
        self.members.iter().filter(|member| !self.votes.contains_key(*member)).collect()
    }

    fn result(&self) -> Vec<String> {
        let mut counts = BTreeMap::<_, usize>::new();
        self.votes.values().for_each(|answer| *counts.entry(answer).or_default() += 1);
        let mut lines: Vec<_> = counts.iter().map(|(answer, count)| format!("{answer}: {count}")).collect();
        lines.extend(self.missing().iter().map(|member| format!("{member} has not voted")));
        lines
    }

    /// Asks until all have voted or the time is over, and tells everybody the result.
    fn vote(mut self, forwarder: &Forwarder, question: &str, time: Duration) -> Result<(), Box<dyn Error>> {
        let router: MessageRouter<Self> = MessageRouter::new(|| {});
        router.start()?;
        let publisher =
            Bus::new(forwarder.publishers_address())?.start_delay(NO_DELAY).connected_publisher()?;
        let observed: Vec<_> = self.members.iter().map(|member| format!("vote.{member}")).collect();
        let subscriber = Bus::new(forwarder.subscribers_address())?.subscriber(observed)?.exact();
        let _serving = subscriber.deliver_to(&router, |group: &mut Self, channel, said: Said| {
            if let Some(member) = channel.strip_prefix("vote.") {
                group.take(member, said);
            }
        })?;

        let end = Instant::now() + time;
        while !self.is_complete() && Instant::now() < end {
            publisher.put(self.missing(), &Instruction::Vote { question: question.into() })?;
            wait(&router, &mut self, Self::is_complete)?;
        }
        let lines = self.result();
        lines.iter().for_each(|line| println!("{line}"));
        let end = Instant::now() + FAREWELL;
        let all_have_heard = |group: &Self| group.heard.len() == group.votes.len();
        while !all_have_heard(&self) && Instant::now() < end {
            publisher.put(&self.members, &Instruction::Result { lines: lines.clone() })?;
            wait(&router, &mut self, all_have_heard)?;
        }
        Ok(())
    }
}

/// Routes until it is so, or until it is time to repeat.
fn wait(
    router: &MessageRouter<Group>,
    group: &mut Group,
    is_so: impl Fn(&Group) -> bool,
) -> Result<(), RouteUntilError> {
    match router.route_until(group, |group| is_so(group), REPEAT) {
        Err(RouteUntilError::Timeout) => Ok(()),
        other => other,
    }
}

fn member(name: &str, answer: &str, publishers: &str, subscribers: &str) -> Result<(), Box<dyn Error>> {
    let publisher = Bus::new(publishers)?.start_delay(NO_DELAY).connected_publisher()?;
    let instructions = Bus::new(subscribers)?.subscriber(name)?.exact();
    for instruction in instructions.iter() {
        match instruction?.1 {
            Instruction::Vote { question } => vote(&publisher, name, &question, answer)?,
            Instruction::Result { lines } => {
                println!("{name} hears: {}", lines.join(", "));
                publisher.put(format!("vote.{name}"), &Said::Heard)?;
                publisher.stop(Duration::from_secs(1));
                return Ok(());
            }
        }
    }
    Err("the bus is closed".into())
}

fn vote(publisher: &Publisher, name: &str, question: &str, answer: &str) -> Result<(), Box<dyn Error>> {
    println!("{name} is asked: {question}");
    Ok(publisher.put(format!("vote.{name}"), &Said::Vote { answer: answer.into() })?)
}

/// The members as child processes.
struct Members(Vec<Child>);

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.0 {
            // It may have ended by itself.
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

fn demo() -> Result<(), Box<dyn Error>> {
    let forwarder = Bus::new("tcp://127.0.0.1:0")?.forwarder("tcp://127.0.0.1:0")?;
    let addresses = [
        "--publishers".to_owned(),
        forwarder.publishers_address(),
        "--subscribers".to_owned(),
        forwarder.subscribers_address(),
    ];
    let votes = [("ann", "tea"), ("bob", "coffee"), ("eve", "tea")];
    let mut members = Members(Vec::new());
    for (name, answer) in votes {
        let mut command = Command::new(env::current_exe()?);
        members.0.push(command.args(["member", name, answer]).args(&addresses).spawn()?);
    }
    let group = Group::new(votes.map(|(name, _)| name));
    group.vote(&forwarder, "Tea or coffee?", Duration::from_secs(30))?;
    for member in &mut members.0 {
        let status = member.wait()?;
        if !status.success() {
            return Err(format!("a member failed: {status}").into());
        }
    }
    Ok(())
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut words, mut options) = (Vec::new(), BTreeMap::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some("help") => {
                println!("{USAGE}");
                return Ok(());
            }
            Some(option) => {
                let value = arguments.next().ok_or_else(|| format!("--{option} needs a value"))?;
                options.insert(option.to_owned(), value);
            }
            None => words.push(argument),
        }
    }
    let option = |name: &str| options.get(name).ok_or_else(|| format!("--{name} is missing"));
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demo(),
        ["member", name, answer] => member(name, answer, option("publishers")?, option("subscribers")?),
        ["group", question, ref members @ ..] => {
            let forwarder = Bus::new(option("subscribers")?)?.forwarder(option("publishers")?)?;
            let time = Duration::from_secs(option("seconds")?.parse()?);
            Group::new(members.iter().copied()).vote(&forwarder, question, time)
        }
        _ => Err("say `group QUESTION NAME..`, `member NAME ANSWER`, or nothing".into()),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vote: {error}");
            ExitCode::FAILURE
        }
    }
}
