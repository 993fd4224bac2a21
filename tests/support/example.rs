//! Finding a built example.

use std::path::PathBuf;

/// The program of an example. Cargo builds the examples with the tests, next to the folder that holds this
/// test's own binary.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let program = profile.join("examples").join(name);
    assert!(
        program.is_file(),
        "{} is missing; build it with `cargo build --example {name}`",
        program.display(),
    );
    program
}
