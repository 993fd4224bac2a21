//! The flag that asks work to end.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use foreground::tasks::{CancelToken, TaskCancelled};

use crate::common::{PATIENCE, no_deadlock, wait_for};

#[test]
fn it_stays_set_and_clones_are_the_same_flag() {
    let (token, other) = (CancelToken::new(), CancelToken::new());
    let clone = token.clone();
    assert!(!clone.is_cancelled());
    assert_eq!(clone.check(), Ok(()));
    token.cancel();
    token.cancel();
    assert!(clone.is_cancelled());
    assert_eq!(clone.check(), Err(TaskCancelled));
    assert!(!other.is_cancelled());
    assert_eq!(format!("{clone:?}"), "CancelToken { is_cancelled: true }");
}

#[test]
fn a_sleep_lasts_its_time() {
    let token = CancelToken::new();
    let (before, time) = (Instant::now(), Duration::from_millis(20));
    assert_eq!(token.sleep(time), Ok(()));
    assert!(before.elapsed() >= time);
    assert_eq!(token.sleep(Duration::ZERO), Ok(()));
}

#[test]
fn a_sleep_after_the_cancel_is_none() {
    no_deadlock(|| {
        let token = CancelToken::new();
        token.cancel();
        assert_eq!(token.sleep(Duration::MAX), Err(TaskCancelled));
        assert_eq!(token.sleep(Duration::ZERO), Err(TaskCancelled));
    });
}

#[test]
fn a_cancel_wakes_all_who_sleep() {
    for time in [Duration::MAX, Duration::from_secs(u64::MAX), 10 * PATIENCE] {
        let token = CancelToken::new();
        let (woken, are_woken) = channel();
        for _ in 0..20 {
            let (token, woken) = (token.clone(), woken.clone());
            thread::spawn(move || woken.send(token.sleep(time)));
        }
        // Some sleep by now, and some come later.
        token.cancel();
        for _ in 0..20 {
            assert_eq!(wait_for(&are_woken), Err(TaskCancelled));
        }
    }
}

#[test]
fn a_sleeper_that_was_unparked_by_others_sleeps_on() {
    let token = CancelToken::new();
    let (begun, has_begun) = channel();
    let (woken, is_woken) = channel();
    let sleeper = thread::spawn({
        let token = token.clone();
        move || {
            begun.send(()).unwrap();
            woken.send(token.sleep(Duration::MAX)).unwrap();
        }
    });
    wait_for(&has_begun);
    for _ in 0..1_000 {
        sleeper.thread().unpark();
        assert!(is_woken.try_recv().is_err());
        thread::yield_now();
    }
    token.cancel();
    assert_eq!(wait_for(&is_woken), Err(TaskCancelled));
    sleeper.join().unwrap();
}

#[test]
fn a_token_may_be_dropped_while_others_sleep() {
    no_deadlock(|| {
        let token = CancelToken::new();
        let sleeper = thread::spawn({
            let token = token.clone();
            move || token.sleep(Duration::from_millis(20))
        });
        drop(token);
        assert_eq!(sleeper.join().unwrap(), Ok(()), "nobody is left who could cancel");
    });
}

#[test]
fn what_was_done_before_a_cancel_is_seen_after_it() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    let token = CancelToken::new();
    let reader = thread::spawn({
        let token = token.clone();
        move || {
            while !token.is_cancelled() {
                std::hint::spin_loop();
            }
            WRITTEN.load(Ordering::Relaxed)
        }
    });
    WRITTEN.store(7, Ordering::Relaxed);
    token.cancel();
    assert_eq!(reader.join().unwrap(), 7);
}

#[test]
fn the_error_becomes_an_io_error() {
    let error = std::io::Error::from(TaskCancelled);
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert_eq!(error.to_string(), "the task was cancelled; it should end now");
}
