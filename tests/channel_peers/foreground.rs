//! Requests, replies and connections that come to the foreground by a router.

use std::time::Duration;

use foreground::MessageRouter;
use foreground::channel::{Channel, ConnectError, ReplyError, Request, Requests, SendError, Value};
use serde_json::json;

use crate::peer::aiomas::Aiomas;
use crate::support::{Setting, eventually};

each_setting!(
    answers_at_once,
    answers_when_the_user_clicks,
    stops_while_requests_wait,
    takes_connections,
    gets_replies,
    connects,
    refuses_the_wrong_type,
);

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct App {
    answered: usize,
    waiting: Vec<(Request, Value)>,
    channels: Vec<Channel>,
    results: Vec<Result<Value, ReplyError>>,
    connected: Option<Result<Channel, ConnectError>>,
}

fn router() -> MessageRouter<App> {
    let router = MessageRouter::new(|| {});
    router.start().unwrap();
    router
}

fn client_of(requests: &Requests, setting: Setting) -> Aiomas {
    let address = crate::support::plain(&requests.local_address());
    Aiomas::client(setting.codec, &address)
}

fn answers_at_once(setting: Setting) {
    let router = router();
    let (listener, _place) = setting.listen();
    let requests = listener.requests();
    let serving = requests
        .serve_on(&router, |app: &mut App, request, n: u64| {
            request.reply(&(n + 1)).unwrap();
            app.answered += 1;
        })
        .unwrap();
    let mut clients = [client_of(&requests, setting), client_of(&requests, setting)];
    for client in &mut clients {
        client.send(&(0..100).map(|n| json!(n)).collect::<Vec<_>>());
    }
    let mut app = App::default();
    router.route_until(&mut app, |app| app.answered == 200, PATIENCE).unwrap();
    for client in &mut clients {
        for n in 0..100 {
            let outcome = client.outcome();
            assert_eq!((outcome.number, outcome.result.unwrap()), (n, json!(n + 1)));
        }
    }
    // Then for threads, one of which has to be there before the next request comes.
    serving.stop();
    assert!(requests.try_recv().is_err());
    clients[0].send(&[json!(7)]);
    requests.recv().unwrap().reply("from a thread").unwrap();
    assert_eq!(clients[0].outcome().result.unwrap(), json!("from a thread"));
}

fn answers_when_the_user_clicks(setting: Setting) {
    let router = router();
    let (mut client, channel, _place) = setting.aiomas_client();
    let _serving = channel
        .serve_on(&router, |app: &mut App, request, content| app.waiting.push((request, content)))
        .unwrap();
    // The callback keeps the connection open by itself.
    drop(channel);
    client.send(&(0..5).map(|n| json!(n)).collect::<Vec<_>>());
    let mut app = App::default();
    router.route_until(&mut app, |app| app.waiting.len() == 5, PATIENCE).unwrap();
    for n in [3_u64, 0, 4, 1, 2] {
        let index = app.waiting.iter().position(|(_, content)| *content == n.into()).unwrap();
        let (request, _) = app.waiting.remove(index);
        request.reply(&(n * 10)).unwrap();
        let outcome = client.outcome();
        assert_eq!((outcome.number, outcome.result.unwrap()), (n, json!(n * 10)));
    }
}

fn stops_while_requests_wait(setting: Setting) {
    let router = router();
    let (listener, _place) = setting.listen();
    let requests = listener.requests();
    let _serving = requests
        .serve_on(&router, |app: &mut App, request, content| app.waiting.push((request, content)))
        .unwrap();
    let mut client = client_of(&requests, setting);
    client.send(&[json!("kept"), json!("kept too")]);
    let mut app = App::default();
    router.route_until(&mut app, |app| app.waiting.len() == 2, PATIENCE).unwrap();
    client.send(&[json!("not delivered"), json!("nor this")]);
    eventually("the arrival of two more", || router.stats().sent == 4);
    router.stop().unwrap();
    for number in [2, 3] {
        let outcome = client.outcome();
        assert_eq!(outcome.number, number);
        assert_eq!(outcome.result.unwrap_err().text, "NoReply: the request was dropped unanswered\n");
    }
    // Those that the foreground has are its own.
    let (request, _) = app.waiting.remove(0);
    request.reply("after all").unwrap();
    assert_eq!(client.outcome().result.unwrap(), json!("after all"));
    drop(app);
    assert!(client.outcome().result.unwrap_err().text.starts_with("NoReply: "));
    // What comes later fails, until a thread takes something.
    client.send(&[json!("too late")]);
    assert!(client.outcome().result.unwrap_err().text.starts_with("NoReply: "));
    assert!(requests.try_recv().is_err());
    client.send(&[json!("for a thread")]);
    drop(requests.recv().unwrap());
    assert!(client.outcome().result.unwrap_err().text.starts_with("NoReply: "));
    client.send(&[json!("much too late")]);
    drop(requests);
    let failure = client.outcome().result.unwrap_err();
    assert!(failure.text.starts_with("NoReply: ") || failure.error == "ConnectionResetError", "{failure:?}");
}

