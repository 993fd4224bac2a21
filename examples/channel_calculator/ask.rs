//! What client and server say to each other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A request. On the wire it is a list: `["add", 1, 2]`, `["prime", 1000]`, `["history", 5]`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = r#"that is not understood; ask ["add", 1, 2] or subtract, multiply, divide; ["prime", 1000]; ["history", 5]"#
)]
pub(crate) enum Ask {
    Calculate(Operator, f64, f64),
    Find(What, usize),
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// The so-many-th prime.
    Prime,
    /// So many of the latest results.
    History,
}

/// A reply.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Number(f64),
    Lines(Vec<String>),
}

impl FromStr for Ask {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let what = match words.next() {
            Some("prime") => Some(What::Prime),
            Some("history") => Some(What::History),
            _ => None,
        };
        if let Some(what) = what {
            let count = match (words.next(), words.next()) {
                (Some(count), None) => count.parse().ok(),
                (None, None) => Some(10),
                _ => None,
            };
            return count.map(|count| Self::Find(what, count)).ok_or("one number follows that word".into());
        }
        // A sign may stand before a number, and in its exponent.
        let mut before = ' ';
        for (place, sign) in text.char_indices() {
            let operator = match sign {
                '+' => Operator::Add,
                '-' => Operator::Subtract,
                '*' => Operator::Multiply,
                '/' => Operator::Divide,
                _ => {
                    before = if sign.is_whitespace() { before } else { sign };
                    continue;
                }
            };
            if before != ' ' && !matches!(before, 'e' | 'E') {
                return Ok(Self::Calculate(operator, number(&text[..place])?, number(&text[place + 1..])?));
            }
        }
        Err("write NUMBER + NUMBER (or - * /), prime N, history N".into())
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("{:?} is no number", text.trim()))
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Calculate(operator, a, b) => write!(f, "{} {operator} {}", shown(a), shown(b)),
            Self::Find(What::Prime, n) => write!(f, "prime {n}"),
            Self::Find(What::History, n) => write!(f, "history {n}"),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        })
    }
}

/// A number, without hundreds of zeros.
pub(crate) fn shown(number: f64) -> String {
    let is_handy = number == 0.0 || (1e-5..1e16).contains(&number.abs());
    if is_handy { number.to_string() } else { format!("{number:e}") }
}
