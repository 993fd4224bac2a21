//! A folder to show it with: some of its files are in the target already.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// Two folders, removed on drop.
pub(crate) struct Demo(TempDir);

impl Demo {
    pub(crate) fn make() -> io::Result<Self> {
        let demo = Self(tempfile::Builder::new().prefix("file_copy_ask-").tempdir()?);
        for (name, kilobytes) in [
            ("letters/to the bank.txt", 4),
            ("letters/to the mayor.txt", 7),
            ("music/overture.ogg", 6_000),
            ("music/finale.ogg", 8_000),
            ("pictures/harbour.jpg", 2_400),
            ("pictures/market.jpg", 3_100),
            ("pictures/tower.jpg", 1_900),
            ("notes.txt", 2),
        ] {
            let path = demo.from().join(name);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(path, vec![b'.'; kilobytes * 1_000])?;
        }
        for name in ["music/finale.ogg", "notes.txt", "pictures/market.jpg"] {
            let path = demo.to().join(name);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, "an older one")?;
            let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
            File::options().write(true).open(&path)?.set_modified(yesterday)?;
        }
        Ok(demo)
    }

    pub(crate) fn from(&self) -> PathBuf {
        self.0.path().join("from")
    }

    pub(crate) fn to(&self) -> PathBuf {
        self.0.path().join("to")
    }
}
