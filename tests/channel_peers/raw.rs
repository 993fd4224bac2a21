//! A peer that writes whatever a test wants, byte by byte.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use foreground::channel::{Codec, Json, MessagePack, Value};

use crate::support::Setting;

/// A test that lets it wait longer fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Raw {
    setting: Setting,
    socket: Socket,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! each {
    ($socket:expr, $stream:ident => $what:expr) => {
        match $socket {
            Socket::Tcp($stream) => $what,
            Socket::Unix($stream) => $what,
        }
    };
}

impl Raw {
    pub fn connect(setting: Setting, address: &str) -> Self {
        let socket = match setting.unix {
            true => Socket::Unix(UnixStream::connect(address).expect("somebody listens")),
            false => Socket::Tcp(TcpStream::connect(address).expect("somebody listens")),
        };
        each!(&socket, stream => {
            stream.set_read_timeout(Some(PATIENCE)).expect("that can be set");
            stream.set_write_timeout(Some(PATIENCE)).expect("that can be set");
        });
        Self { setting, socket }
    }

    /// A second handle, for another thread.
    pub fn another(&self) -> Self {
        let socket = match &self.socket {
            Socket::Tcp(stream) => Socket::Tcp(stream.try_clone().expect("it can be cloned")),
            Socket::Unix(stream) => Socket::Unix(stream.try_clone().expect("it can be cloned")),
        };
        Self { setting: self.setting, socket }
    }

    pub fn set_patience(&self, patience: Duration) {
        each!(&self.socket, stream => stream.set_read_timeout(Some(patience)).expect("that can be set"));
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        each!(&mut self.socket, stream => stream.write_all(bytes))
    }

    /// Writes a whole message.
    pub fn send(&mut self, message: &Value) {
        let frame = frame(self.setting, message);
        self.write(&frame).expect("the peer reads");
    }

    /// Reads a whole message; none at the end.
    pub fn message(&mut self) -> Option<Vec<Value>> {
        let mut header = [0; 4];
        match self.read_exact(&mut header) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            read => read.expect("the peer writes or closes"),
        }
        let mut payload = vec![0; u32::from_be_bytes(header) as usize];
        self.read_exact(&mut payload).expect("the peer writes whole messages");
        let message = match self.setting.is_json() {
            true => Json.decode(&payload),
            false => MessagePack.decode(&payload),
        };
        match message.expect("the peer writes what its codec says") {
            Value::Array(parts) => Some(parts),
            other => panic!("{other} is no message"),
        }
    }

    /// Reads all messages until the end.
    pub fn messages(&mut self) -> Vec<Vec<Value>> {
        std::iter::from_fn(|| self.message()).collect()
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        each!(&mut self.socket, stream => stream.read_exact(bytes))
    }

    /// Reads until the connection ends, in whatever way, and returns how many bytes came. Fails if it does not.
    pub fn wait_for_end(&mut self) -> usize {
        let mut buffer = vec![0; 64 * 1024];
        let mut total = 0;
        loop {
            match each!(&mut self.socket, stream => stream.read(&mut buffer)) {
                Ok(0) => return total,
                Ok(n) => total += n,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return total,
                Err(error) => panic!("the connection does not end: {error}"),
            }
        }
    }

    /// Sends nothing more.
    pub fn half_close(&self) {
        // It fails if the connection has ended already.
        let _ = each!(&self.socket, stream => stream.shutdown(Shutdown::Write));
    }
}

/// A message as it goes over the wire.
pub fn frame(setting: Setting, message: &Value) -> Vec<u8> {
    framed(&payload(setting, message))
}

/// Bytes with their length before them.
pub fn framed(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is not that long");
    [&length.to_be_bytes(), payload].concat()
}

pub fn payload(setting: Setting, message: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoded = match setting.is_json() {
        true => Json.encode(message, &mut bytes),
        false => MessagePack.encode(message, &mut bytes),
    };
    encoded.expect("any value can be encoded");
    bytes
}

/// A message of three parts.
pub fn message(kind: i64, id: impl Into<Value>, content: impl Into<Value>) -> Value {
    Value::Array(vec![kind.into(), id.into(), content.into()])
}

pub fn request(id: impl Into<Value>, content: impl Into<Value>) -> Value {
    message(0, id, content)
}

pub fn result(id: impl Into<Value>, content: impl Into<Value>) -> Value {
    message(1, id, content)
}

pub fn exception(id: impl Into<Value>, text: &str) -> Value {
    message(2, id, text)
}
