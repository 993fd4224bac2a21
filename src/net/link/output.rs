//! What is to be written and could not be yet.

use std::collections::VecDeque;
use std::io;
#[cfg(feature = "process")]
use std::time::{Duration, Instant};

use crate::net::Disconnect;
use crate::net::socket::Stream;

/// Small messages share a buffer of this size, so that many are written at once. When so much has come together, it is
/// written at the latest.
pub(super) const TOGETHER: usize = 64 * 1024;

/// What is sent so soon after something else is one of a burst.
#[cfg(feature = "process")]
const BURST: Duration = Duration::from_micros(50);

/// So few bytes are copied rather than taken with their memory.
const COPIED: usize = 1024;

#[derive(Default)]
pub(super) struct Output {
    chunks: VecDeque<Chunk>,
    /// Bytes that are not written, those among them with which a thread is just at it.
    unsent: usize,
    /// A thread writes, and will write what comes meanwhile too.
    pub(super) writing: bool,
    /// When the last bytes were sent [`When::Gathered`](super::When::Gathered) before which nothing waited.
    #[cfg(feature = "process")]
    gathered: Option<Instant>,
    /// The system took no more. The I/O thread is told when it does, and until then nobody need try.
    pub(super) blocked: bool,
    /// The connection is made.
    pub(super) connected: bool,
    /// Something was thrown away.
    pub(super) lost: bool,
    /// Nothing more may be sent, and why.
    pub(super) refused: Option<Disconnect>,
}

/// Bytes, of which the first may be written already.
pub(super) struct Chunk {
    bytes: Vec<u8>,
    written: usize,
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
        self.lost |= self.unsent > 0;
        self.chunks = VecDeque::new();
        self.unsent = 0;
    }

    /// Takes the bytes, by a copy if there are few of them. The memory is then left, for the next ones.
    pub(super) fn push(&mut self, bytes: &mut Vec<u8>) {
        self.unsent += bytes.len();
        match self.chunks.back_mut() {
            Some(last) if last.bytes.len() + bytes.len() <= TOGETHER => last.bytes.extend_from_slice(bytes),
            _ if bytes.len() <= COPIED => self.chunks.push_back(Chunk { bytes: bytes.clone(), written: 0 }),
            _ => self.chunks.push_back(Chunk { bytes: std::mem::take(bytes), written: 0 }),
        }
        bytes.clear();
    }

    /// Whether what is sent now follows what was sent just before. To be asked when nothing waits.
    #[cfg(feature = "process")]
    pub(super) fn is_in_burst(&mut self) -> bool {
        let now = Instant::now();
        self.gathered.replace(now).is_some_and(|before| now.duration_since(before) < BURST)
    }

    /// What is to be written next.
    pub(super) fn take(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front();
        if self.chunks.is_empty() && self.chunks.capacity() > 8 {
            self.chunks = VecDeque::new();
        }
        chunk
    }

    /// So many bytes of a chunk were written now. Returns whether it was all.
    pub(super) fn wrote(&mut self, mut chunk: Chunk, n: usize) -> bool {
        if self.refused.is_some() && self.is_empty() {
            // It was cleared meanwhile.
            return true;
        }
        self.unsent -= n;
        chunk.written += n;
        let done = chunk.written == chunk.bytes.len();
        if !done {
            self.chunks.push_front(chunk);
        }
        done
    }
}

impl Chunk {
    /// Writes until the system takes no more; less than all is no error.
    pub(super) fn write(&self, stream: &Stream) -> io::Result<usize> {
        let bytes = &self.bytes[self.written..];
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
}
