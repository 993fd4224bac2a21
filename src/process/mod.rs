#![doc = include_str!("../docs/process.md")]
#![doc = include_str!("../../docs/picture_of_workers.md")]

mod child;
mod codec;
mod command;
mod connection;
mod error;
mod exit;
#[cfg(fuzzing)]
pub mod fuzzing;
mod intake;
mod lobby;
mod orphan;
mod outlet;
mod pool;
mod remote_pipe;
mod remote_sender;
mod socket;
mod stderr;
mod ticket;
mod wire;

pub use self::child::Child;
pub use self::codec::Codec;
pub use self::command::Command;
pub use self::error::{
    ConnectError, ConnectErrorKind, RemotePipeError, RemoteSendError, RemoteSendErrorKind,
};
pub use self::pool::{
    CallFunction, Functions, IterationFunction, POOL_VARIABLE, ProcessError, ProcessExecutor,
    ProcessExecutorBuilder, ProcessFunction, ProcessPoolError, ProgressFunction,
};
pub use self::remote_pipe::RemotePipeOptions;
pub use self::remote_sender::{RemoteSender, RemoteSenderBuilder, StartedRemoteSender};
pub use self::ticket::{TICKET_VARIABLE, Ticket, TicketError, TicketErrorKind};
