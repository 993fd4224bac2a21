//! The conformance of winit 0.30 under X11.

#[path = "hosts/winit_030.rs"]
mod host;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::conformance_on_display::<host::Winit030>()
}
