//! The two queues against each other: the same random programs, the same effects.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use proptest::prelude::*;

use super::{Counts, Entry, Place, list, locked};
use crate::clock::Clock;
use crate::notifier::Notifier;
use crate::pipe::End;

/// What is done to a queue. Pipes of even slots carry small messages, those of odd slots large ones.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push(u32),
    End(u32),
    Latest(usize),
    /// Takes what comes next.
    Next,
    TryTakeOf(u32),
    Sleep,
    StayAwake,
    /// Notes where the queue ends.
    Mark,
    Close,
}

/// What was seen of it.
#[derive(Debug, PartialEq)]
enum Seen {
    Pushed(bool),
    Ended(bool),
    Latest(bool),
    Small(u32, Option<u64>),
    Large(u32, Option<u64>),
    LatestDue(u32, usize),
    EndOf(u32, End),
    Nothing,
    Sleeps(bool),
    Closed(Counts),
    Marked { has_any: bool },
    State(State),
}

/// What holds after a step.
#[derive(Debug, PartialEq)]
struct State {
    counts: Counts,
    is_empty: bool,
    is_asleep: bool,
    wakes: u64,
    has_passed_mark: bool,
}

/// Longer than what lies in a block, and it counts its drops.
struct Large(u64, [u64; 70], Arc<AtomicUsize>);

impl Drop for Large {
    fn drop(&mut self) {
        assert!(self.1.iter().all(|word| *word == self.0), "the message is whole");
        self.2.fetch_add(1, SeqCst);
    }
}

/// Messages that wait in the latest-value pipes of the test, by their place.
type Values = [Option<Place>; 2];

/// Passes on what comes next, if the look ahead agrees with it.
fn look(front: Option<Entry>, is_ahead: impl FnOnce(u32) -> bool) -> Option<Entry> {
    if let Some(Entry::Message(slot) | Entry::End(slot, _)) = front {
        assert!(is_ahead(slot), "{slot} is next");
    }
    front
}

macro_rules! observe {
    ($name:ident, $queue:ident) => {
        fn $name(steps: &[Step]) -> (Vec<Seen>, usize) {
            let dropped = Arc::new(AtomicUsize::new(0));
            let calls = AtomicUsize::new(0);
            // Every third wake fails.
            let waker = move || assert_ne!(calls.fetch_add(1, SeqCst) % 3, 2, "a bug in the waker");
            let notifier = Arc::new(Notifier::new(Box::new(waker), Clock::System));
            let mut backlog = $queue::Backlog::new(Arc::clone(&notifier));
            let queue = Arc::clone(backlog.queue());
            let mut seen = Vec::new();
            assert!(queue.notifier().is_foreground());
            let mut closed = None;
            let (_, mut mark) = backlog.extent();
            let mut values: Values = [None; 2];
            for (number, step) in (0_u64..).zip(steps) {
                seen.push(match *step {
                    Step::Push(slot) if slot % 2 == 0 => Seen::Pushed(queue.push(slot, number).is_ok()),
                    Step::Push(slot) => {
                        let large = Large(number, [number; 70], Arc::clone(&dropped));
                        Seen::Pushed(queue.push(slot, large).is_ok())
                    }
                    Step::End(slot) => Seen::Ended(queue.push_end(slot, End::Stopped, slot > 2).is_ok()),
                    Step::Latest(pipe) => match queue.push_latest(100 + pipe as u32, values[pipe]) {
                        Ok(place) => {
                            values[pipe] = Some(place);
                            queue.wake_if_asleep();
                            Seen::Latest(true)
                        }
                        Err(_) => Seen::Latest(false),
                    },
                    Step::Next => match look(backlog.front(), |slot| backlog.ahead().next() == Some(slot)) {
                        None => Seen::Nothing,
                        Some(Entry::Message(slot)) if slot % 2 == 0 => Seen::Small(slot, backlog.take(slot)),
                        Some(Entry::Message(slot)) => {
                            Seen::Large(slot, backlog.take::<Large>(slot).map(|large| large.0))
                        }
                        Some(Entry::Latest(slot, place)) => {
                            backlog.pass_latest(place);
                            let pipe = values.iter().position(|value| *value == Some(place));
                            let pipe = pipe.expect("only the newest place is due");
                            values[pipe] = None;
                            Seen::LatestDue(slot, pipe)
                        }
                        Some(Entry::End(slot, end)) => {
                            backlog.pass_end();
                            Seen::EndOf(slot, end)
                        }
                    },
                    Step::TryTakeOf(slot) if slot % 2 == 0 => Seen::Small(slot, backlog.take(slot)),
                    Step::TryTakeOf(slot) => {
                        Seen::Large(slot, backlog.take::<Large>(slot).map(|large| large.0))
                    }
                    Step::Sleep => Seen::Sleeps(backlog.try_sleep()),
                    Step::StayAwake => {
                        backlog.stay_awake();
                        Seen::Nothing
                    }
                    Step::Mark => {
                        let (head, end) = backlog.extent();
                        mark = end;
                        Seen::Marked { has_any: head < end }
                    }
                    // A closed queue is only dropped.
                    Step::Close => {
                        closed = Some(Seen::Closed(backlog.close()));
                        break;
                    }
                });
                seen.push(Seen::State(State {
                    counts: backlog.counts(),
                    is_empty: backlog.is_empty(),
                    is_asleep: backlog.is_asleep(),
                    wakes: notifier.wakes(),
                    has_passed_mark: backlog.has_passed(mark),
                }));
            }
            if closed.is_some() {
                assert_eq!(queue.push(0, 1_u64), Err(1));
                assert!(queue.push_end(0, End::Stopped, false).is_err());
                assert!(queue.push_latest(100, None).is_err());
            }
            seen.extend(closed);
            drop(backlog);
            (seen, dropped.load(SeqCst))
        }
    };
}

