//! The conformance of GTK 4 under X11.

#[path = "hosts/gtk4.rs"]
mod gtk4_host;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::conformance_on_display::<gtk4_host::Gtk4>()
}
