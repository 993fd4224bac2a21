//! Whoever is blocked wakes when the connection ends, however it ends.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use foreground::channel::{Channel, SendError, Value};
use foreground::net::DisconnectKind;

use crate::alone::sleeps;
use crate::support::{Setting, eventually};

each_setting!(
    when_it_is_closed_here,
    when_the_peer_closes,
    when_the_peer_drops_its_last_handle,
    of_many_who_wait_one_reads_and_then_another,
);

/// The threads that are blocked at one end of a connection.
struct Blocked(Vec<JoinHandle<DisconnectKind>>);

impl Blocked {
    fn at(channel: &Channel) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut threads = Vec::new();
        let mut block = |what: &dyn Fn(Channel) -> Box<dyn FnOnce() -> DisconnectKind + Send>| {
            let name = format!("blocked {}", NUMBER.fetch_add(1, Ordering::Relaxed));
            let work = what(channel.clone());
            threads.push(thread::Builder::new().name(name.clone()).spawn(work).unwrap());
            eventually("the sleep of a thread", || sleeps(&name));
        };
        for _ in 0..2 {
            block(&|channel| Box::new(move || channel.recv().unwrap_err().disconnect().unwrap().kind()));
            block(&|channel| {
                let pending = channel.request("never answered").unwrap();
                Box::new(move || pending.wait::<Value>().unwrap_err().disconnect().unwrap().kind())
            });
        }
        // The peer reads nothing any more when these have sent, so that whoever sends more has to wait.
        let much = "x".repeat(4 << 20);
        let pending = fill(channel, &much);
        for _ in 0..2 {
            block(&|channel| {
                let much = much.clone();
                Box::new(move || match channel.request(&much) {
                    // A peer that closes throws away what still comes, and there is room at last.
                    Ok(pending) => pending.wait::<Value>().unwrap_err().disconnect().unwrap().kind(),
                    Err(error) => error.disconnect().unwrap().kind(),
                })
            });
        }
        block(&|_| {
            let (first, rest) = (pending.lock().unwrap().pop().unwrap(), pending.clone());
            Box::new(move || {
                let kind = first.wait::<Value>().unwrap_err().disconnect().unwrap().kind();
                drop(rest);
                kind
            })
        });
        drop(pending);
        Self(threads)
    }

    #[track_caller]
    fn assert_woken(self, expected: DisconnectKind) {
        for thread in self.0 {
            assert_eq!(thread.join().unwrap(), expected);
        }
    }
}

/// Sends until the peer's limit is reached, and nothing more is taken.
fn fill(
    channel: &Channel,
    much: &str,
) -> std::sync::Arc<std::sync::Mutex<Vec<foreground::channel::PendingReply>>> {
    let mut pending = Vec::new();
    loop {
        match channel.try_request(much) {
            Ok(reply) => pending.push(reply),
            Err(SendError::Full) if is_stuck(channel) => break,
            Err(SendError::Full) => {}
            Err(error) => panic!("{error}"),
        }
    }
    std::sync::Arc::new(std::sync::Mutex::new(pending))
}

/// Whether the peer takes nothing for a while.
fn is_stuck(channel: &Channel) -> bool {
    !channel.flush(std::time::Duration::from_millis(200))
}

/// Two ends, of which the second takes one request only, and then reads no more.
fn pair(setting: Setting) -> (Channel, Channel) {
    setting.pair_with(&setting.options(), &setting.options().unanswered_limit(1, 1 << 20))
}

fn when_it_is_closed_here(setting: Setting) {
    let (channel, _peer) = pair(setting);
    let blocked = Blocked::at(&channel);
    channel.clone().close();
    blocked.assert_woken(DisconnectKind::ClosedHere);
    assert_eq!(channel.recv().unwrap_err().disconnect().unwrap().kind(), DisconnectKind::ClosedHere);
}

fn when_the_peer_closes(setting: Setting) {
    let (channel, peer) = pair(setting);
    let blocked = Blocked::at(&channel);
    peer.close();
    blocked.assert_woken(DisconnectKind::ClosedByPeer);
}

fn when_the_peer_drops_its_last_handle(setting: Setting) {
    let (channel, peer) = pair(setting);
    let another = peer.clone();
    let blocked = Blocked::at(&channel);
    drop(peer);
    drop(another);
    blocked.assert_woken(DisconnectKind::ClosedByPeer);
}

fn of_many_who_wait_one_reads_and_then_another(setting: Setting) {
    let (client, server) = setting.pair();
    // Each waits for its own reply, and they come in the reverse order: it is never the reader's that comes first.
    let waiting: Vec<_> = (0..20)
        .map(|n| {
            let pending = client.request(&n).unwrap();
            thread::spawn(move || pending.wait::<u32>().unwrap())
        })
        .collect();
    let requests: Vec<_> = (0..20).map(|_| server.recv().unwrap()).collect();
    for request in requests.into_iter().rev() {
        let n: u32 = request.content().unwrap();
        request.reply(&n).unwrap();
    }
    for (n, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(waiting.join().unwrap() as usize, n);
    }
}
