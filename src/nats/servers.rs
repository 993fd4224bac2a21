//! The addresses of servers, with what to say to them.

use std::fmt::Write;

use async_nats::ServerAddr;

use crate::transport::{Error, ErrorKind};

/// Servers of one cluster, in the order of the text.
#[derive(Clone, Debug)]
pub(super) struct Servers {
    pub(super) addresses: Vec<ServerAddr>,
    /// For people; without passwords.
    pub(super) text: String,
    /// What stands before an `@`, of the first that has it.
    pub(super) login: Option<Login>,
}

/// Who one is.
#[derive(Clone)]
pub(super) enum Login {
    User {
        name: String,
        password: String,
    },
    Token(String),
    /// The seed of a key of NATS.
    Seed(String),
    /// The text of a file `.creds`.
    Credentials(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User { .. } => "User(..)",
            Self::Token(_) => "Token(..)",
            Self::Seed(_) => "Seed(..)",
            Self::Credentials(_) => "Credentials(..)",
        })
    }
}

impl Servers {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut servers = Self { addresses: Vec::new(), text: String::new(), login: None };
        for part in text.split(',').map(str::trim) {
            servers.add(part)?;
        }
        Ok(servers)
    }

    /// Whether nobody is to be talked to but by TLS.
    pub(super) fn are_all_tls(&self) -> bool {
        self.addresses.iter().all(|address| address.scheme() == "tls")
    }

    fn add(&mut self, part: &str) -> Result<(), Error> {
        let address: ServerAddr =
            part.parse().map_err(|error: std::io::Error| invalid(part).because(error))?;
        if address.host().is_empty() || !matches!(address.scheme(), "nats" | "tls") {
            return Err(invalid(part));
        }
        if self.login.is_none() {
            self.login = match (address.username(), address.password()) {
                (Some(name), Some(password)) => {
                    Some(Login::User { name: decode(name), password: decode(password) })
                }
                (Some(token), None) => Some(Login::Token(decode(token))),
                (None, _) => None,
            };
        }
        // What says who one is has no place in what may be logged.
        let mut url = address.into_inner();
        let _ = (url.set_username(""), url.set_password(None));
        let address = ServerAddr::from_url(url).map_err(|error| invalid(part).because(error))?;
        if !self.text.is_empty() {
            self.text.push(',');
        }
        let host = address.host();
        let _ = match host.contains(':') {
            true => write!(self.text, "{}://[{host}]:{}", address.scheme(), address.port()),
            false => write!(self.text, "{}://{host}:{}", address.scheme(), address.port()),
        };
        self.addresses.push(address);
        Ok(())
    }
}

fn invalid(part: &str) -> Error {
    // A password may stand before the last `@`.
    let shown = part.rsplit_once('@').map_or(part, |(_, host)| host);
    let text = format!(
        "{shown:?} is no address of a NATS server; give \"nats://host:port\", or \"tls://host:port\""
    );
    Error::new(ErrorKind::InvalidAddress, text)
}

/// Makes `%41` an `A`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let digit = |at: usize| others.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        rest = others;
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &others[2..];
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_passwords() {
        let servers = Servers::parse("localhost, nats://me:p%40ss%@[::1]:1, tls://other:5").unwrap();
        assert_eq!(servers.text, "nats://localhost:4222,nats://[::1]:1,tls://other:5");
        assert_eq!(servers.addresses.len(), 3);
        assert!(!servers.are_all_tls());
        assert!(Servers::parse("tls://one,tls://other").unwrap().are_all_tls());
        assert!(!format!("{servers:?}").contains("p@ss"));
        assert!(!format!("{servers:?}").contains("p%40ss"));
        match servers.login {
            Some(Login::User { name, password }) => assert_eq!((&*name, &*password), ("me", "p@ss%")),
            other => panic!("{other:?}"),
        }
        match Servers::parse("s3cr3t@host").unwrap().login {
            Some(Login::Token(token)) => assert_eq!(token, "s3cr3t"),
            other => panic!("{other:?}"),
        }
        for text in
            ["", "nats://", "http://host", "ws://host", "nats://host:99999", "a b", "me:s3cr3t@", "a,,b"]
        {
            let error = Servers::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{text:?}");
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }
}
