//! Peers that are slow to send, to read, or to stop: they cost their own connection at most, and bounded memory.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use foreground::MessageRouter;
use foreground::channel::{Channel, Listener, Options, RecvError, Request, Value};
use foreground::net::DisconnectKind;

use crate::alone::{resident, sleeps};
use crate::raw::{Raw, frame, request, result};
use crate::support::{Setting, eventually};

each_setting!(that_trickle_are_cut_off, that_trickle_to_who_waits_are_cut_off, that_never_pause_are_paused);
each_setting_alone!(that_never_read_are_cut_off, that_never_read_do_not_fill_the_foreground);

/// Answers each connection on a thread of its own: a number by so many letters. Tells how each ended.
fn serve_letters(listener: Listener) -> mpsc::Receiver<RecvError> {
    let (sender, ends) = mpsc::channel();
    thread::spawn(move || {
        for channel in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || {
                let end = answer_with_letters(&channel);
                // The test may have ended before.
                let _ = sender.send(end);
            });
        }
    });
    ends
}

fn answer_with_letters(channel: &Channel) -> RecvError {
    loop {
        match channel.recv() {
            Ok(request) => {
                let length: usize = request.content().unwrap();
                // The peer may be cut off meanwhile.
                let _ = request.reply(&"x".repeat(length));
            }
            Err(end) => return end,
        }
    }
}

fn that_trickle_are_cut_off(setting: Setting) {
    const LIMIT: Duration = Duration::from_millis(300);
    let (listener, place) = setting.listen_with(&setting.options().message_timeout(LIMIT));
    let ends = serve_letters(listener);
    let honest = setting.options().connect(&place.address).unwrap();
    assert_eq!(honest.call::<String>(&1).unwrap(), "x");

    let mut peer = Raw::connect(setting, &place.address);
    let bytes = frame(setting, &request(1, "x".repeat(100_000)));
    let began = Instant::now();
    let mut served = 0;
    let end = bytes.iter().find_map(|byte| {
        // What is written after the cut may fail.
        let _ = peer.write(std::slice::from_ref(byte));
        // Others are served between two bytes.
        assert_eq!(honest.call::<String>(&2).unwrap(), "xx");
        served += 1;
        ends.recv_timeout(Duration::from_millis(5)).ok()
    });
    let reason = end.expect("it is not served for ever");
    assert_eq!(reason.disconnect().unwrap().kind(), DisconnectKind::TimedOut, "{reason}");
    assert!(began.elapsed() >= LIMIT && served > 1, "{served} in {:?}", began.elapsed());
    peer.wait_for_end();
    // Quiet between two messages is no fault.
    assert_eq!(honest.call::<String>(&3).unwrap(), "xxx");
}

fn that_trickle_to_who_waits_are_cut_off(setting: Setting) {
    const LIMIT: Duration = Duration::from_millis(100);
    let options = setting.options().message_timeout(LIMIT);
    let wait = |name: &'static str, channel: Channel| {
        let pending = channel.request("anything?").unwrap();
        let waiting = thread::Builder::new().name(name.into()).spawn(|| pending.wait::<String>()).unwrap();
        eventually("the sleep of who waits", || sleeps(name));
        waiting
    };
    // Who waits for a reply reads itself, and it is a request that comes, in two parts.
    let (mut peer, channel) = setting.raw_client_with(&options);
    let waiting = wait("who waits", channel.clone());
    let bytes = frame(setting, &request(1, "in two parts"));
    let (first, second) = bytes.split_at(7);
    peer.write(first).unwrap();
    peer.write(second).unwrap();
    // From then on nothing is under way, however long it takes.
    thread::sleep(3 * LIMIT);
    peer.send(&result(0, "late"));
    assert_eq!(waiting.join().unwrap().unwrap(), "late");
    assert_eq!(channel.recv().unwrap().content::<String>().unwrap(), "in two parts");

    // The second part does not come.
    let waiting = wait("who waits too", channel);
    peer.write(first).unwrap();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.disconnect().unwrap().kind(), DisconnectKind::TimedOut, "{error}");
}

const LETTERS: usize = 8 << 20;

/// Asks again and again for 8 MiB, and reads nothing, until it is cut off.
fn ask_and_never_read(setting: Setting, address: &str) {
    let mut peer = Raw::connect(setting, address);
    let asks: Vec<u8> = (0..1000).flat_map(|id| frame(setting, &request(id, LETTERS as i64))).collect();
    while let Ok(()) = peer.write(&asks) {}
}

fn that_never_read_are_cut_off(setting: Setting) {
    let stall = Duration::from_millis(500);
    let (listener, place) = setting.listen_with(&setting.options().send_timeout(stall));
    let ends = serve_letters(listener);
    let honest = setting.options().connect(&place.address).unwrap();
    assert_eq!(honest.call::<String>(&1).unwrap(), "x");
    let before = resident();
    let address = place.address.clone();
    let asking = thread::spawn(move || ask_and_never_read(setting, &address));
    let mut most = 0;
    let end = loop {
        assert_eq!(honest.call::<String>(&2).unwrap(), "xx");
        most = most.max(resident());
        if let Ok(end) = ends.recv_timeout(Duration::from_millis(1)) {
            break end;
        }
    };
    assert_eq!(end.disconnect().unwrap().kind(), DisconnectKind::TimedOut, "{end}");
    // One answer waits to be written, one is being made, encoded, and waits for room; and some thousand short requests.
    let grown = most.saturating_sub(before);
    assert!(grown < 8 * LETTERS, "{grown} bytes more");
    asking.join().unwrap();
    assert_eq!(honest.call::<String>(&3).unwrap(), "xxx");
}

