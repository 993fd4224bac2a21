//! What is shown, and what other programs can do to it.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::channel::{Options, Request, Requests, Serving};
use foreground::net::Address;
use serde::Serialize;

use crate::{Command, Shown, complain, place};

const LONGEST_MESSAGE: usize = 64 * 1024;
const MOST_ITEMS: usize = 1_000;
/// How long programs may take to read their last reply.
const GRACE: Duration = Duration::from_secs(1);

/// The state of the foreground. Only its thread touches it.
pub(crate) struct Desk {
    pub(crate) shown: Shown,
    /// The first is asked now.
    pub(crate) questions: VecDeque<Question>,
    pub(crate) latest: String,
    pub(crate) has_window: bool,
    pub(crate) is_closing: bool,
}

/// A question that waits for its answer. Dropped, it fails, so that nobody waits in vain.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) request: Request,
}

impl Desk {
    pub(crate) fn new(has_window: bool) -> Self {
        let (title, color) = ("Remote control".into(), [0x2f, 0x6f, 0xde]);
        Self {
            shown: Shown { title, color, items: Vec::new() },
            questions: VecDeque::new(),
            latest: String::new(),
            has_window,
            is_closing: false,
        }
    }

    /// Called by the router for each command, whichever program sent it.
    fn obey(&mut self, request: Request, command: Command) {
        self.latest = match &command {
            Command::SetTitle(title) => format!("set-title {title}"),
            Command::SetColor([red, green, blue]) => format!("set-color #{red:02x}{green:02x}{blue:02x}"),
            Command::AddItem(item) => format!("add-item {item}"),
            Command::Ask(question) => format!("ask {question}"),
            Command::Get => "get".into(),
            Command::Close => "close".into(),
        };
        match command {
            Command::Get => return reply(request, &self.shown),
            Command::Ask(text) if self.has_window => {
                return self.questions.push_back(Question { text, request }); // answered by a click
            }
            Command::Ask(_) => return fail(request, "there is no window, and so nobody to ask"),
            Command::AddItem(_) if self.shown.items.len() >= MOST_ITEMS => {
                return fail(request, "the list is full");
            }
            Command::AddItem(item) => self.shown.items.push(item),
            Command::SetTitle(title) => self.shown.title = title,
            Command::SetColor(color) => self.shown.color = color,
            Command::Close => self.is_closing = true,
        }
        reply(request, &());
    }

    /// The user has clicked.
    pub(crate) fn answer(&mut self, yes: bool) {
        if let Some(question) = self.questions.pop_front() {
            reply(question.request, &yes);
        }
    }

    /// Forgets the questions of programs that have gone.
    pub(crate) fn forget_askers_that_have_gone(&mut self) {
        self.questions.retain(|question| !question.request.is_abandoned());
    }
}

fn reply<T: Serialize + ?Sized>(request: Request, result: &T) {
    if let Err(error) = request.reply(result) {
        complain(format_args!("a reply was not sent: {error}"));
    }
}

fn fail(request: Request, why: &str) {
    if let Err(error) = request.fail(why) {
        complain(format_args!("a reply was not sent: {error}"));
    }
}

/// The door by which commands come.
pub(crate) struct Door {
    requests: Requests,
    serving: Serving<Desk>,
}

impl Door {
    pub(crate) fn open(
        router: &MessageRouter<Desk>,
        address: Option<Address>,
    ) -> Result<Self, Box<dyn Error>> {
        let address = address.map_or_else(place::default, Ok)?;
        let requests = Options::new().message_limit(LONGEST_MESSAGE).listen(&address)?.requests();
        let serving = requests.serve_on(router, Desk::obey)?;
        Ok(Self { requests, serving })
    }

    pub(crate) fn address(&self) -> Address {
        self.requests.local_address()
    }

    /// Tells those who wait that there will be no answer, and ends when they have heard it.
    pub(crate) fn close(self, desk: &mut Desk) {
        drop(self.serving);
        for question in desk.questions.drain(..) {
            fail(question.request, "the window was closed before the question was answered");
        }
        self.requests.stop(GRACE);
    }
}
