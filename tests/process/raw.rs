//! A process that comes with a ticket and speaks bytes, whatever a test wants. It knows the form of the ticket and of the frames by itself.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use foreground::process::Ticket;

use crate::common::WAIT;

/// A ticket taken apart.
#[derive(Clone, Debug)]
pub struct Parts {
    pub number: u64,
    pub secret: [u8; 32],
    pub path: String,
}

impl Parts {
    pub fn of(ticket: &Ticket) -> Self {
        let text = ticket.to_string();
        let (head, path) = text.split_once('@').unwrap();
        let [prefix, number, secret] = head.split('.').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(prefix, "fg1");
        assert!(!path.contains('%'), "the tests' folder has a plain name");
        let byte = |at: usize| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).unwrap();
        Self {
            number: u64::from_str_radix(number, 16).unwrap(),
            secret: std::array::from_fn(byte),
            path: path.into(),
        }
    }

    pub fn hello_of(&self, version: u16, codec: &str, type_name: &str) -> Vec<u8> {
        let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
        let fields = [
            version.to_be_bytes().to_vec(),
            self.number.to_be_bytes().to_vec(),
            self.secret.to_vec(),
            text(codec),
            text(type_name),
        ];
        frame(b'H', &fields.concat())
    }

    /// The greeting of a sender of numbers.
    pub fn hello(&self) -> Vec<u8> {
        self.hello_of(1, "postcard", "u32")
    }
}

pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).unwrap();
    [&length.to_be_bytes()[..], &[kind], payload].concat()
}

pub fn start() -> Vec<u8> {
    frame(b'S', b"")
}

/// A message of a number below 128, which is one byte.
pub fn message(n: u8) -> Vec<u8> {
    assert!(n < 128);
    frame(b'M', &[n])
}

pub const STOPPED: u8 = 0;

pub fn end(code: u8) -> Vec<u8> {
    frame(b'E', &[code])
}

pub struct Raw(UnixStream);

impl Raw {
    pub fn connect(parts: &Parts) -> Self {
        let stream = UnixStream::connect(&parts.path).expect("the door is open");
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_write_timeout(Some(WAIT)).unwrap();
        Self(stream)
    }

    /// Comes in as a sender of numbers, and has read that it is welcome.
    pub fn welcome(ticket: &Ticket) -> Self {
        let parts = Parts::of(ticket);
        let mut raw = Self::connect(&parts);
        raw.write(&parts.hello());
        assert_eq!(raw.frame().unwrap()[0], b'W');
        raw
    }

    /// Writes what may be more than is taken.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).unwrap();
    }

    /// The next frame, or that there is none any more.
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) =>
            {
                return None;
            }
            Err(error) => panic!("{error}"),
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).unwrap();
        Some(frame)
    }

    /// Reads until the connection has ended.
    pub fn until_closed(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.frame()).collect()
    }

    pub fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }
}
