//! The Python in which the peers run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The folder of the crate, also for the tests of a package within it.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("tests/peers").is_dir()).unwrap_or(package)
}

/// A Python that has what `tests/peers/requirements.txt` lists.
pub struct Python;

impl Python {
    /// Returns its interpreter: what `FOREGROUND_TEST_PYTHON` names, or that of the environment in the target
    /// folder, which `tests/python` makes if it is not there yet.
    ///
    /// # Panics
    /// If there is none and it cannot be made.
    pub fn find() -> &'static Path {
        static FOUND: OnceLock<PathBuf> = OnceLock::new();
        FOUND.get_or_init(|| match env::var_os("FOREGROUND_TEST_PYTHON") {
            Some(path) => PathBuf::from(path),
            None => in_target(),
        })
    }
}

fn in_target() -> PathBuf {
    let target = target();
    let interpreter = target.join("python/bin/python");
    // The script would find the same, but it takes a tenth of a second for that.
    let installed = fs::read(target.join("python/installed.txt")).ok();
    let required = fs::read(root().join("tests/peers/requirements.txt")).ok();
    if interpreter.exists() && installed.is_some() && installed == required {
        return interpreter;
    }
    // It sees to it that tests which run at once do not make it twice.
    let script = root().join("tests/python");
    let made = Command::new(&script)
        .env("CARGO_TARGET_DIR", &target)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", script.display()));
    assert!(
        made.status.success() && interpreter.exists(),
        "the peers of the tests need a Python of their own, which could not be made (see above). Please run \
         tests/python, or set FOREGROUND_TEST_PYTHON to a Python that has what tests/peers/requirements.txt lists"
    );
    interpreter
}

/// The folder to which cargo built this test.
fn target() -> PathBuf {
    let test = env::current_exe().expect("the test has a binary");
    // TARGET/debug/deps/test-0123, or TARGET/TRIPLE/debug/deps/test-0123; cargo's own file tells which.
    let found = test.ancestors().find(|folder| folder.join(".rustc_info.json").exists());
    found.or_else(|| test.ancestors().nth(3)).expect("cargo builds tests into folders").to_owned()
}
