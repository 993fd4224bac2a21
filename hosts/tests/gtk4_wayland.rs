//! The conformance of GTK 4 under Wayland.

#[path = "hosts/gtk4.rs"]
mod host;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::conformance_on_wayland::<host::Gtk4>()
}
