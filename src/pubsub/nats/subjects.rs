//! Channels as subjects.

use crate::nats::check_subject;
use crate::pubsub::{Channels, Error, ErrorKind};

/// What stands before the channels of a bus.
#[derive(Clone, Debug)]
pub(crate) struct Root(String);

impl Root {
    pub(super) fn new(root: &str) -> Result<Self, Error> {
        check_subject(root)?;
        Ok(Self(root.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn subject(&self, channel: &str) -> String {
        format!("{}.{channel}", self.0)
    }

    /// What stands for all channels.
    pub(super) fn all(&self) -> String {
        self.subject(">")
    }

    /// The channel of a subject.
    pub(super) fn channel<'a>(&self, subject: &'a str) -> &'a str {
        subject.get(self.0.len() + 1..).unwrap_or("")
    }

    /// Whether one can publish there.
    pub(super) fn check(&self, channel: &str) -> Result<(), Error> {
        check_subject(&self.subject(channel)).map_err(|error| {
            let text = format!("{channel:?} is no channel over NATS");
            Error::new(ErrorKind::InvalidInput, text).because(error)
        })
    }

    /// The names of a subscription, if they can be some: each is the beginning of a channel's name.
    pub(crate) fn subscriptions(&self, channels: &impl Channels) -> Result<Vec<String>, Error> {
        let names = channels.names();
        for name in &names {
            match name.is_empty() || name.ends_with('.') {
                true => self.check(&format!("{name}x"))?,
                false => self.check(name)?,
            }
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// The least that NATS can be asked for to get all channels that begin with one of these names, or are so named. It knows whole
    /// words between dots only, so this may be more. No subject is in two of them.
    pub(super) fn patterns(&self, names: &[String], is_exact: bool) -> Vec<String> {
        let mut patterns: Vec<_> = names
            .iter()
            .filter_map(|name| match is_exact && !name.is_empty() {
                // No channel's name ends so.
                true if name.ends_with('.') => None,
                true => Some(self.subject(name)),
                false => {
                    Some(self.subject(&format!("{}>", &name[..name.rfind('.').map_or(0, |dot| dot + 1)])))
                }
            })
            .collect();
        patterns.sort();
        patterns.dedup();
        let all = patterns.clone();
        patterns.retain(|pattern| !all.iter().any(|other| other != pattern && covers(other, pattern)));
        patterns
    }
}

/// Whether the one pattern stands for all that the other does. A `>` that is not a word of its own is a letter as any other.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let start = wide.strip_suffix('>').filter(|start| start.is_empty() || start.ends_with('.'));
    start.is_some_and(|start| narrow.starts_with(start))
}

/// Whether the channel begins with one of the names.
pub(super) fn begins(channel: &str, names: &[String]) -> bool {
    names.iter().any(|name| channel.starts_with(&**name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(names: &[&str], is_exact: bool) -> Vec<String> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        Root::new("bus").unwrap().patterns(&names, is_exact)
    }

    #[test]
    fn the_least_that_holds_all_that_begin_so() {
        assert_eq!(patterns(&[""], false), ["bus.>"]);
        assert_eq!(patterns(&["a"], false), ["bus.>"]);
        assert_eq!(patterns(&["a.", "a.b"], false), ["bus.a.>"]);
        assert_eq!(patterns(&["a.b.c", "b."], false), ["bus.a.b.>", "bus.b.>"]);
        assert_eq!(patterns(&["a.b.c", "a."], false), ["bus.a.>"]);
        assert_eq!(patterns(&[], false), [""; 0]);
        assert_eq!(patterns(&["a", "a.b", "a"], true), ["bus.a", "bus.a.b"]);
        assert_eq!(patterns(&["a", ""], true), ["bus.>"]);
        assert_eq!(patterns(&["a."], true), [""; 0]);
        assert_eq!(patterns(&["a>", "ab"], true), ["bus.a>", "bus.ab"]);
    }

    #[test]
    fn names_and_channels() {
        let root = Root::new("the.bus").unwrap();
        assert_eq!((root.subject("a.b").as_str(), root.channel("the.bus.a.b")), ("the.bus.a.b", "a.b"));
        assert_eq!(root.channel("x"), "");
        for name in ["", "a", "a.", "a.b"] {
            assert!(root.subscriptions(&name).is_ok(), "{name:?}");
        }
        for name in [".", "a..", "*", "*.", ">", ">.", "a\n", "a b"] {
            assert!(root.subscriptions(&name).is_err(), "{name:?}");
        }
        for channel in ["", "a.", "*", "a.>", "a b", "."] {
            assert!(root.check(channel).is_err(), "{channel:?}");
        }
        assert!(Root::new("").is_err());
        assert!(Root::new("a.*").is_err());
    }
}
