//! The example of tokio in a terminal, in pipes, and to be seen.

mod support;

use support::terminal;

const EXAMPLE: &str = "tokio";

#[test]
fn a_line_cancels_and_the_end_of_input_closes() {
    terminal::a_line_cancels_and_the_end_of_input_closes(EXAMPLE);
}

#[test]
fn ctrl_c_cancels_and_the_second_closes() {
    terminal::ctrl_c_cancels_and_the_second_closes(EXAMPLE);
}

#[test]
fn pipes_will_do() {
    terminal::pipes_will_do(EXAMPLE);
}

#[test]
fn the_bars_are_seen_in_a_terminal_window() {
    terminal::the_bars_are_seen_in_a_terminal_window(EXAMPLE);
}
