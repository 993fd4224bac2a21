//! How long a connection that the foreground serves is kept, and what its end waits for.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::channel::{self, Channel, Options, Request};

use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

fn raw() -> (UnixStream, Channel) {
    let (raw, ours) = UnixStream::pair().unwrap();
    raw.set_read_timeout(Some(PATIENCE)).unwrap();
    (raw, Options::new().open(ours).unwrap())
}

fn router_of<S>() -> MessageRouter<S> {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

#[test]
fn that_had_ended_before_is_let_go() {
    let listener = channel::listen("127.0.0.1:0").unwrap();
    let client = channel::connect(listener.local_address()).unwrap();
    let server = listener.accept().unwrap();
    drop(client);
    assert!(server.recv().unwrap_err().disconnect().is_some());
    let router = router_of::<()>();
    let serving = server.serve_on(&router, |_, _: Request, (): ()| {}).unwrap();
    drop((serving, server));
    eventually("the connection is let go", || listener.connections() == 0);
}

#[test]
fn no_longer_is_closed_unless_it_is_held() {
    let (mut peer, channel) = raw();
    let router = router_of::<()>();
    let serving = channel.serve_on(&router, |_, _: Request, (): ()| {}).unwrap();
    drop((channel, serving));
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

#[test]
fn by_a_router_that_stopped_is_closed_unless_it_is_held() {
    let (mut peer, channel) = raw();
    let router = router_of::<()>();
    channel.serve_on(&router, |_, _: Request, (): ()| {}).unwrap().detach();
    drop(channel);
    router.stop().unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_stop_waits_for_answers_that_need_the_peers() {
    let requests = channel::listen("127.0.0.1:0").unwrap().requests();
    let client = channel::connect(requests.local_address()).unwrap();
    let pending = client.request("how are you?").unwrap();
    let request = requests.recv().unwrap();
    let question = request.channel().request("who asks?").unwrap();
    let (asks, asked) = mpsc::channel();
    let foreground = thread::spawn(move || {
        let router = router_of::<bool>();
        let mut request = Some(request);
        let answer = move |done: &mut bool, name: Result<String, _>| {
            request.take().unwrap().reply(&name.unwrap()).unwrap();
            *done = true;
        };
        question.deliver_on(&router, answer).unwrap();
        asks.send(()).unwrap();
        let mut done = false;
        router.route_until(&mut done, |done| *done, PATIENCE).unwrap();
    });
    asked.recv().unwrap();
    let question = client.recv().unwrap();
    let address = requests.local_address();
    let stopping = thread::spawn(move || requests.stop(PATIENCE));
    // Whoever listens no more reads no more requests in a moment.
    eventually("it listens no more", || channel::connect(&address).is_err());
    question.reply("Ada").unwrap();
    assert_eq!(stopping.join().unwrap(), 0);
    assert_eq!(pending.wait::<String>().unwrap(), "Ada");
    foreground.join().unwrap();
}
