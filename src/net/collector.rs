//! Collects an announced number of bytes as they come.

/// So much memory at most is set aside before it is needed: a peer may announce what it never sends.
const AHEAD: usize = 64 * 1024;

/// Collects as many bytes as were announced. The number must have been checked against a limit.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    wanted: usize,
    got: Vec<u8>,
}

impl Collector {
    pub(crate) fn new(wanted: usize) -> Self {
        Self { wanted, got: Vec::new() }
    }

    /// Takes what there is of them, and returns them when they are complete.
    pub(crate) fn take(&mut self, input: &mut &[u8]) -> Option<Vec<u8>> {
        let missing = self.missing();
        let (taken, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        self.set_aside(taken.len());
        self.got.extend_from_slice(taken);
        (taken.len() == missing).then(|| std::mem::take(&mut self.got))
    }

    /// Sees to it that there is memory for so many bytes, and for as many as have come if those are more. Never for more than are
    /// to come: what is doubled at the end would be twice of what is needed.
    fn set_aside(&mut self, bytes: usize) {
        if self.got.capacity() - self.got.len() < bytes || self.got.capacity() == 0 {
            let ahead = self.got.len().max(AHEAD).min(self.missing());
            self.got.reserve_exact(ahead.max(bytes));
        }
    }

    fn missing(&self) -> usize {
        self.wanted - self.got.len()
    }

    /// The memory into which to read what comes next, and nothing of what follows the announced bytes, if that is so much that it is
    /// worth it: it saves a copy. Whether they are complete then is told by [`take`](Self::take).
    #[cfg(unix)]
    pub(super) fn room(&mut self) -> Option<rustix::buffer::SpareCapacity<'_, u8>> {
        if self.missing() < AHEAD {
            return None;
        }
        self.set_aside(AHEAD);
        // The allocator may have given more.
        let spare = self.got.capacity() - self.got.len();
        (spare <= self.missing()).then(|| rustix::buffer::spare_capacity(&mut self.got))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_collected_however_they_come() {
        for step in 1..=7 {
            let mut collector = Collector::new(7);
            let mut result = None;
            for chunk in b"1234567".chunks(step) {
                assert!(result.is_none());
                let mut input = chunk;
                result = collector.take(&mut input);
                assert!(input.is_empty());
            }
            assert_eq!(result.unwrap(), b"1234567");
        }
        let mut input = &b"abc"[..];
        assert_eq!(Collector::new(0).take(&mut input).unwrap(), b"");
        assert_eq!(Collector::new(2).take(&mut input).unwrap(), b"ab");
        assert_eq!(input, b"c");
    }

    #[test]
    #[cfg(unix)]
    fn long_bytes_are_read_in_place_and_none_behind_them() {
        use std::io::{Read, Write};
        use std::os::unix::net::UnixStream;

        let bytes: Vec<u8> = (0..10 * AHEAD).map(|n| (n % 251) as u8).collect();
        let (mut writer, mut reader) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&bytes).unwrap());
            let mut collector = Collector::new(7 * AHEAD);
            let mut read = 0;
            while let Some(room) = collector.room() {
                read += rustix::io::read(&reader, room).unwrap();
                assert!(collector.got.capacity() <= (2 * read).max(AHEAD), "{read}");
            }
            assert!(read > 6 * AHEAD && read <= 7 * AHEAD, "{read}");
            let mut rest = vec![0; bytes.len() - read];
            reader.read_exact(&mut rest).unwrap();
            let mut rest = &rest[..];
            assert_eq!(collector.take(&mut rest).unwrap(), bytes[..7 * AHEAD]);
            assert_eq!(rest, &bytes[7 * AHEAD..]);
        });
    }

    #[test]
    fn an_announced_length_sets_no_memory_aside() {
        let mut collector = Collector::new(1 << 30);
        assert!(collector.take(&mut &b"x"[..]).is_none());
        assert!(collector.got.capacity() <= 2 * AHEAD);
    }
}
