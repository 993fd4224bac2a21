//! Which subjects NATS takes.

use crate::transport::{Error, ErrorKind};

/// A server cuts off whoever sends it a line of more than 4096 bytes, and a line may hold two subjects and a group.
const LONGEST: usize = 1024;

/// Whether one can publish to it.
pub(crate) fn check_subject(subject: &str) -> Result<(), Error> {
    check_tokens(subject)?;
    match subject.split('.').find(|token| matches!(*token, "*" | ">")) {
        Some(token) => Err(invalid(subject, &format!("{token:?} is for subscriptions"))),
        None => Ok(()),
    }
}

/// Whether one can subscribe to it.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), Error> {
    check_tokens(pattern)?;
    match pattern.split_once(".>").is_some_and(|(_, rest)| rest.starts_with('.')) || pattern.starts_with(">.")
    {
        true => Err(invalid(pattern, "\">\" stands at the end")),
        false => Ok(()),
    }
}

/// Whether it can be the name of a queue group.
pub(crate) fn check_group(group: &str) -> Result<(), Error> {
    let problem = match group {
        "" => "it is empty",
        _ if group.len() > LONGEST => "it is too long",
        _ if group.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            "it holds a space or a control character"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("{group:?} is no queue group: {problem}")))
}

fn check_tokens(subject: &str) -> Result<(), Error> {
    if subject.len() > LONGEST {
        let start: String = subject.chars().take(32).collect();
        return Err(invalid(&start, "it goes on, to more than 1024 bytes"));
    }
    if subject.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(invalid(subject, "it holds a space or a control character"));
    }
    if subject.split('.').any(str::is_empty) {
        return Err(invalid(subject, "something must stand before, between and after the dots"));
    }
    Ok(())
}

fn invalid(subject: &str, problem: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{subject:?} is no subject of NATS: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_confuse_the_server_is_refused() {
        for subject in ["a", "a.b", "rpc.v1.add", "$JS.API.INFO", "é", "a*b", "a>b"] {
            assert!(check_subject(subject).is_ok(), "{subject:?}");
            assert!(check_pattern(subject).is_ok(), "{subject:?}");
        }
        for subject in
            ["", ".", ".a", "a.", "a..b", "a b", "a\tb", "a\r\nPUB x 0\r\n", "a\0", "é".repeat(600).as_str()]
        {
            assert_eq!(check_subject(subject).unwrap_err().kind(), ErrorKind::InvalidInput, "{subject:?}");
            assert_eq!(check_pattern(subject).unwrap_err().kind(), ErrorKind::InvalidInput, "{subject:?}");
        }
        for pattern in ["*", ">", "a.*", "a.>", "*.b.>"] {
            assert!(check_subject(pattern).is_err(), "{pattern:?}");
            assert!(check_pattern(pattern).is_ok(), "{pattern:?}");
        }
        for pattern in [">.a", "a.>.b"] {
            assert!(check_pattern(pattern).is_err(), "{pattern:?}");
        }
        assert!(check_group("workers").is_ok());
        assert!(check_group("").is_err());
        assert!(check_group("a b").is_err());
        assert!(check_group(&"a".repeat(2000)).is_err());
    }
}