observe!(observe_list, list);
observe!(observe_locked, locked);

fn step() -> impl Strategy<Value = Step> {
    let slot = 0..6_u32;
    prop_oneof![
        200 => slot.clone().prop_map(Step::Push),
        20 => slot.clone().prop_map(Step::End),
        40 => (0..2_usize).prop_map(Step::Latest),
        200 => Just(Step::Next),
        40 => slot.prop_map(Step::TryTakeOf),
        20 => Just(Step::Sleep),
        20 => Just(Step::StayAwake),
        20 => Just(Step::Mark),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn both_queues_do_the_same(steps in prop::collection::vec(step(), 1..600)) {
        prop_assert_eq!(observe_list(&steps), observe_locked(&steps));
    }
}

#[test]
fn messages_of_all_sizes_cross_blocks_whole() {
    fn check<const N: usize>() {
        let mut backlog = list::Backlog::new(Arc::new(Notifier::silent()));
        let queue = Arc::clone(backlog.queue());
        for round in 0..3_u64 {
            for number in 0..5_000 {
                assert!(queue.push(7, [number ^ round; N]).is_ok());
                assert!(queue.push(8, number).is_ok());
            }
            for number in 0..5_000 {
                assert_eq!(backlog.front(), Some(Entry::Message(7)));
                assert_eq!(backlog.take::<[u64; N]>(8), None);
                assert_eq!(backlog.take(7), Some([number ^ round; N]));
                assert_eq!(backlog.take(8), Some(number));
            }
            assert!(backlog.is_empty());
        }
        assert_eq!(backlog.counts(), Counts { sent: 30_000, replaced: 0 });
    }
    check::<0>();
    check::<1>();
    check::<3>();
    check::<64>();
    check::<65>();
    check::<300>();
}

#[test]
fn a_message_is_never_taken_for_one_of_another_type() {
    let mut backlog = list::Backlog::new(Arc::new(Notifier::silent()));
    let queue = Arc::clone(backlog.queue());
    assert_eq!(queue.push(0, 5_u64), Ok(()));
    assert_eq!(backlog.take::<i64>(0), None);
    assert_eq!(backlog.take::<[u64; 1]>(0), None);
    assert_eq!(backlog.take::<u64>(0), Some(5));
}

#[test]
fn over_aligned_messages_keep_their_alignment() {
    #[repr(align(64))]
    #[derive(Debug, PartialEq)]
    struct Aligned(u8);
    let mut backlog = list::Backlog::new(Arc::new(Notifier::silent()));
    let queue = Arc::clone(backlog.queue());
    assert_eq!(queue.push(0, Aligned(3)), Ok(()));
    assert_eq!(backlog.take(0), Some(Aligned(3)));
}
