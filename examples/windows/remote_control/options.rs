//! The command line.

use foreground::net::Address;

use crate::common::{AMBER, BLUE, GRAY, GREEN, RED};
use crate::{Color, Command};

pub(crate) const HELP: &str = "\
A window that other programs drive while it runs.

Usage: remote_control window [--listen ADDRESS] [--headless]
       remote_control [--connect ADDRESS] COMMAND

  --listen, --connect   host:port, or unix:path. Default: a socket in a folder that is yours alone, or, on systems
                        without such sockets, a port of this machine
  --headless            without a window, until it is told to close; there is nobody to answer questions then

Commands:
  set-title TEXT    the heading, and the title of the window
  set-color COLOR   blue, green, red, amber, gray, or #rrggbb
  add-item TEXT     one more line in the list
  ask QUESTION      waits until the user has clicked, and prints yes or no
  get               prints what the window shows
  close             closes the window

Exit codes:
  0  done; for `ask`, answered in either way
  1  there is no such window, or it could not do it, or it was closed before the answer
  2  wrong usage
";

pub(crate) enum Role {
    Window { listen: Option<Address>, headless: bool },
    Remote { connect: Option<Address>, command: Command },
    Help,
}

/// Reads the arguments; the error says what is wrong with them.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Role, String> {
    let (mut words, mut listen, mut connect, mut headless) = (Vec::new(), None, None, false);
    while let Some(argument) = arguments.next() {
        let mut address = || -> Result<Address, String> {
            let address = arguments.next().ok_or(format!("{argument} wants an address"))?;
            address.parse().map_err(|error| format!("{error}"))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(Role::Help),
            "--listen" => listen = Some(address()?),
            "--connect" => connect = Some(address()?),
            "--headless" => headless = true,
            "--" => words.extend(arguments.by_ref()),
            option if option.starts_with("--") => return Err(format!("unknown option {option}")),
            _ => words.push(argument),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = match words[..] {
        ["window"] if connect.is_some() => return Err("a window listens: --listen".into()),
        ["window"] => return Ok(Role::Window { listen, headless }),
        ["set-title", title] => Command::SetTitle(title.to_owned()),
        ["set-color", color] => Command::SetColor(parse_color(color)?),
        ["add-item", item] => Command::AddItem(item.to_owned()),
        ["ask", question] => Command::Ask(question.to_owned()),
        ["get"] => Command::Get,
        ["close"] => Command::Close,
        [] => return Err("say what to do: window, or a command for one".into()),
        [command @ ("set-title" | "set-color" | "add-item" | "ask")] => {
            return Err(format!("{command} wants a text"));
        }
        [command @ ("set-title" | "set-color" | "add-item" | "ask"), ..] => {
            return Err(format!("{command} wants one text; put it in quotes"));
        }
        [command @ ("window" | "get" | "close"), extra, ..] => {
            return Err(format!("{command} wants no {extra:?}"));
        }
        [command, ..] => return Err(format!("unknown command {command:?}")),
    };
    if listen.is_some() || headless {
        return Err("--listen and --headless are for the window; a command has --connect".into());
    }
    Ok(Role::Remote { connect, command })
}

fn parse_color(text: &str) -> Result<Color, String> {
    let named = match text {
        "blue" => BLUE,
        "green" => GREEN,
        "red" => RED,
        "amber" => AMBER,
        "gray" | "grey" => GRAY,
        _ => {
            let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
            let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let [_, red, green, blue] = number
                .ok_or(format!("{text:?} is no colour: blue, green, red, amber, gray, or #rrggbb"))?
                .to_be_bytes();
            return Ok([red, green, blue]);
        }
    };
    Ok([named.r(), named.g(), named.b()])
}
