//! What the tests of the hosts share: a virtual display, and eyes and hands on it.

// Each test binary uses its own part of this.
#![allow(dead_code)]

#[path = "../../../tests/support/display.rs"]
pub mod display;
#[path = "../../../tests/support/example.rs"]
pub mod example;
#[path = "../../../tests/support/looks.rs"]
pub mod looks;
#[path = "../../../tests/support/running.rs"]
pub mod running;
pub mod terminal;
pub mod weston;
pub mod window;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use foreground::testing::conformance::{self, Host};

use self::display::VirtualDisplay;
use self::weston::Weston;

/// Says that this process has a display of its own.
const HAS_DISPLAY: &str = "FOREGROUND_TEST_HAS_DISPLAY";

/// Runs the conformance tests of a host with a window, on a virtual display.
pub fn conformance_on_display<H: Host>() -> ExitCode {
    if env::var_os(HAS_DISPLAY).is_some() || env::args().any(|argument| argument == "--list") {
        return conformance::main::<H>();
    }
    let display = VirtualDisplay::start();
    conformance_by(|program| display.command(program))
}

/// Runs the conformance tests of a host with a window, under a Wayland compositor.
pub fn conformance_on_wayland<H: Host>() -> ExitCode {
    if env::var_os(HAS_DISPLAY).is_some() || env::args().any(|argument| argument == "--list") {
        return conformance::main::<H>();
    }
    let weston = Weston::start();
    conformance_by(|program| weston.command(program))
}

/// Runs this test once more, by a command that gives it a display.
fn conformance_by(command: impl FnOnce(&Path) -> Command) -> ExitCode {
    let program = env::current_exe().expect("a test has a path");
    let status = command(&program).args(env::args_os().skip(1)).env(HAS_DISPLAY, "1").status();
    let code = status.expect("this program can be started again").code();
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(101))
}
