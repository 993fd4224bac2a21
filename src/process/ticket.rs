//! What lets a process in, once.

use std::env::{self, VarError};
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Weak;

use super::lobby::Invited;

/// The variable of the environment by which a ticket is handed to a process.
pub const TICKET_VARIABLE: &str = "FOREGROUND_TICKET";

/// What the text of a ticket begins with: the name and the version of this form.
const PREFIX: &str = "fg1";

const SECRET_BYTES: usize = 32;

/// Lets one process send to one pipe: the address, a number, and a secret of 256 bits.
///
/// Made by [`MessageRouter::remote_pipe`](crate::MessageRouter::remote_pipe), and good for one connection within its time. Its text,
/// which `to_string` gives, is one word of about a hundred ASCII characters: hand it to the process in its environment, as
/// [`Command`](super::Command) does, on its standard input, or as an argument. Whoever has the text can use it, and on most
/// systems every user can read every process's arguments; then the folder of the socket, which only its owner may
/// enter, still keeps other users out.
///
/// `Debug` leaves the secret out.
///
/// # Examples
///
/// ```
/// use foreground::{MessageRouter, process::Ticket};
///
/// # let router: MessageRouter = MessageRouter::new(|| {});
/// # router.start()?;
/// let (ticket, receiver) = router.remote_pipe::<u32>()?;
/// let text = ticket.to_string();
/// assert!(text.starts_with("fg1.") && !text.contains(char::is_whitespace));
/// assert_eq!(text.parse::<Ticket>()?.to_string(), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Ticket {
    pub(super) number: u64,
    pub(super) secret: Secret,
    /// The path of a socket, or the name of a pipe of Windows.
    pub(super) address: String,
    /// Whose it is, if it is of this process.
    pub(super) invited: Option<Weak<dyn Invited>>,
}

impl Ticket {
    /// Reads the ticket that this process was given in the variable `FOREGROUND_TICKET` of its environment.
    ///
    /// # Errors
    /// [`TicketError`]: there is none, or what is there is no ticket.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::{Ticket, TicketErrorKind};
    ///
    /// // Nobody started this process with a ticket.
    /// assert_eq!(Ticket::from_env().unwrap_err().kind(), TicketErrorKind::Missing);
    /// ```
    pub fn from_env() -> Result<Self, TicketError> {
        Self::from_variable(TICKET_VARIABLE)
    }

    /// Reads a ticket from another variable, for a process that was given several.
    ///
    /// # Errors
    /// [`TicketError`]: there is none, or what is there is no ticket.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::{Ticket, TicketErrorKind};
    ///
    /// assert_eq!(Ticket::from_variable("PROGRESS_TICKET").unwrap_err().kind(), TicketErrorKind::Missing);
    /// ```
    pub fn from_variable(name: &str) -> Result<Self, TicketError> {
        let missing = || TicketError {
            kind: TicketErrorKind::Missing,
            text: format!(
                "there is no ticket in the variable {name}; start this program from the one that receives"
            ),
        };
        match env::var(name) {
            Ok(text) => text.parse(),
            Err(VarError::NotPresent) => Err(missing()),
            Err(VarError::NotUnicode(_)) => Err(TicketError::malformed("it is no text")),
        }
    }
}

