//! Many threads on few connections, which are closed at any time: each request has exactly one outcome.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use foreground::channel::{Channel, ReplyError, Value};

use crate::support::Setting;

each_setting!(each_request_has_one_outcome, foreground_gets_each_outcome_once);

/// What one side has seen.
#[derive(Default)]
struct Account {
    asked: AtomicU64,
    not_sent: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    cut_off: AtomicU64,
    /// Of the other side's.
    received: Mutex<HashSet<u64>>,
    replied: AtomicU64,
    dropped: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed); // read after all threads have been joined
}

fn ask(channel: &Channel, account: &Account, first: u64, many: u64) {
    for n in first..first + many {
        count(&account.asked);
        let pending = match channel.request(&n) {
            Ok(pending) => pending,
            Err(error) => {
                assert!(error.disconnect().is_some(), "{error}");
                count(&account.not_sent);
                continue;
            }
        };
        match pending.wait::<u64>() {
            Ok(answer) => {
                assert_eq!(answer, n);
                count(&account.answered);
            }
            Err(ReplyError::Remote(error)) => {
                assert_eq!(error.type_name(), Some("NoReply"));
                assert_eq!(n % 7, 0, "only these are dropped");
                count(&account.failed);
            }
            Err(error) => {
                assert!(error.disconnect().is_some(), "{error}");
                count(&account.cut_off);
            }
        }
    }
}

fn receive(channel: &Channel, account: &Account) {
    while let Ok(request) = channel.recv() {
        let n: u64 = request.content().unwrap();
        assert!(account.received.lock().unwrap().insert(n), "{n} came twice");
        if n.is_multiple_of(7) {
            count(&account.dropped);
        } else if request.reply(&n).is_ok() {
            count(&account.replied);
        }
    }
}

fn each_request_has_one_outcome(setting: Setting) {
    const THREADS: u64 = 3;
    const MANY: u64 = 400;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut cut, mut all) = (0, 0);
    for round in 0..16 {
        // Any sequence that is not regular will do.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (left, right) = setting.pair();
        let accounts = [Account::default(), Account::default()];
        thread::scope(|scope| {
            for (side, channel) in [&left, &right].into_iter().enumerate() {
                let (own, accounts) = (&accounts[side], &accounts);
                let askers: Vec<_> = (0..THREADS)
                    .map(|thread| scope.spawn(move || ask(channel, own, thread * MANY + 1, MANY)))
                    .collect();
                for _ in 0..2 {
                    scope.spawn(move || receive(channel, own));
                }
                let closes_after = match round % 4 {
                    // Both go at any time, one goes, or both when all is done.
                    0 => Some(seed >> (20 + side * 20) & 0x3ff),
                    side_that_goes if side_that_goes == side as u64 + 1 => Some(seed >> 20 & 0x7ff),
                    _ => None,
                };
                scope.spawn(move || {
                    match closes_after {
                        Some(asked) => {
                            while own.asked.load(Ordering::Relaxed) < asked.min(THREADS * MANY) {
                                thread::yield_now();
                            }
                        }
                        None => {
                            askers.into_iter().for_each(|asker| asker.join().unwrap());
                            // The other side has asked all as well.
                            while accounts[1 - side].asked.load(Ordering::Relaxed) < THREADS * MANY
                                || outcomes(&accounts[1 - side]) < THREADS * MANY
                            {
                                thread::yield_now();
                            }
                        }
                    }
                    channel.close();
                });
            }
        });
        for (side, account) in accounts.iter().enumerate() {
            let other = &accounts[1 - side];
            let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            assert_eq!(read(&account.asked), THREADS * MANY);
            assert_eq!(outcomes(account), THREADS * MANY, "each has one outcome");
            // Nothing is answered that was not received and answered; the rest was cut off.
            let received = other.received.lock().unwrap().len() as u64;
            assert!(read(&account.answered) <= read(&other.replied));
            assert!(read(&account.answered) + read(&account.failed) <= THREADS * MANY);
            assert!(read(&other.replied) + read(&other.dropped) <= received);
            cut += read(&account.cut_off) + read(&account.not_sent);
            all += read(&account.asked);
        }
    }
    assert!(cut > 0 && cut < all, "some rounds end early, and some do not: {cut} of {all}");
}

fn outcomes(account: &Account) -> u64 {
    [&account.not_sent, &account.answered, &account.failed, &account.cut_off]
        .iter()
        .map(|counter| counter.load(Ordering::Relaxed))
        .sum()
}

fn foreground_gets_each_outcome_once(setting: Setting) {
    const MANY: usize = 300;
    #[derive(Default)]
    struct App {
        outcomes: Vec<(usize, Result<Value, ReplyError>)>,
    }
    let router = foreground::MessageRouter::<App>::new(|| {});
    router.start().unwrap();
    for answers in [0, 1, 150, MANY] {
        let (client, server) = setting.pair();
        let serving = thread::spawn(move || {
            for _ in 0..answers {
                let request = server.recv().unwrap();
                let n: usize = request.content().unwrap();
                request.reply(&n).unwrap();
            }
            // The last handle: what has been answered still arrives.
        });
        let mut app = App::default();
        let mut asked = 0;
        for n in 0..MANY {
            match client.request(&n) {
                Ok(pending) => {
                    asked += 1;
                    let push = move |app: &mut App, result| app.outcomes.push((n, result));
                    pending.deliver_on(&router, push).unwrap();
                }
                Err(error) => assert!(error.disconnect().is_some(), "{error}"),
            }
        }
        router
            .route_until(&mut app, |app| app.outcomes.len() == asked, std::time::Duration::from_secs(60))
            .unwrap();
        serving.join().unwrap();
        let answered: Vec<_> = app.outcomes.iter().filter(|(_, result)| result.is_ok()).collect();
        assert!(answered.len() <= answers);
        assert!(answers < MANY || answered.len() == MANY, "all were answered");
        for (n, result) in &app.outcomes {
            match result {
                Ok(value) => assert_eq!(value.as_u64(), Some(*n as u64)),
                Err(ReplyError::Remote(error)) => assert_eq!(error.type_name(), Some("NoReply")),
                Err(error) => assert!(error.disconnect().is_some(), "{error}"),
            }
        }
        let numbers: HashSet<_> = app.outcomes.iter().map(|(n, _)| n).collect();
        assert_eq!(numbers.len(), app.outcomes.len(), "none came twice");
    }
}
