//! The example of headless in a terminal, in pipes, and to be seen.

mod support;

support::terminal::terminal_tests!("headless");
