//! The conformance of egui 0.37 under Wayland.

#[path = "hosts/egui_037.rs"]
mod host;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::conformance_on_wayland::<host::Egui037>()
}
