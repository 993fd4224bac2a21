//! A program that a test runs and watches.

use std::process::{Child, Command, Output, Stdio};

use super::display::eventually;

/// A program while it runs; ended on drop, should a test fail.
pub struct Running(Option<Child>);

impl Running {
    /// Starts it with its output kept.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().expect("the program starts")))
    }

    /// The number by which the system knows it.
    pub fn id(&self) -> u32 {
        self.0.as_ref().expect("it is taken only in `end`").id()
    }

    /// Waits until it has ended by itself.
    pub fn end(mut self) -> Output {
        let child = self.0.as_mut().expect("it is taken only here");
        eventually("the program ends", || child.try_wait().expect("it is our child"));
        let child = self.0.take().expect("it is taken only here");
        child.wait_with_output().expect("its output can be read")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // Both fail if it has ended, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
