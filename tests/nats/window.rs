//! What the thread of the window does: connect, serve and call without waiting.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::nats::{Connection, Options, State};
use foreground::transport::nats::{Client, Server};
use foreground::transport::{ClientTransport, ErrorKind, ServerTransport};

use super::server::NatsServer;
use super::{LONG, connect, eventually};

fn router<S: 'static>() -> MessageRouter<S> {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

#[test]
fn connecting_in_the_background() {
    let nats = NatsServer::start();
    let router = router::<Option<Connection>>();
    Options::new()
        .connect_on(&router, nats.address(), |app: &mut Option<Connection>, connection| {
            *app = Some(connection.unwrap())
        })
        .unwrap();
    let mut app = None;
    router.route_until(&mut app, |app| app.is_some(), LONG).unwrap();
    app.unwrap().flush(LONG).unwrap();
}

#[test]
fn what_cannot_be_connected_to_is_told() {
    let nats = NatsServer::start_with(&["--auth", "s3cr3t"]);
    let router = router::<Vec<ErrorKind>>();
    let keep = |app: &mut Vec<ErrorKind>, connection: Result<Connection, foreground::transport::Error>| {
        app.push(connection.unwrap_err().kind());
    };
    Options::new().connect_on(&router, "no address", keep).unwrap();
    Options::new().connect_on(&router, nats.address(), keep).unwrap();
    let mut app = Vec::new();
    router.route_until(&mut app, |app| app.len() == 2, LONG).unwrap();
    assert_eq!(app, [ErrorKind::InvalidAddress, ErrorKind::Refused]);
}

#[test]
fn a_server_that_comes_later() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let router = router::<Option<Connection>>();
    Options::new()
        .retry_forever()
        .connect_on(&router, format!("127.0.0.1:{port}"), |app: &mut Option<Connection>, connection| {
            *app = Some(connection.unwrap());
        })
        .unwrap();
    let mut app = None;
    let early = router.route_until(&mut app, |app| app.is_some(), Duration::from_millis(10));
    assert!(early.is_err());
    let _nats = NatsServer::start_with(&["-p", &port.to_string()]);
    router.route_until(&mut app, |app| app.is_some(), LONG).unwrap();
}

#[test]
fn calls_and_service_in_the_window() {
    #[derive(Default)]
    struct App {
        served: u32,
        replies: Vec<Result<Vec<u8>, ErrorKind>>,
    }
    let nats = NatsServer::start();
    let (here, there) = (connect(&nats), connect(&nats));
    let router = router::<App>();
    let server = Server::new(&here, "window").unwrap();
    here.flush(LONG).unwrap();
    let serving = server
        .clone()
        .serve_on(&router, |app: &mut App, context, mut message| {
            app.served += 1;
            message.reverse();
            context.reply(message).unwrap();
        })
        .unwrap();
    let client = Client::new(&there, "window").unwrap();
    for n in 0..10_u8 {
        client
            .send_message_on(&router, vec![n, 100], true, |app: &mut App, reply| {
                app.replies.push(reply.map(Option::unwrap_or_default).map_err(|error| error.kind()));
            })
            .unwrap();
    }
    let nobody = Client::new(&there, "nobody").unwrap();
    nobody
        .send_message_on(&router, Vec::new(), true, |app: &mut App, reply| {
            app.replies.push(Err(reply.unwrap_err().kind()))
        })
        .unwrap();
    let mut app = App::default();
    router.route_until(&mut app, |app| app.replies.len() == 11, LONG).unwrap();
    assert_eq!(app.served, 10);
    app.replies.sort_by_key(|reply| reply.clone().ok());
    assert_eq!(app.replies[0], Err(ErrorKind::NoResponders));
    assert!(app.replies[1..].iter().zip(0..).all(|(reply, n)| *reply == Ok(vec![100, n])));
    // Who serves no more refuses what comes, as long as the subscription is there.
    serving.stop();
    let error = client.send_message(b"hello".to_vec(), true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoReply);
    drop(server);
}

#[test]
fn the_state_is_shown() {
    let mut nats = NatsServer::start();
    let connection =
        Options::new().reconnect_pause(Duration::from_millis(20)).connect(nats.address()).unwrap();
    let router = router::<Vec<State>>();
    let _serving =
        connection.deliver_state_to(&router, |app: &mut Vec<State>, state| app.push(state)).unwrap();
    let mut app = Vec::new();
    router.route_until(&mut app, |app| app.len() == 1, LONG).unwrap();
    nats.kill();
    router.route_until(&mut app, |app| app.len() == 2, LONG).unwrap();
    nats.start_again();
    router.route_until(&mut app, |app| app.len() == 3, LONG).unwrap();
    assert_eq!(app, [State::Connected, State::Reconnecting, State::Connected]);
    assert_eq!(connection.reconnects(), 1);
}

#[test]
fn waiting_on_the_connections_own_thread_is_an_error() {
    let nats = NatsServer::start();
    let connection = connect(&nats);
    let (sender, receiver) = std::sync::mpsc::channel();
    // The waker runs on the thread that delivers.
    let inner = std::sync::Mutex::new(Some((connection.clone(), sender)));
    let router: MessageRouter<()> = MessageRouter::new(move || {
        if let Some((connection, sender)) = inner.lock().unwrap().take() {
            sender.send(connection.flush(LONG).unwrap_err().kind()).unwrap();
        }
    });
    router.start().unwrap();
    let client = Client::new(&connection, "nobody").unwrap();
    client.send_message_on(&router, Vec::new(), true, |(), _| {}).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), ErrorKind::WouldDeadlock);
}

/// How many calls, and which states.
type Seen = (u32, Vec<State>);

#[test]
fn a_waker_that_panics_costs_nobody_anything() {
    let mut nats = NatsServer::start();
    let connection =
        Options::new().reconnect_pause(Duration::from_millis(20)).connect(nats.address()).unwrap();
    let panics = Arc::new(AtomicBool::new(false));
    let waker = panics.clone();
    let router: MessageRouter<Seen> = MessageRouter::new(move || {
        assert!(!waker.swap(false, Ordering::Relaxed), "as it should");
    });
    router.start().unwrap();
    let server = Server::new(&connection, "twice").unwrap();
    let _serving = server
        .serve_on(&router, |(calls, _), context, message| {
            *calls += 1;
            context.reply(message).unwrap();
        })
        .unwrap();
    let _states = connection.deliver_state_to(&router, |(_, states), state| states.push(state)).unwrap();
    let mut app: Seen = (0, Vec::new());
    // The wakes of a router that is driven by hand are not the waker's.
    let mut dispatch_until = |is_so: &dyn Fn(&Seen) -> bool| {
        eventually("it comes", || {
            router.dispatch(&mut app);
            router.settle();
            is_so(&app)
        });
    };
    dispatch_until(&|(_, states)| states.len() == 1);
    for calls in 1..3 {
        panics.store(calls == 1, Ordering::Relaxed);
        let client = Client::new(&connection, "twice").unwrap();
        let asking = thread::spawn(move || client.send_message(b"?".to_vec(), true));
        dispatch_until(&|app| app.0 == calls);
        asking.join().unwrap().unwrap();
        assert!(!panics.load(Ordering::Relaxed), "it was woken");
    }
    panics.store(true, Ordering::Relaxed);
    nats.kill();
    dispatch_until(&|(_, states)| states.len() == 2);
    assert!(!panics.load(Ordering::Relaxed), "it was woken");
    nats.start_again();
    dispatch_until(&|(_, states)| states.len() == 3);
}
