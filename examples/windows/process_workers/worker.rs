//! What runs in the workers' processes: ordinary functions, of which threads could run every one as well.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process;

use foreground::process::{IterationFunction, ProgressFunction};
use foreground::tasks::{AskError, Progress, Question};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

pub(crate) type Hash = [u8; 32];

/// How much is read between two looks at whether the user has cancelled.
const CHUNK: usize = 128 * 1024;

/// A file to be hashed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Item {
    /// A path in its system's own letters, which need not be Unicode.
    pub(crate) path: OsString,
    pub(crate) bytes: u64,
}

/// What a worker tells the window.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// Which process it is.
    Began { process: u32 },
    /// How far it is in its file.
    Reading { done: u64 },
    /// It is through with its file, the first of those that it has; or the file could not be read.
    Hashed(Result<Hash, String>),
}

/// A worker's question, which it asks whenever it has nothing to do. The answer is empty when the work is done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MoreFiles;

impl Question for MoreFiles {
    type Answer = Vec<Item>;
}

/// The functions by which the window's process calls these.
pub(crate) struct Registered {
    pub(crate) find: IterationFunction<OsString, Result<Item, String>>,
    pub(crate) hash: ProgressFunction<(), News, usize>,
}

/// Finds the files below a folder, and what cannot be read there.
pub(crate) fn find(folder: OsString) -> impl Iterator<Item = Result<Item, String>> {
    WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(|entry| match entry {
        Ok(entry) if entry.file_type().is_file() => {
            let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
            Some(Ok(Item { path: entry.into_path().into(), bytes }))
        }
        Ok(_) => None, // folders are walked; links and devices are not for hashing
        Err(error) => Some(Err(error.to_string())),
    })
}

/// Hashes files until there are no more, and returns how many.
pub(crate) fn hash(progress: &Progress<News>, (): ()) -> Result<usize, AskError> {
    progress.report(News::Began { process: process::id() })?;
    let mut hashed = 0;
    loop {
        let files = progress.ask(MoreFiles)?;
        if files.is_empty() {
            return Ok(hashed);
        }
        hashed += files.len();
        for file in files {
            let hash = hash_file(&PathBuf::from(file.path), progress);
            // After a cancel it is this `?` that ends the task.
            progress.report(News::Hashed(hash.map_err(|error| error.to_string())))?;
        }
    }
}

fn hash_file(path: &Path, progress: &Progress<News>) -> io::Result<Hash> {
    let (mut file, mut hasher, mut chunk, mut done) = (File::open(path)?, Sha256::new(), vec![0; CHUNK], 0);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finalize().into()),
            read => {
                hasher.update(&chunk[..read]);
                done += read as u64;
                progress.report_latest(News::Reading { done })?;
            }
        }
    }
}
