//! The example `file_copy_ask` in the terminal and in a window on a virtual display: what it copies, asks and says,
//! and that it leaves nothing half-written.

#![cfg(all(unix, not(target_os = "macos")))]

mod support;

#[path = "file_copy_ask/terminal.rs"]
mod terminal;
#[path = "file_copy_ask/window.rs"]
mod window;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::display::eventually;

/// A folder to copy from and one to copy to.
struct Folders(TempDir);

impl Folders {
    /// With these files in the one, and the same names with other contents in the other.
    fn new(new: &[&str], old: &[&str]) -> Self {
        let folders = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folders.from()).unwrap();
        fs::create_dir(folders.to()).unwrap();
        for name in new {
            write(&folders.from().join(name), &format!("new {name}"));
        }
        for name in old {
            write(&folders.to().join(name), &format!("old {name}"));
        }
        folders
    }

    fn from(&self) -> PathBuf {
        self.0.path().join("from")
    }

    fn to(&self) -> PathBuf {
        self.0.path().join("to")
    }

    fn arguments(&self) -> [OsString; 2] {
        [self.from().into(), self.to().into()]
    }

    /// What a file in the target says.
    fn copy_of(&self, name: &str) -> String {
        fs::read_to_string(self.to().join(name)).unwrap()
    }

    /// A file that takes longer to copy than a test: a hole costs no disk, in the copy either.
    fn add_huge(&self, name: &str) {
        let file = fs::File::create(self.from().join(name)).unwrap();
        file.set_len(2_000_000_000_000).unwrap();
    }

    /// Waits until a file is being written.
    fn wait_for_part(&self) {
        let is_part = |name: &String| name.ends_with(".part");
        eventually("a file is written", || names(&self.to()).iter().any(is_part).then_some(()));
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// All names below a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name();
    let relative = |path: &Path| path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
    entries.into_iter().map(|entry| relative(entry.unwrap().path())).collect()
}