/// Writes the whole ticket, its secret included.
impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{:x}.", self.number)?;
        for byte in self.secret.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("@")?;
        for &byte in self.address.as_bytes() {
            // One word, whatever the folder is called.
            if byte.is_ascii_graphic() && byte != b'%' {
                write!(f, "{}", byte as char)?;
            } else {
                write!(f, "%{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    /// Reads the text of a ticket; white space around it is no matter, for it may come as a line.
    fn from_str(text: &str) -> Result<Self, TicketError> {
        let malformed = TicketError::malformed;
        let (head, address) = text.trim().split_once('@').ok_or_else(|| malformed("it has no '@'"))?;
        let mut parts = head.split('.');
        if parts.next() != Some(PREFIX) {
            return Err(malformed("it does not begin with \"fg1.\""));
        }
        let number = parts.next().and_then(|number| u64::from_str_radix(number, 16).ok());
        let number = number.ok_or_else(|| malformed("its number is none"))?;
        let secret =
            parts.next().and_then(from_hex).ok_or_else(|| malformed("its secret is cut or damaged"))?;
        let address = unescaped(address).filter(|address| !address.is_empty());
        let address = address.ok_or_else(|| malformed("its address is damaged"))?;
        if parts.next().is_some() {
            return Err(malformed("it has a part too many"));
        }
        Ok(Self { number, secret: Secret(secret), address, invited: None })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("number", &self.number)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    bytes.try_into().ok().filter(|_| digits.len() == 2 * N)
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let [byte] = from_hex(part.get(..2)?)?;
        bytes.push(byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// A random secret.
#[derive(Clone)]
pub(super) struct Secret(pub(super) [u8; SECRET_BYTES]);

impl Secret {
    pub(super) const BYTES: usize = SECRET_BYTES;

    /// By the system's generator.
    pub(super) fn random() -> std::io::Result<Self> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Compares all of it always: how long it takes tells nothing of where the two differ.
    pub(super) fn is(&self, other: &[u8; SECRET_BYTES]) -> bool {
        let differing = self.0.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

/// What is no ticket; see [`Ticket::from_env`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketError {
    kind: TicketErrorKind,
    text: String,
}

/// What sort of error a [`TicketError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TicketErrorKind {
    /// The environment has no such variable: nobody started this process with a ticket.
    Missing,
    /// The text is no ticket.
    Malformed,
}

impl TicketError {
    /// Returns what sort of error it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::process::{Ticket, TicketErrorKind};
    ///
    /// let error = "a tram ticket".parse::<Ticket>().unwrap_err();
    /// assert_eq!(error.kind(), TicketErrorKind::Malformed);
    /// ```
    pub fn kind(&self) -> TicketErrorKind {
        self.kind
    }

    fn malformed(why: &str) -> Self {
        Self {
            kind: TicketErrorKind::Malformed,
            text: format!("this is no ticket: {why}; hand on the whole text that `Ticket::to_string` gives"),
        }
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for TicketError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(address: &str) -> Ticket {
        Ticket { number: 7, secret: Secret([0xa5; 32]), address: address.into(), invited: None }
    }

    #[test]
    fn any_address_survives_as_one_word() {
        for address in ["/tmp/s", r"\\.\pipe\foreground", "/home/Jörg/100 %/s\n", "@.%40"] {
            let text = ticket(address).to_string();
            assert!(text.chars().all(|c| c.is_ascii_graphic()), "{text}");
            let read: Ticket = format!(" {text}\r\n").parse().unwrap();
            assert_eq!((read.address.as_str(), read.number), (address, 7));
            assert!(read.secret.is(&[0xa5; 32]));
        }
    }

    #[test]
    fn what_is_no_ticket_is_named() {
        let whole = ticket("/tmp/s").to_string();
        let spoilt = [
            String::new(),
            "hello".into(),
            whole.replace("fg1", "fg2"),
            whole.replace(".7.", ".x."),
            whole.replace(".7.", ".7.7."),
            whole.replace("a5@", "@"),
            whole.replace("a5@", "a@"),
            whole.replace("a5@", "é@"),
            whole.replace("/tmp/s", ""),
            whole.replace("/tmp/s", "/tmp/%"),
            whole.replace("/tmp/s", "/tmp/%é"),
            whole.replace("/tmp/s", "/tmp/%ff"),
        ];
        for text in spoilt {
            let error = text.parse::<Ticket>().unwrap_err();
            assert_eq!(error.kind(), TicketErrorKind::Malformed, "{text}");
        }
        for end in 0..whole.rfind('@').unwrap() {
            assert!(whole[..end].parse::<Ticket>().is_err());
        }
    }

    #[test]
    fn the_secret_is_not_shown_and_one_bit_matters() {
        assert!(!format!("{:?}", ticket("/tmp/s")).contains("165"));
        assert!(!format!("{:?}", ticket("/tmp/s")).contains("a5"));
        let secret = Secret::random().unwrap();
        assert!(secret.is(&secret.0.clone()));
        for bit in 0..256 {
            let mut other = secret.0;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!secret.is(&other));
        }
        assert!(!secret.is(&Secret::random().unwrap().0));
    }
}
