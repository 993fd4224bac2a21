//! The program that drives the window.

use std::error::Error;

use foreground::channel::{self, ReplyError};
use foreground::net::Address;

use crate::{Command, Shown, place, print};

/// Sends the command, and waits for what comes of it.
pub(crate) fn run(address: Option<Address>, command: &Command) -> Result<(), Box<dyn Error>> {
    let address = address.map_or_else(place::default, Ok)?;
    let channel = channel::connect(&address)
        .map_err(|error| format!("there is no window: {error}\nStart one by: remote_control window"))?;
    let result = match command {
        Command::Ask(_) => channel.call(command).map(|yes: bool| print(if yes { "yes" } else { "no" })),
        Command::Get => channel.call(command).map(|shown| print_shown(&shown)),
        _ => channel.call(command),
    };
    result.map_err(|error| match error {
        ReplyError::Remote(error) => error.message().into(),
        ReplyError::Disconnected(reason) => format!("the window has gone: {reason}").into(),
        error => error.into(),
    })
}

fn print_shown(Shown { title, color: [red, green, blue], items }: &Shown) {
    print(format_args!("title: {title}"));
    print(format_args!("color: #{red:02x}{green:02x}{blue:02x}"));
    items.iter().for_each(|item| print(format_args!("item:  {item}")));
}
