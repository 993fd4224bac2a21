//! The side that asks. One thread reads and sends; the replies come to the foreground, in whichever order.

use std::error::Error;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;
use std::thread;

use foreground::channel::{Channel, PendingReply, ReplyError, SendError};
use foreground::{MessageRouter, StartedSender};

use crate::ask::{Answer, Ask, shown};
use crate::{complain, say};

#[derive(Default)]
struct Client {
    /// Replies that have not come yet.
    missing: usize,
    /// Nothing more is asked.
    is_last: bool,
    has_failed: bool,
    lost: Option<String>,
}

/// An expression that was read, and what came of it.
type Sent = (String, Result<(Ask, PendingReply), Failure>);

enum Failure {
    /// It is no expression, or could not be sent.
    This(String),
    /// There is no connection any more.
    All(String),
}

pub(crate) fn run(channel: Channel, expressions: Vec<String>) -> Result<ExitCode, Box<dyn Error>> {
    let router: MessageRouter<Client> = MessageRouter::new(|| {});
    router.start()?;
    let (sender, receiver) = router.bounded_pipe::<Sent>(64)?;
    let for_replies = router.clone();
    receiver.on_message(move |client, sent| client.on_sent(&for_replies, sent));
    receiver.on_end(|client, _| client.is_last = true);
    thread::Builder::new().spawn(move || {
        let sender = sender.start();
        if !expressions.is_empty() {
            send_all(&channel, &sender, expressions.into_iter());
            return;
        }
        if io::stdin().is_terminal() {
            say("Type 1 + 2, 7 / 0, prime 100000, or history; Ctrl-D ends.");
        }
        let lines = io::stdin().lock().split(b'\n').map_while(Result::ok);
        send_all(&channel, &sender, lines.map(|line| String::from_utf8_lossy(&line).into_owned()));
    })?;

    let mut client = Client::default();
    let is_done = |client: &mut Client| client.lost.is_some() || client.is_last && client.missing == 0;
    router.route_until(&mut client, is_done, None)?;
    if let Some(reason) = &client.lost {
        complain(format_args!("the server has gone: {reason}"));
    }
    Ok(if client.lost.is_some() || client.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Sends what is read, without waiting for the replies.
fn send_all(channel: &Channel, sender: &StartedSender<Sent>, lines: impl Iterator<Item = String>) {
    for line in lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()) {
        let sent = line.parse::<Ask>().map_err(Failure::This).and_then(|ask| match channel.request(&ask) {
            Ok(pending) => Ok((ask, pending)),
            Err(SendError::Disconnected(reason)) => Err(Failure::All(reason.to_string())),
            Err(error) => Err(Failure::This(error.to_string())),
        });
        if sender.send((line, sent)).is_err() {
            return; // the connection was lost meanwhile
        }
    }
}

impl Client {
    fn on_sent(&mut self, router: &MessageRouter<Self>, (line, sent): Sent) {
        match sent {
            Ok((ask, pending)) => {
                self.missing += 1;
                let delivering = pending.deliver_on(router, move |client: &mut Self, reply| {
                    client.missing -= 1;
                    client.on_reply(ask, reply);
                });
                if let Err(error) = delivering {
                    self.lost = Some(error.to_string());
                }
            }
            Err(Failure::This(error)) => self.on_failure(format_args!("{line}: {error}")),
            Err(Failure::All(reason)) => self.lost = Some(reason),
        }
    }

    fn on_reply(&mut self, ask: Ask, reply: Result<Answer, ReplyError>) {
        match reply {
            Ok(Answer::Number(number)) => say(format_args!("{ask} = {}", shown(number))),
            Ok(Answer::Lines(lines)) => say(format_args!("{ask}:\n    {}", lines.join("\n    "))),
            Err(ReplyError::Remote(error)) => {
                let kind = error.type_name().unwrap_or("Error");
                self.on_failure(format_args!("{ask}: {} ({kind}, says the server)", error.message()));
            }
            Err(ReplyError::Disconnected(reason)) => self.lost = Some(reason.to_string()),
            Err(error) => self.on_failure(format_args!("{ask}: {error}")),
        }
    }

    fn on_failure(&mut self, line: impl std::fmt::Display) {
        complain(line);
        self.has_failed = true;
    }
}
