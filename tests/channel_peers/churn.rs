//! Connections that come and go by the thousand leave nothing behind.

use std::thread;

use foreground::channel::Value;

use crate::alone::{descriptors, has_io_thread, resident, threads};
use crate::raw::{Raw, request};
use crate::support::{Setting, eventually};

each_setting_alone!(leaves_nothing_behind);

const ROUNDS: usize = 10_000;

fn leaves_nothing_behind(setting: Setting) {
    assert!(!has_io_thread());
    let before = (descriptors(), threads().len());
    rounds(setting, 500);
    // The threads and sockets of the first rounds have gone, and with them the I/O thread.
    eventually("the end of the I/O thread", || !has_io_thread());
    eventually("the end of all threads and sockets", || (descriptors(), threads().len()) == before);
    let memory = resident();
    rounds(setting, ROUNDS);
    eventually("the end of the I/O thread", || !has_io_thread());
    eventually("the end of all threads and sockets", || (descriptors(), threads().len()) == before);
    let grown = resident().saturating_sub(memory);
    // Less than 100 bytes for each connection: what an allocator keeps for itself, and no connection.
    assert!(grown < 1 << 20, "{grown} bytes more");
}

/// Connects and disconnects so often, in all manners.
fn rounds(setting: Setting, rounds: usize) {
    // A thread that has ever waited at a connection keeps two descriptors until it ends.
    thread::spawn(move || connect_and_disconnect(setting, rounds)).join().unwrap();
}

fn connect_and_disconnect(setting: Setting, rounds: usize) {
    let (listener, place) = setting.listen();
    let requests = listener.requests();
    let server = thread::spawn(move || {
        loop {
            let request = requests.recv().unwrap();
            match request.content::<Value>().unwrap() {
                Value::Null => return,
                content => request.reply(&content).unwrap_or_default(),
            }
        }
    });
    for round in 0..rounds {
        match round % 5 {
            0 => drop(setting.options().connect(&place.address).unwrap()),
            1 => {
                let channel = setting.options().connect(&place.address).unwrap();
                assert_eq!(channel.call::<usize>(&round).unwrap(), round);
            }
            2 => drop(setting.options().connect(&place.address).unwrap().request(&round).unwrap()),
            3 => drop(Raw::connect(setting, &place.address)),
            _ => {
                // It goes in the middle of a message, with an answer under way.
                let mut peer = Raw::connect(setting, &place.address);
                peer.send(&request(1, "x"));
                peer.write(&[0, 0, 1]).unwrap();
            }
        }
    }
    let last = setting.options().connect(&place.address).unwrap();
    assert!(last.call::<Value>(&()).is_err(), "the server drops it unanswered");
    server.join().unwrap();
}
