//! Tests whether an event loop and its adapter keep what the router promises: for the adapters of this crate, and
//! for yours.
//!
//! A [`Host`] runs a loop with a router whose state holds a [`Play`]; the [`main`] of a test without a harness lets
//! it run one play after the other, each in a process of its own (many toolkits allow one loop a process, on the main
//! thread), and judges what happened. What is played:
//!
//! | play | is about |
//! |---|---|
//! | `a_message_wakes_an_idle_loop` | the waker; no polling; how long a message takes to a loop that sleeps (a figure) |
//! | `nobody_looks_for_messages_without_a_wake` | the waker again: some wakes are held back, and nothing else may bring those messages |
//! | `a_burst_causes_few_wakes` | 20,000 messages to a busy loop |
//! | `nothing_is_lost_in_any_phase_of_a_turn` | messages that come while the loop dispatches, settles, falls asleep |
//! | `timers_and_drawing_go_on_under_a_flood` | the host's timers and redraws while messages never end (figures) |
//! | `the_budget_is_kept` | a dispatch does no more than the router allows it, and the rest comes by itself |
//! | `callbacks_may_do_anything` | opening, closing, replacing, sending, from inside a callback |
//! | `messages_arrive_in_order` | 100,000 messages of four threads on nine pipes |
//! | `closing_in_mid_flood_is_clean` | the loop ends while workers send: every message is accounted for |
//! | `a_wake_after_the_loop_has_gone_is_harmless` | workers outlive the loop |
//! | `a_hidden_window_still_receives` | for hosts with a window |
//!
//! # Examples
//!
//! A host without a toolkit: a thread that parks. In `Cargo.toml`:
//!
//! ```toml
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! And `tests/conformance.rs`:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::thread;
//! use std::time::Instant;
//! use foreground::MessageRouter;
//! use foreground::testing::conformance::{self, Host, Play};
//!
//! struct Parking;
//!
//! impl Host for Parking {
//!     const NAME: &str = "a thread that parks";
//!     type State = Play;
//!
//!     fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
//!         let router = play.builder().build(thread::current());
//!         let mut next_tick = play.ticks().map(|every| Instant::now() + every);
//!         Play::begin(&mut play, &router);
//!         while !play.is_over() {
//!             match next_tick {
//!                 Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
//!                 None => thread::park(),
//!             }
//!             if let Some(due) = next_tick.as_mut().filter(|due| **due <= Instant::now()) {
//!                 play.tick();
//!                 *due = Instant::now() + Play::TICK;
//!             }
//!             router.dispatch(&mut play);
//!             router.settle();
//!         }
//!         (router, play)
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     conformance::main::<Parking>()
//! }
//! ```
//!
//! # On a busy machine
//! The plays keep two or three processors busy, and `timers_and_drawing_go_on_under_a_flood` compares what the host does in
//! time: let no others run beside it. `cargo test` runs one at a time; for `cargo nextest`, in `.config/nextest.toml`:
//!
//! ```toml
//! [[profile.default.overrides]]
//! filter = 'binary(conformance)'
//! threads-required = "num-test-threads"
//! ```

mod cases;
mod harness;
mod play;
mod signal;
mod verdict;

pub use self::harness::main;
pub use self::play::Play;
use crate::MessageRouter;

/// An event loop with its adapter, to be tested.
pub trait Host {
    /// The host's name and version, for reports.
    const NAME: &str;
    /// Whether the host has a window. Then it calls [`Play::redraw`] whenever it draws it, asks for a redraw with each
    /// tick, and hides or minimises it if the play [is hidden](Play::is_hidden).
    const HAS_WINDOW: bool = false;

    /// The state of the host's router: the play, or what holds it.
    type State: AsMut<Play> + 'static;

    /// Runs the loop, and ends it:
    ///
    /// 1. makes the loop, and a router from the play's [`builder`](Play::builder);
    /// 2. calls [`Play::begin`], before the loop turns or in it;
    /// 3. calls [`Play::tick`] by a timer of the host, if the play [ticks](Play::ticks), and [`Play::redraw`] if there
    ///    is a window;
    /// 4. leaves the loop when the play [is over](Play::is_over), at which it is told by [`Play::on_over`] too;
    /// 5. drops the loop, and returns the router, which is not stopped, and its state.
    fn run(play: Play) -> (MessageRouter<Self::State>, Self::State);
}
