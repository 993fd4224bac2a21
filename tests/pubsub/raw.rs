//! A peer that writes ZMTP 3.0 by hand.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::common::PATIENCE;

pub struct Raw(TcpStream);

impl Raw {
    /// Connects to a publisher as a subscriber of version 3.0.
    pub fn subscriber(address: &str) -> Self {
        let stream = TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
        Self::shake_hands(stream, b"SUB")
    }

    /// Takes the connection of a subscriber, as a publisher of version 3.0.
    pub fn publisher(listener: &TcpListener) -> Self {
        Self::shake_hands(listener.accept().unwrap().0, b"PUB")
    }

    fn shake_hands(stream: TcpStream, kind: &[u8; 3]) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut this = Self(stream);
        let mut greeting = [0; 64];
        (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
        greeting[12..16].copy_from_slice(b"NULL");
        this.write(&greeting);
        this.0.read_exact(&mut greeting).unwrap();
        let mut ready = b"\x05READY\x0bSocket-Type\0\0\0\x03".to_vec();
        ready.extend_from_slice(kind);
        this.frame(4, &ready);
        let (flags, body) = this.read();
        assert_eq!((flags & 4, &body[..6]), (4, &b"\x05READY"[..]));
        this
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Writes a short frame; of the flags 1 is "more follow", 4 a command.
    pub fn frame(&mut self, flags: u8, body: &[u8]) {
        let len = u8::try_from(body.len()).unwrap();
        self.write(&[&[flags, len], body].concat());
    }

    /// Reads a frame: its flags and its body.
    pub fn read(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let mut body = vec![0; head[1].into()];
        self.0.read_exact(&mut body).unwrap();
        (head[0], body)
    }

    /// Waits until the other side has closed the connection.
    pub fn wait_for_end(&mut self) {
        // Whatever comes before, and a reset too.
        while self.0.read(&mut [0; 1024]).is_ok_and(|len| len > 0) {}
    }
}
