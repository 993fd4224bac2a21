//! How a server says that there will be no reply: by the headers that NATS's own services use for errors.

use async_nats::{HeaderMap, Message};

use crate::transport::{Error, ErrorKind};

const CODE: &str = "Nats-Service-Error-Code";
const TEXT: &str = "Nats-Service-Error";

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The program dropped the message.
    Unanswered,
    /// The reply cannot be sent, as it is too long.
    ReplyTooLarge,
    /// The message is longer than this server takes.
    TooLarge,
    /// Too many messages are unanswered.
    Busy,
    /// It has been closed while the message was on its way.
    Closed,
}

impl Refusal {
    const ALL: [Self; 5] = [Self::Unanswered, Self::ReplyTooLarge, Self::TooLarge, Self::Busy, Self::Closed];

    fn text(self) -> &'static str {
        match self {
            Self::Unanswered => "the server dropped the message without an answer",
            Self::ReplyTooLarge => "the reply is too long to be sent",
            Self::TooLarge => "the message is longer than the server takes",
            Self::Busy => "the server has too much to answer already; try again later",
            Self::Closed => "the server was closed before it took the message",
        }
    }

    /// As HTTP has them.
    fn code(self) -> u16 {
        match self {
            Self::Unanswered | Self::ReplyTooLarge => 500,
            Self::TooLarge => 413,
            Self::Busy | Self::Closed => 503,
        }
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Unanswered => ErrorKind::NoReply,
            Self::ReplyTooLarge | Self::TooLarge => ErrorKind::TooLarge,
            Self::Busy => ErrorKind::Busy,
            Self::Closed => ErrorKind::NoResponders,
        }
    }

    pub(super) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CODE, self.code().to_string().as_str());
        headers.insert(TEXT, self.text());
        headers
    }
}

/// The error that a reply stands for, if it is none.
pub(super) fn refused(message: &Message) -> Option<Error> {
    let headers = message.headers.as_ref()?;
    let code = headers.get(CODE)?.as_str();
    let text = headers.get(TEXT).map_or("", |text| text.as_str());
    if let Some(refusal) = Refusal::ALL.into_iter().find(|refusal| refusal.text() == text) {
        return Some(Error::new(refusal.kind(), text));
    }
    let said = format!("the server answered with the error {code}: {text}");
    Some(
        Error::new(ErrorKind::Status, said)
            .with_response(code.parse().unwrap_or(0), message.payload.to_vec()),
    )
}