fn takes_connections(setting: Setting) {
    let router = router();
    let (listener, place) = setting.listen();
    let inner = router.clone();
    let _serving = listener
        .serve_on(&router, move |app: &mut App, channel: Channel| {
            let serving = channel.serve_on(&inner, |app: &mut App, request: Request, content: Value| {
                app.answered += 1;
                request.reply(&(app.answered, content)).unwrap();
            });
            serving.unwrap().detach();
            app.channels.push(channel);
        })
        .unwrap();
    let mut app = App::default();
    let mut clients: Vec<_> = (0..3).map(|_| Aiomas::client(setting.codec, &place.address)).collect();
    router.route_until(&mut app, |app| app.channels.len() == 3, PATIENCE).unwrap();
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(&[json!("hello")]);
        router.route_until(&mut app, |app| app.answered == index + 1, PATIENCE).unwrap();
        assert_eq!(client.outcome().result.unwrap(), json!([index + 1, "hello"]));
    }
    // One that is closed here.
    app.channels[1].close();
    clients[1].wait_for_loss();
    clients[2].send(&[json!("still here?")]);
    router.route_until(&mut app, |app| app.answered == 4, PATIENCE).unwrap();
    assert_eq!(clients[2].outcome().result.unwrap(), json!([4, "still here?"]));
}

fn gets_replies(setting: Setting) {
    let router = router();
    let (mut server, channel, _place) = setting.aiomas_server();
    let ask = |content: Value| {
        let pending = channel.request(&content)?;
        pending.deliver_on(&router, |app: &mut App, result| app.results.push(result)).unwrap();
        Ok::<(), SendError>(())
    };
    let mut app = App::default();
    ask(vec![Value::from("hold"), 1.into()].into()).unwrap();
    ask(vec![Value::from("echo"), 2.into()].into()).unwrap();
    ask(vec![Value::from("fail"), "no".into()].into()).unwrap();
    router.route_until(&mut app, |app| app.results.len() == 2, PATIENCE).unwrap();
    assert_eq!(*app.results[0].as_ref().unwrap(), 2.into());
    assert!(matches!(app.results[1], Err(ReplyError::Remote(_))), "{:?}", app.results);
    server.release(&[json!(1)]);
    router.route_until(&mut app, |app| app.results.len() == 3, PATIENCE).unwrap();
    assert_eq!(*app.results[2].as_ref().unwrap(), 1.into());
    // Each is called once, also at the end.
    ask(vec!["never"].into()).unwrap();
    ask(vec!["never"].into()).unwrap();
    server.peer.kill();
    router.route_until(&mut app, |app| app.results.len() == 5, PATIENCE).unwrap();
    assert!(app.results[3..].iter().all(|result| result.as_ref().unwrap_err().disconnect().is_some()));
}

fn connects(setting: Setting) {
    let router = router();
    let mut place = setting.place();
    if !setting.unix {
        // A port at which nobody listens, and soon somebody will.
        let free = std::net::TcpListener::bind(&place.address).unwrap();
        place.address = free.local_addr().unwrap().to_string();
    }
    let mut app = App::default();
    let connect = |options: &foreground::channel::Options| {
        options
            .connect_on(&router, &*place.address, |app: &mut App, channel| app.connected = Some(channel))
            .unwrap();
    };
    connect(&setting.options());
    router.route_until(&mut app, |app| app.connected.is_some(), PATIENCE).unwrap();
    let error = app.connected.take().unwrap().unwrap_err();
    assert!(error.to_string().contains(&place.address), "{error}");

    connect(&setting.options().retry_for(PATIENCE));
    let mut server = Aiomas::server(setting.codec, &place.address);
    router.route_until(&mut app, |app| app.connected.is_some(), PATIENCE).unwrap();
    let channel = app.connected.take().unwrap().unwrap();
    assert_eq!(channel.call::<u32>(&("add", 1, 2)).unwrap(), 3);
    assert_eq!(server.counts().received, 1);
}

fn refuses_the_wrong_type(setting: Setting) {
    let router = router();
    let (listener, _place) = setting.listen();
    let requests = listener.requests();
    let _serving = requests
        .serve_on(&router, |app: &mut App, request, content: (u32, String)| {
            app.answered += 1;
            request.reply(&content).unwrap();
        })
        .unwrap();
    let mut client = client_of(&requests, setting);
    client.send(&[
        json!("text"),
        json!([1, "one"]),
        json!([1]),
        json!({"a": 1}),
        json!([-1, "x"]),
        json!([2, "two"]),
    ]);
    let mut app = App::default();
    router.route_until(&mut app, |app| app.answered == 2, PATIENCE).unwrap();
    for _ in 0..6 {
        let outcome = client.outcome();
        match outcome.number {
            1 => assert_eq!(outcome.result.unwrap(), json!([1, "one"])),
            5 => assert_eq!(outcome.result.unwrap(), json!([2, "two"])),
            _ => {
                let failure = outcome.result.unwrap_err();
                assert!(failure.text.starts_with("TypeError: "), "{failure:?}");
            }
        }
    }
    assert_eq!(app.answered, 2);
}
