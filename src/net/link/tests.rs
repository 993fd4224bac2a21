use std::io::Read;
use std::os::unix::net::UnixStream;

use super::*;

/// Whatever comes is a message.
struct Bytes;

impl Decode for Bytes {
    type Message<'a> = Vec<u8>;

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

#[test]
fn what_is_sent_while_the_peer_does_not_read_comes_in_order() {
    let (mut peer, link) = pair(Timeouts::default());
    let ways = [When::Soon, When::Now];
    let mut sent = Vec::new();
    for number in 0_u32..200_000 {
        let bytes = number.to_be_bytes();
        sent.extend(bytes);
        link.send(bytes.to_vec(), ways[number as usize % ways.len()]).unwrap();
    }
    assert!(link.unsent() > 0, "the system holds less than was sent");
    link.finish(Disconnect::closed_here());
    let mut read = Vec::new();
    peer.read_to_end(&mut read).unwrap();
    assert!(read == sent, "{} bytes of {} came, or others", read.len(), sent.len());
}
