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
        let missing = self.wanted - self.got.len();
        let (taken, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        if taken.len() < missing {
            let ahead = self.got.len().max(AHEAD).min(missing);
            self.got.reserve(ahead.max(taken.len()));
        } else {
            self.got.reserve_exact(missing);
        }
        self.got.extend_from_slice(taken);
        (taken.len() == missing).then(|| std::mem::take(&mut self.got))
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
    fn an_announced_length_sets_no_memory_aside() {
        let mut collector = Collector::new(1 << 30);
        assert!(collector.take(&mut &b"x"[..]).is_none());
        assert!(collector.got.capacity() <= 2 * AHEAD);
    }
}
