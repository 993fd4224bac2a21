//! Ctrl-C and its like, each in a process of its own: this test's binary is started again, told which part to play.
#![cfg(unix)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{self, Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use foreground::MessageRouter;
use foreground::event_loop::headless::{CatchInterruptsError, Headless, RunError};
use rustix::process::{Pid, Signal, kill_process};

use self::support::display::eventually;

const PART: &str = "FOREGROUND_SIGNAL_TEST";
const MARK: &str = "[said] ";
/// How a child says that its loop was interrupted.
const INTERRUPTED: i32 = 7;
/// What the process ends with if nobody takes an interrupt.
const ENDED: i32 = 130;

/// The process that a test sends signals to. Killed on drop.
struct Player {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Player {
    fn start(test: &str) -> Self {
        let mut process = Command::new(env::current_exe().expect("a test has a path"))
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(PART, test)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, output }
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(&format!("{MARK}{word}")) {
            line.clear();
            let count = self.output.read_line(&mut line).expect("it is text");
            assert!(count > 0, "it has ended without saying {word:?}");
        }
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a process' number is small"));
        // It may have ended.
        let _ = kill_process(pid.expect("it is not zero"), signal);
    }

    /// Sends Ctrl-C until that has ended the process.
    fn send_until_the_end(&mut self) -> ExitStatus {
        eventually("the process' end", || {
            self.send(Signal::INT);
            self.process.try_wait().expect("it is our child")
        })
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("the process' end", || self.process.try_wait().expect("it is our child"))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // Both fail if it has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs both sides of a test: in the child the first, and here the second.
fn staged(test: &str, child: impl FnOnce() -> i32, parent: impl FnOnce(Player)) {
    if env::var(PART).is_ok_and(|part| part == test) {
        // What hangs is ended in the end, also if the parent is no more.
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(60));
            process::exit(3);
        });
        process::exit(child());
    }
    parent(Player::start(test));
}

fn say(word: &str) {
    let mut stdout = io::stdout();
    let told = writeln!(stdout, "\n{MARK}{word}").and_then(|()| stdout.flush());
    told.expect("the parent listens");
}

fn caught<S: 'static>() -> Headless<S> {
    let headless = Headless::new(MessageRouter::builder());
    headless.catch_interrupts().expect("nobody else has a handler");
    headless.catch_interrupts().expect("twice is once");
    headless
}

/// Runs until it is interrupted.
fn run<S: 'static>(headless: &Headless<S>, state: &mut S) -> i32 {
    headless.after(Duration::ZERO, |_| say("ready"));
    match headless.run(state, |_| false) {
        Err(RunError::Interrupted) => INTERRUPTED,
        other => panic!("{other:?}"),
    }
}

fn expect_interrupt(test: &str, signal: Signal, child: impl FnOnce() -> i32) {
    staged(test, child, |mut player| {
        player.wait_for("ready");
        player.send(signal);
        assert_eq!(player.wait().code(), Some(INTERRUPTED));
    });
}

#[test]
fn ctrl_c_interrupts_an_idle_loop() {
    expect_interrupt("ctrl_c_interrupts_an_idle_loop", Signal::INT, || run(&caught(), &mut ()));
}

#[test]
fn a_service_is_stopped_by_sigterm() {
    expect_interrupt("a_service_is_stopped_by_sigterm", Signal::TERM, || run(&caught(), &mut ()));
}

#[test]
fn so_does_a_terminal_that_goes() {
    expect_interrupt("so_does_a_terminal_that_goes", Signal::HUP, || run(&caught(), &mut ()));
}

#[test]
fn ctrl_c_interrupts_a_flooded_loop() {
    expect_interrupt("ctrl_c_interrupts_a_flooded_loop", Signal::INT, || {
        let headless = caught::<()>();
        for _ in 0..2 {
            let (sender, receiver) = headless.router().bounded_pipe::<()>(4096).unwrap();
            receiver.on_message(|(), ()| {
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_micros(20) {}
            });
            receiver.detach();
            let sender = sender.start();
            thread::spawn(move || while sender.send(()).is_ok() {});
        }
        run(&headless, &mut ())
    });
}

#[test]
fn the_callback_is_called_each_time() {
    let child = || {
        let headless = caught::<u32>();
        headless.on_interrupt(|count| {
            *count += 1;
            say(if *count == 1 { "once" } else { "twice" });
        });
        headless.after(Duration::ZERO, |_| say("ready"));
        headless.run(&mut 0, |count| *count == 2).unwrap();
        0
    };
    staged("the_callback_is_called_each_time", child, |mut player| {
        player.wait_for("ready");
        player.send(Signal::INT);
        player.wait_for("once");
        player.send(Signal::INT);
        player.wait_for("twice");
        assert_eq!(player.wait().code(), Some(0));
    });
}

#[test]
fn a_loop_that_hangs_is_ended_by_another_ctrl_c() {
    let child = || {
        let headless = caught::<()>();
        headless.after(Duration::ZERO, |()| {
            say("ready");
            loop {
                thread::park();
            }
        });
        let _ = headless.run(&mut (), |()| false);
        0
    };
    staged("a_loop_that_hangs_is_ended_by_another_ctrl_c", child, |mut player| {
        player.wait_for("ready");
        let begin = Instant::now();
        assert_eq!(player.send_until_the_end().code(), Some(ENDED));
        assert!(begin.elapsed() >= Duration::from_millis(500), "the loop was given no time");
    });
}

