//! Whoever reads the socket, a thread that waits or the I/O thread, the program sees the same.

use std::time::Duration;

use foreground::MessageRouter;
use foreground::channel::{Channel, PendingReply, ReplyError, Request, Value};
use foreground::net::DisconnectKind;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::raw::{exception, frame, request, result};
use crate::support::{Setting, eventually};

each_setting!(makes_no_difference);

/// How many requests are under way when the peer begins.
const ASKED: usize = 4;

/// What the peer sends.
#[derive(Clone, Debug)]
enum Step {
    Request(u32),
    Reply(usize, u32),
    Failure(usize),
    /// To a request that nobody made.
    Unasked,
}

/// How it ends.
#[derive(Clone, Copy, Debug)]
enum End {
    BetweenMessages,
    WithinMessage,
    BadMessage,
    TooLarge,
}

/// What the program sees.
#[derive(Debug, PartialEq)]
struct View {
    received: Vec<u32>,
    /// What became of the requests under way.
    outcomes: Vec<Result<u32, String>>,
    end: DisconnectKind,
}

/// How the program waits.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// A thread receives, and then waits for its replies.
    Waiting,
    /// A thread waits for its replies, and then receives.
    WaitingForRepliesFirst,
    /// Several threads at once.
    WaitingTogether,
    /// Nobody waits; the I/O thread reads.
    Looking,
    /// All comes to the foreground.
    Foreground,
}

const MANNERS: [Manner; 5] = [
    Manner::Waiting,
    Manner::WaitingForRepliesFirst,
    Manner::WaitingTogether,
    Manner::Looking,
    Manner::Foreground,
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => any::<u32>().prop_map(Step::Request),
        2 => (0..ASKED, any::<u32>()).prop_map(|(id, value)| Step::Reply(id, value)),
        1 => (0..ASKED).prop_map(Step::Failure),
        1 => Just(Step::Unasked),
    ];
    prop::collection::vec(step, 0..30)
}

fn ends() -> impl Strategy<Value = End> {
    prop::sample::select(vec![End::BetweenMessages, End::WithinMessage, End::BadMessage, End::TooLarge])
}

fn makes_no_difference(setting: Setting) {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() });
    let cuts = prop::collection::vec(1..40_usize, 1..10);
    runner
        .run(&(steps(), ends(), cuts), |(steps, end, cuts)| {
            let expected = model(&steps, end);
            for manner in MANNERS {
                let seen = run(setting, manner, &steps, end, &cuts);
                prop_assert_eq!(&seen, &expected, "{:?}", manner);
            }
            Ok(())
        })
        .unwrap();
}

fn model(steps: &[Step], end: End) -> View {
    let end = match end {
        End::BetweenMessages => DisconnectKind::ClosedByPeer,
        End::WithinMessage => DisconnectKind::Truncated,
        End::BadMessage => DisconnectKind::Malformed,
        End::TooLarge => DisconnectKind::TooLarge,
    };
    let mut received = Vec::new();
    let mut outcomes: Vec<_> = (0..ASKED).map(|_| None).collect();
    for step in steps {
        match *step {
            Step::Request(content) => received.push(content),
            Step::Reply(id, value) => drop(outcomes[id].get_or_insert(Ok(value))),
            Step::Failure(id) => drop(outcomes[id].get_or_insert(Err("Error".to_owned()))),
            Step::Unasked => {}
        }
    }
    let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(format!("{end:?}")))).collect();
    View { received, outcomes, end }
}

