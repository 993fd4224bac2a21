//! The conformance suite finds what is wrong with an adapter. Each test has the name of a play, which it has played by broken
//! hosts, and by a right one, in processes of their own.

use std::process::{self, Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, str};

use foreground::MessageRouter;
use foreground::testing::conformance::{self, Host, Play};

/// Tells a process which host it plays.
const HOST: &str = "FOREGROUND_TEST_HOST";

/// A thread that parks, with the mistake that `HOST` names.
struct Parking;

impl Host for Parking {
    const NAME: &str = "a thread that parks";
    type State = Play;

    fn run(mut play: Play) -> (MessageRouter<Play>, Play) {
        let mistake = env::var(HOST).unwrap_or_default();
        let builder = if mistake == "own budget" { MessageRouter::builder() } else { play.builder() };
        let router = builder.build(thread::current());
        let mut next_tick = play.ticks().map(|every| Instant::now() + every);
        Play::begin(&mut play, &router);
        while !play.is_over() {
            match next_tick {
                Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
                None if mistake == "polls" => thread::park_timeout(Duration::from_millis(1)),
                None => thread::park(),
            }
            if let Some(due) = next_tick.as_mut().filter(|due| **due <= Instant::now()) {
                play.tick();
                *due = Instant::now() + Play::TICK;
            }
            while router.dispatch(&mut play).has_more && mistake == "drains" {}
            router.settle();
        }
        (router, play)
    }
}

/// Has `play`, which is the name of the calling test too, played by a host.
fn plays(play: &str, mistake: &str) -> Result<(), String> {
    if env::var_os(HOST).is_some() {
        // This is that process; its arguments are those of the suite as well.
        let is_good = conformance::main::<Parking>() == ExitCode::SUCCESS;
        process::exit(if is_good { 0 } else { 101 });
    }
    let mut player = Command::new(env::current_exe().unwrap());
    let output = player.args([play, "--exact", "--nocapture"]).env(HOST, mistake).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(str::from_utf8(&output.stderr).unwrap().to_owned()) }
}

#[test]
fn nobody_looks_for_messages_without_a_wake() {
    let play = "nobody_looks_for_messages_without_a_wake";
    let found = plays(play, "polls").unwrap_err();
    assert!(found.contains("the host polls"), "{found}");
    plays(play, "none").unwrap();
}

#[test]
fn the_budget_is_kept() {
    let found = plays("the_budget_is_kept", "own budget").unwrap_err();
    assert!(found.contains("messages in one dispatch, where 16 are allowed"), "{found}");
    plays("the_budget_is_kept", "none").unwrap();
}

#[test]
fn timers_and_drawing_go_on_under_a_flood() {
    let found = plays("timers_and_drawing_go_on_under_a_flood", "drains").unwrap_err();
    assert!(found.contains("messages starve the host"), "{found}");
}
