use std::io::Read;
use std::os::unix::net::UnixStream;

use super::*;

/// Whatever comes is a message.
struct Bytes;

impl Decode for Bytes {
    type Message = Vec<u8>;

    fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Disconnect> {
        Ok(Some(std::mem::take(input).to_vec()))
    }

    fn is_midway(&self) -> bool {
        false
    }
}

struct Quiet;

impl Protocol for Quiet {
    type Decoder = Bytes;

    fn on_message(&self, _: &Arc<Link<Self>>, _: Vec<u8>) -> Result<(), Disconnect> {
        Ok(())
    }

    fn on_closed(&self, _: &Disconnect) {}
}

fn pair(timeouts: Timeouts) -> (UnixStream, Arc<Link<Quiet>>) {
    let (peer, ours) = UnixStream::pair().unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (peer, Link::open(ours.into(), Bytes, Quiet, timeouts).unwrap())
}

#[test]
fn what_was_sent_is_written_however_long_the_peer_takes_to_close() {
    let timeouts = Timeouts { linger: Duration::from_millis(20), ..Timeouts::default() };
    let (mut slow, link) = pair(timeouts);
    link.send(vec![7; 4 << 20], When::Now).unwrap();
    link.finish(Disconnect::closed_here());

    // By the time that one with nothing to write is given up, this one has been finished for as long.
    let (_keeps_open, other) = pair(timeouts);
    other.finish(Disconnect::closed_here());
    while other.state.lock().phase != Phase::Closed {
        std::thread::yield_now();
    }

    let mut read = Vec::new();
    slow.read_to_end(&mut read).unwrap();
    assert_eq!(read.len(), 4 << 20);
}