fn run(setting: Setting, manner: Manner, steps: &[Step], end: End, cuts: &[usize]) -> View {
    let (mut peer, channel) = setting.raw_client();
    let pending: Vec<_> = (0..ASKED).map(|n| channel.request(&n).unwrap()).collect();
    let mut bytes = Vec::new();
    for (id, step) in steps.iter().enumerate() {
        let message = match step {
            Step::Request(content) => request(id as i64, *content),
            Step::Reply(id, value) => result(*id as i64, *value),
            Step::Failure(id) => exception(*id as i64, "Error: no"),
            Step::Unasked => result(1000, "surprise"),
        };
        bytes.extend(frame(setting, &message));
    }
    match end {
        End::BetweenMessages => {}
        End::WithinMessage => bytes.extend([0, 0, 0, 9, b'[']),
        End::BadMessage => bytes.extend(frame(setting, &"no message".into())),
        End::TooLarge => bytes.extend(u32::MAX.to_be_bytes()),
    }
    let cuts = cuts.to_vec();
    let writing = std::thread::spawn(move || {
        let mut rest = &bytes[..];
        for &cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            peer.write(now).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        peer.half_close();
        // It is there until we close.
        peer.wait_for_end();
    });
    let view = watch(manner, channel, pending);
    writing.join().unwrap();
    view
}

fn watch(manner: Manner, channel: Channel, pending: Vec<PendingReply>) -> View {
    match manner {
        Manner::Waiting => {
            let (received, end) = receive(&channel);
            View { received, outcomes: pending.into_iter().map(wait).collect(), end }
        }
        Manner::WaitingForRepliesFirst => {
            let outcomes = pending.into_iter().map(wait).collect();
            let (received, end) = receive(&channel);
            View { received, outcomes, end }
        }
        Manner::WaitingTogether => std::thread::scope(|scope| {
            let waiting: Vec<_> = pending.into_iter().map(|pending| scope.spawn(|| wait(pending))).collect();
            let (received, end) = receive(&channel);
            let outcomes = waiting.into_iter().map(|waiting| waiting.join().unwrap()).collect();
            View { received, outcomes, end }
        }),
        Manner::Looking => {
            eventually("the end", || !channel.is_open());
            let (received, end) = receive(&channel);
            assert!(pending.iter().all(|pending| pending.ready_within(Duration::ZERO)));
            View { received, outcomes: pending.into_iter().map(wait).collect(), end }
        }
        Manner::Foreground => on_foreground(&channel, pending),
    }
}

fn receive(channel: &Channel) -> (Vec<u32>, DisconnectKind) {
    let mut received = Vec::new();
    loop {
        match channel.recv() {
            Ok(request) => received.push(request.content().unwrap()),
            Err(end) => return (received, end.disconnect().unwrap().kind()),
        }
    }
}

fn wait(pending: PendingReply) -> Result<u32, String> {
    pending.wait().map_err(|error| named(&error))
}

fn named(error: &ReplyError) -> String {
    match error {
        ReplyError::Remote(error) => error.type_name().unwrap().to_owned(),
        error => format!("{:?}", error.disconnect().unwrap().kind()),
    }
}

fn on_foreground(channel: &Channel, pending: Vec<PendingReply>) -> View {
    #[derive(Default)]
    struct App {
        received: Vec<u32>,
        outcomes: Vec<(usize, Result<u32, String>)>,
    }
    let router: MessageRouter<App> = MessageRouter::new(|| {});
    router.start().unwrap();
    let _serving = channel
        .serve_on(&router, |app: &mut App, _: Request, content: Value| {
            app.received.push(content.as_u64().and_then(|n| n.try_into().ok()).unwrap());
        })
        .unwrap();
    for (index, pending) in pending.into_iter().enumerate() {
        pending
            .deliver_on(&router, move |app: &mut App, result| {
                app.outcomes.push((index, result.map_err(|error| named(&error))));
            })
            .unwrap();
    }
    // The I/O thread hands over all that comes before the end.
    eventually("the end", || !channel.is_open());
    let mut app = App::default();
    let done = |app: &mut App| app.outcomes.len() == ASKED && router.stats().queued == 0;
    router.route_until(&mut app, done, Duration::from_secs(60)).unwrap();
    app.outcomes.sort_by_key(|(index, _)| *index);
    let end = channel.recv().unwrap_err().disconnect().unwrap().kind();
    View {
        received: app.received,
        outcomes: app.outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
        end,
    }
}
