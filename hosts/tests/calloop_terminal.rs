//! The example of calloop in a terminal, in pipes, and to be seen.

mod support;

support::terminal::terminal_tests!("calloop");
