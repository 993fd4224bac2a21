//! What is to be written and could not be yet.

use std::collections::VecDeque;
use std::io;

use crate::net::Disconnect;
use crate::net::socket::Stream;

/// Small messages share a buffer of this size, so that many are written at once.
const TOGETHER: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Output {
    chunks: VecDeque<Vec<u8>>,
    /// How much of the first chunk is written.
    written: usize,
    /// Bytes that are not written.
    unsent: usize,
    /// The connection is made.
    pub(super) connected: bool,
    /// Nothing more may be sent, and why.
    pub(super) refused: Option<Disconnect>,
}

impl Output {
    pub(super) fn new(connected: bool) -> Self {
        Self { connected, ..Self::default() }
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unsent == 0
    }

    pub(super) fn clear(&mut self) {
        self.chunks = VecDeque::new();
        self.written = 0;
        self.unsent = 0;
    }

    /// Writes what the system takes now of bytes in whose way nothing stands, and keeps the rest.
    pub(super) fn write_or_keep(&mut self, stream: &Stream, bytes: Vec<u8>) -> io::Result<()> {
        let mut done = 0;
        if self.connected && self.is_empty() {
            done = write(stream, &bytes)?;
        }
        if done < bytes.len() {
            self.keep(bytes, done);
        }
        Ok(())
    }

    fn keep(&mut self, bytes: Vec<u8>, done: usize) {
        self.unsent += bytes.len() - done;
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= TOGETHER => last.extend_from_slice(&bytes[done..]),
            Some(_) => self.chunks.push_back(bytes),
            None => {
                self.written = done;
                self.chunks.push_back(bytes);
            }
        }
    }

    /// Writes what the system takes now, and returns how much that was.
    pub(super) fn flush(&mut self, stream: &Stream) -> io::Result<usize> {
        let mut total = 0;
        while let Some(first) = self.chunks.front() {
            let n = write(stream, &first[self.written..])?;
            total += n;
            self.unsent -= n;
            self.written += n;
            if self.written < first.len() {
                break;
            }
            self.chunks.pop_front();
            self.written = 0;
        }
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
        Ok(total)
    }
}

/// Writes until the system takes no more; less than all is no error.
fn write(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match stream.write(&bytes[done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
