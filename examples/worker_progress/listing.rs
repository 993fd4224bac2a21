//! What is hashed, and what the hashes amount to: the text that a shell pipeline would print.
//!
//! `find . -type f | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum` has its quirks, and they are kept,
//! for otherwise the digest would prove nothing on folders with odd names:
//! - A name with a line break is torn there, and each piece is looked up as a path of its own.
//! - `-` as a piece means the standard input, which `xargs` leaves empty.
//! - In an empty folder, `sha256sum` runs once on that empty input.
//! - A name with a backslash or a carriage return is escaped, and its line begins with a backslash.
//!
//! Where the pipeline would wait for ever, on a piece that names a FIFO, an error is reported instead;
//! likewise where a piece is an option of `sha256sum`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub(crate) type Hash = [u8; 32];

/// A line of `find`'s listing: the unit of work.
#[derive(Debug)]
pub(crate) struct Line {
    /// Which of the folders it belongs to.
    pub(crate) folder: usize,
    /// As `find` prints it; names are bytes.
    pub(crate) text: Vec<u8>,
    pub(crate) source: Source,
    /// The length that the scanner saw; the file may have changed since.
    pub(crate) length: u64,
}

/// What is to be read for a line.
#[derive(Debug)]
pub(crate) enum Source {
    File(PathBuf),
    EmptyInput,
    /// Nothing can be, for this reason.
    Nothing(&'static str),
}

/// The lines for one file: one, but for a name with line breaks.
pub(crate) fn lines(folder: usize, root: &Path, file: PathBuf, length: u64) -> Vec<Line> {
    let mut text = b"./".to_vec();
    text.extend(bytes(file.strip_prefix(root).unwrap_or(&file)));
    if !text.contains(&b'\n') {
        return vec![Line { folder, text, source: Source::File(file), length }];
    }
    text.split(|&byte| byte == b'\n')
        .map(|piece| {
            let source = match piece {
                b"" => Source::Nothing("a name ends with a line break, or has two in a row"),
                b"-" => Source::EmptyInput,
                [b'-', ..] => Source::Nothing("after the line break in a name, this would be an option"),
                _ => Source::File(root.join(path(piece))),
            };
            Line { folder, text: piece.to_vec(), source, length: 0 }
        })
        .collect()
}

/// The hashes of all folders, in no order yet.
#[derive(Debug)]
pub(crate) struct Listing {
    folders: Vec<Folder>,
}

#[derive(Debug, Default)]
struct Folder {
    hashes: Vec<(Arc<Line>, Hash)>,
    /// It was walked to the end, and this many lines were found.
    found: Option<u64>,
}

impl Listing {
    pub(crate) fn new(folders: usize) -> Self {
        Self { folders: std::iter::repeat_with(Folder::default).take(folders).collect() }
    }

    pub(crate) fn insert(&mut self, line: Arc<Line>, hash: Hash) {
        if let Some(folder) = self.folders.get_mut(line.folder) {
            folder.hashes.push((line, hash));
        }
    }

    pub(crate) fn set_found(&mut self, folder: usize, lines: u64) {
        if let Some(folder) = self.folders.get_mut(folder) {
            folder.found = Some(lines);
        }
    }

    /// The SHA-256 of what the pipeline prints in each folder, one after the other.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for folder in &self.folders {
            if folder.found == Some(0) {
                hasher.update(format!("{}  -\n", hex(&Sha256::digest(b""))));
            }
            let mut hashes: Vec<_> = folder.hashes.iter().collect();
            hashes.sort_by(|(one, _), (other, _)| one.text.cmp(&other.text));
            for (line, hash) in hashes {
                let name = escaped(&line.text);
                let mark = if name.len() == line.text.len() { "" } else { "\\" };
                hasher.update(format!("{mark}{}  ", hex(hash)));
                hasher.update(name);
                hasher.update(b"\n");
            }
        }
        hex(&hasher.finalize())
    }
}

fn escaped(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'\\' => escaped.extend(b"\\\\"),
            b'\r' => escaped.extend(b"\\r"),
            _ => escaped.push(byte),
        }
    }
    escaped
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(unix)]
fn bytes(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Elsewhere names are not bytes: UTF-8 with slashes is what a port of `find` would print.
#[cfg(not(unix))]
fn bytes(path: &Path) -> Vec<u8> {
    let names: Vec<_> = path.components().map(|name| name.as_os_str().to_string_lossy()).collect();
    names.join("/").into_bytes()
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
