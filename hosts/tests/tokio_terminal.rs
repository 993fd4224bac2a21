//! The example of tokio in a terminal, in pipes, and to be seen.

mod support;

support::terminal::terminal_tests!("tokio");