fn that_never_read_do_not_fill_the_foreground(setting: Setting) {
    #[derive(Default)]
    struct App {
        honest: u32,
        answered: u32,
    }
    let router: MessageRouter<App> = MessageRouter::new(|| {});
    router.start().unwrap();
    let stall = Duration::from_millis(500);
    let options =
        setting.options().send_timeout(stall).unanswered_limit(10_000, LETTERS).message_limit(LETTERS + 100);
    let (listener, place) = setting.listen_with(&options);
    let requests = listener.requests();
    let _serving = requests
        .serve_on(&router, |app: &mut App, request, length: usize| {
            app.answered += 1;
            app.honest += u32::from(length == 1);
            // The peer may be cut off meanwhile.
            let _ = request.reply(&"x".repeat(length));
        })
        .unwrap();
    let honest = setting.options().connect(&place.address).unwrap();
    let address = place.address.clone();
    let before = resident();
    let asking = thread::spawn(move || ask_and_never_read(setting, &address));
    let mut app = App::default();
    let mut most = 0;
    while !asking.is_finished() {
        let pending = honest.request(&1).unwrap();
        let next = app.honest + 1;
        router
            .route_until(
                &mut app,
                |app| {
                    most = most.max(resident());
                    app.honest == next
                },
                Duration::from_secs(60),
            )
            .unwrap();
        assert_eq!(pending.wait::<String>().unwrap(), "x");
    }
    asking.join().unwrap();
    let grown = most.saturating_sub(before);
    // The foreground never waits, so its answers pile up, to four times the limit.
    assert!(grown < 8 * LETTERS, "{grown} bytes more after {} answers", app.answered);
}

fn that_never_pause_are_paused(setting: Setting) {
    const REQUESTS: usize = 50_000;
    const LIMIT: usize = 1000;
    let content = "x".repeat(1000);
    let (listener, place) = setting.listen_with(
        // What is not read for longer than a message may take is not the peer's fault.
        &setting.options().unanswered_limit(LIMIT, 64 << 20).message_timeout(Duration::from_millis(150)),
    );
    let requests = listener.requests();
    let peer = Raw::connect(setting, &place.address);
    let (mut writer, mut reader) = (peer.another(), peer);
    let writing = thread::spawn(move || {
        for id in 0..REQUESTS {
            writer.send(&request(id as i64, &*content));
        }
    });
    let mut unanswered = Vec::new();
    // It is not read any more when nothing comes for a while; by then it cannot have sent a tenth.
    while let Ok(request) = requests.recv_timeout(Duration::from_millis(300)) {
        unanswered.push(request);
    }
    assert_eq!(unanswered.len(), LIMIT + 1);
    assert!(!writing.is_finished(), "the peer has to wait");
    // Others do not.
    let honest = setting.options().connect(&place.address).unwrap();
    let pending = honest.request("hello").unwrap();
    requests.recv().unwrap().reply("hello yourself").unwrap();
    assert_eq!(pending.wait::<String>().unwrap(), "hello yourself");

    let reading = thread::spawn(move || {
        for id in 0..REQUESTS {
            assert_eq!(reader.message().unwrap()[..2], [1.into(), Value::from(id as i64)]);
        }
        reader
    });
    let mut answered = unanswered.len();
    unanswered.into_iter().for_each(|request| request.reply(&()).unwrap());
    while answered < REQUESTS {
        requests.recv().unwrap().reply(&()).unwrap();
        answered += 1;
    }
    writing.join().unwrap();
    let reader = reading.join().unwrap();
    reader.set_patience(Duration::from_millis(1));
    assert!(requests.try_recv().is_err());
    drop(reader);
    eventually("the end of the connection", || requests.connections() == 1);
}

const PATIENCE: Duration = Duration::from_secs(60);

/// The requests come in one burst, of which the first few reach the limit.
#[test]
fn that_send_all_at_once_are_paused_and_not_cut_off() {
    const REQUESTS: u32 = 2000;
    let options = Options::new().unanswered_limit(16, 1 << 20);
    for serves_by_thread in [true, false] {
        let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
        let client = Options::new().open(client).unwrap();
        let pending: Vec<_> = (0..REQUESTS).map(|n| client.request(&n).unwrap()).collect();
        let server = options.open(server).unwrap();
        let answer = |request: Request| {
            let n: u32 = request.content().unwrap();
            request.reply(&n).unwrap();
        };
        if serves_by_thread {
            (0..REQUESTS).for_each(|_| answer(server.recv_timeout(PATIENCE).unwrap()));
        } else {
            // The I/O thread reads all the time.
            let mut answered = 0;
            let end = Instant::now() + PATIENCE;
            while answered < REQUESTS && Instant::now() < end {
                while let Ok(request) = server.try_recv() {
                    answer(request);
                    answered += 1;
                }
                thread::yield_now();
            }
        }
        for (n, pending) in pending.into_iter().enumerate() {
            assert_eq!(pending.wait_timeout::<u32>(PATIENCE).unwrap() as usize, n);
        }
    }
}