#[test]
fn two_at_once_are_one() {
    let child = || {
        let headless = caught::<u32>();
        headless.on_interrupt(|count| *count += 1);
        headless.after(Duration::ZERO, |_| {
            say("ready");
            // Busy while both come, which is what this is about.
            thread::sleep(Duration::from_millis(100));
        });
        headless.run(&mut 0, |count| *count > 0).unwrap();
        0
    };
    staged("two_at_once_are_one", child, |mut player| {
        player.wait_for("ready");
        player.send(Signal::INT);
        player.send(Signal::TERM);
        assert_eq!(player.wait().code(), Some(0));
    });
}

#[test]
fn when_the_loop_was_left_ctrl_c_ends_the_process() {
    let child = || {
        assert_eq!(run(&caught(), &mut ()), INTERRUPTED);
        say("left");
        // A shutdown that hangs.
        loop {
            thread::park();
        }
    };
    staged("when_the_loop_was_left_ctrl_c_ends_the_process", child, |mut player| {
        player.wait_for("ready");
        player.send(Signal::INT);
        player.wait_for("left");
        assert_eq!(player.send_until_the_end().code(), Some(ENDED));
    });
}

#[test]
fn a_loop_that_was_left_and_is_still_there_does_not_hide_it_either() {
    let child = || {
        let headless = caught();
        assert_eq!(run(&headless, &mut ()), INTERRUPTED);
        say("left");
        // It goes on, and is left again.
        assert_eq!(run(&headless, &mut ()), INTERRUPTED);
        say("left again");
        loop {
            thread::park();
        }
    };
    staged("a_loop_that_was_left_and_is_still_there_does_not_hide_it_either", child, |mut player| {
        for word in ["left", "left again"] {
            player.wait_for("ready");
            player.send(Signal::INT);
            player.wait_for(word);
        }
        assert_eq!(player.send_until_the_end().code(), Some(ENDED));
    });
}

#[test]
fn a_signal_that_is_passed_on_does_not_cut_the_shutdown_short() {
    let child = || {
        let code = run(&caught(), &mut ());
        // The shell's wrapper had it too.
        kill_process(rustix::process::getpid(), Signal::INT).unwrap();
        // The shutdown, in which the handler could end the process.
        thread::sleep(Duration::from_millis(100));
        code
    };
    let test = "a_signal_that_is_passed_on_does_not_cut_the_shutdown_short";
    expect_interrupt(test, Signal::INT, child);
}

#[test]
fn one_that_comes_before_the_run_is_taken_by_it() {
    let child = || {
        let headless = caught();
        say("caught");
        // Once the handler has seen it, which the foreground cannot know, the run takes it.
        run(&headless, &mut ())
    };
    staged("one_that_comes_before_the_run_is_taken_by_it", child, |mut player| {
        player.wait_for("caught");
        player.send(Signal::INT);
        assert_eq!(player.wait().code(), Some(INTERRUPTED));
    });
}

#[test]
fn all_loops_of_the_process_are_interrupted() {
    static READY: AtomicU32 = AtomicU32::new(0);
    let child = || {
        let loops = [(); 3].map(|()| {
            thread::spawn(|| {
                let headless = caught::<()>();
                headless.after(Duration::ZERO, |()| {
                    // Relaxed: a count, and nothing else is told by it.
                    if READY.fetch_add(1, Ordering::Relaxed) == 2 {
                        say("ready");
                    }
                });
                headless.run(&mut (), |()| false)
            })
        });
        let ended = loops.map(|running| running.join().unwrap());
        assert_eq!(ended, [Err(RunError::Interrupted); 3]);
        INTERRUPTED
    };
    expect_interrupt("all_loops_of_the_process_are_interrupted", Signal::INT, child);
}

#[test]
fn a_program_with_a_handler_of_its_own_keeps_it() {
    expect_interrupt("a_program_with_a_handler_of_its_own_keeps_it", Signal::INT, || {
        let headless = Headless::<()>::new(MessageRouter::builder());
        let interrupter = headless.interrupter();
        ctrlc::set_handler(move || interrupter.interrupt()).unwrap();
        let error = headless.catch_interrupts().unwrap_err();
        assert!(matches!(error, CatchInterruptsError::HandlerTaken));
        assert!(error.to_string().contains("call `Headless::interrupter().interrupt()` in it"), "{error}");
        run(&headless, &mut ())
    });
}

#[test]
fn without_it_the_system_ends_the_process_as_always() {
    let child = || {
        let headless = Headless::<()>::new(MessageRouter::builder());
        headless.every(Duration::from_secs(60), |()| {});
        run(&headless, &mut ())
    };
    staged("without_it_the_system_ends_the_process_as_always", child, |mut player| {
        player.wait_for("ready");
        player.send(Signal::INT);
        assert_eq!(player.wait().signal(), Some(Signal::INT.as_raw()));
    });
}
