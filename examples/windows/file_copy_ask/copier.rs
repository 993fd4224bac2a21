//! The work: copies a folder, on a worker thread. It knows nothing of windows: what it has to say or to ask goes
//! through `Progress`.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Component, Path, PathBuf};

use foreground::tasks::{AskError, Progress, Question};
use tempfile::NamedTempFile;
use walkdir::{DirEntry, WalkDir};

use crate::problem::{Problem, at};

/// How much is read at once. Between two reads a cancel is seen.
const CHUNK: usize = 256 * 1024;

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Ask,
    All,
    None,
}

/// May this file be overwritten?
pub(crate) struct Overwrite {
    pub(crate) target: PathBuf,
    pub(crate) old: fs::Metadata,
    pub(crate) new: fs::Metadata,
}

/// The answer: whether, and whether that goes for all that follow.
#[derive(Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) overwrite: bool,
    pub(crate) for_all: bool,
}

impl Question for Overwrite {
    type Answer = Reply;
}

/// How far the copy is, or how it ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) current: PathBuf,
    pub(crate) copied: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
    /// Bytes that were copied to files which are complete.
    pub(crate) bytes: u64,
    /// Bytes that were dealt with, skipped ones too: for the bar.
    pub(crate) bytes_done: u64,
    pub(crate) files_in_all: u64,
    pub(crate) bytes_in_all: u64,
}

impl Status {
    pub(crate) fn files_done(&self) -> u64 {
        self.copied + self.skipped + self.failed
    }
}

/// What the copy reports.
pub(crate) enum News {
    /// Only the newest counts.
    Status(Status),
    /// None may be lost. The copy goes on with the next file.
    Problem(Problem),
}

/// Why there is no copy at all.
pub(crate) enum CopyError {
    Cancelled,
    Problem(Problem),
}

impl From<Problem> for CopyError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Copies what is below the folder `from` into the folder `to`, which is made if it is missing.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    policy: Policy,
    progress: &Progress<'_, News>,
) -> Result<Status, CopyError> {
    let status = measure(from, progress)?;
    refuse_nesting(from, to)?;
    fs::create_dir_all(to).map_err(at(to))?;
    Copier { from, to, policy, progress, status, buffer: vec![0; CHUNK], zeros: vec![0; CHUNK] }.run()
}

/// Counts, so that there can be a bar. What cannot be read is told when it is to be copied.
fn measure(from: &Path, progress: &Progress<'_, News>) -> Result<Status, CopyError> {
    if !fs::metadata(from).map_err(at(from))?.is_dir() {
        return Err(Problem::new(from, "it is not a folder", "name the folder that it is in").into());
    }
    let mut status = Status::default();
    for entry in WalkDir::new(from).min_depth(1).into_iter().flatten() {
        progress.check().map_err(|_| CopyError::Cancelled)?;
        if !entry.file_type().is_dir() {
            status.files_in_all += 1;
            status.bytes_in_all += length(&entry);
        }
    }
    Ok(status)
}

/// A folder copied into itself would never end.
fn refuse_nesting(from: &Path, to: &Path) -> Result<(), Problem> {
    let source = from.canonicalize().map_err(at(from))?;
    let target = resolve(to).map_err(at(to))?;
    let what = if source == target {
        "it is the folder that is to be copied"
    } else if target.starts_with(&source) {
        "it is inside the folder that is to be copied"
    } else {
        return Ok(());
    };
    Err(Problem::new(to, what, "name another target"))
}

/// The real path of what need not exist yet: links are followed where there are some.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut real = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        if part == Component::ParentDir {
            real.pop();
        } else {
            real.push(part);
        }
        if let Ok(found) = real.canonicalize() {
            real = found;
        }
    }
    Ok(real)
}

fn length(entry: &DirEntry) -> u64 {
    let file = entry.metadata().ok().filter(fs::Metadata::is_file);
    file.map_or(0, |metadata| metadata.len())
}

/// What became of a file.
enum Fate {
    Copied(u64),
    Skipped,
}

struct Copier<'a> {
    from: &'a Path,
    to: &'a Path,
    policy: Policy,
    progress: &'a Progress<'a, News>,
    status: Status,
    buffer: Vec<u8>,
    zeros: Vec<u8>,
}

impl Copier<'_> {
    fn run(mut self) -> Result<Status, CopyError> {
        // Not through links: they are copied as links, so nothing comes twice or from outside.
        let mut entries = WalkDir::new(self.from).min_depth(1).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.report(Problem::from_walk(self.from, error))?;
                    continue;
                }
            };
            let relative = entry.path().strip_prefix(self.from).unwrap_or(entry.path());
            let target = self.to.join(relative);
            if entry.file_type().is_dir() {
                if let Err(problem) = copy_folder(entry.path(), &target) {
                    self.report(problem)?;
                    entries.skip_current_dir();
                }
                continue;
            }
            self.status.current = relative.to_path_buf();
            self.tell()?;
            let bytes_after = self.status.bytes_done + length(&entry);
            match self.copy_entry(&entry, &target) {
                Ok(Fate::Copied(bytes)) => {
                    self.status.copied += 1;
                    self.status.bytes += bytes;
                }
                Ok(Fate::Skipped) => self.status.skipped += 1,
                Err(CopyError::Problem(problem)) => self.report(problem)?,
                Err(CopyError::Cancelled) => return Err(CopyError::Cancelled),
            }
            self.status.bytes_done = bytes_after;
            self.tell()?;
        }
        Ok(self.status)
    }

    fn tell(&self) -> Result<(), CopyError> {
        let news = News::Status(self.status.clone());
        self.progress.report_latest(news).map_err(|_| CopyError::Cancelled)
    }

    fn report(&mut self, problem: Problem) -> Result<(), CopyError> {
        self.status.failed += 1;
        self.progress.report(News::Problem(problem)).map_err(|_| CopyError::Cancelled)
    }

    /// Copies all that is no folder.
    fn copy_entry(&mut self, entry: &DirEntry, target: &Path) -> Result<Fate, CopyError> {
        let kind = entry.file_type();
        // A pipe or a device must not be opened: it might never end.
        if !kind.is_file() && !kind.is_symlink() {
            let what = "it is neither file, folder nor link";
            return Err(Problem::new(entry.path(), what, "nothing of it can be copied").into());
        }
        let mut may_replace = false;
        loop {
            match fs::symlink_metadata(target) {
                Ok(old) if old.is_dir() => {
                    let what = "a folder is where the file is to go";
                    return Err(Problem::new(target, what, "move it away, and copy again").into());
                }
                Ok(old) if !may_replace => {
                    let new = entry.metadata().map_err(|error| Problem::from_walk(self.from, error))?;
                    if !self.may_overwrite(target, old, new)? {
                        return Ok(Fate::Skipped);
                    }
                    may_replace = true;
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(target)(error).into()),
            }
            let copied = if kind.is_symlink() {
                copy_link(entry.path(), target, may_replace)
            } else {
                self.copy_file(entry.path(), target, may_replace)
            };
            match copied {
                // Somebody else made it meanwhile, so there is something to be asked after all.
                Err(CopyError::Problem(problem)) if problem.is_occupied && !may_replace => {}
                copied => return copied.map(Fate::Copied),
            }
        }
    }

    fn may_overwrite(
        &mut self,
        target: &Path,
        old: fs::Metadata,
        new: fs::Metadata,
    ) -> Result<bool, CopyError> {
        match self.policy {
            Policy::All => return Ok(true),
            Policy::None => return Ok(false),
            Policy::Ask => {}
        }
        // This thread waits; the window does not.
        match self.progress.ask(Overwrite { target: target.to_path_buf(), old, new }) {
            Ok(Reply { overwrite, for_all }) => {
                if for_all {
                    self.policy = if overwrite { Policy::All } else { Policy::None };
                }
                Ok(overwrite)
            }
            Err(AskError::Cancelled) => Err(CopyError::Cancelled),
            // Nobody is there to ask, such as at the end of a script's input. Nothing is overwritten then.
            Err(_) => {
                self.policy = Policy::None;
                Ok(false)
            }
        }
    }

    fn copy_file(&mut self, source: &Path, target: &Path, may_replace: bool) -> Result<u64, CopyError> {
        let mut input = File::open(source).map_err(at(source))?;
        let metadata = input.metadata().map_err(at(source))?;
        // Beside the target, so that the last step is a mere renaming. It is removed when it is dropped: after an
        // error, a cancel, a panic.
        let mut output = part().tempfile_in(folder_of(target)).map_err(at(target))?;
        let mut bytes = 0;
        loop {
            let length = match input.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(at(source)(error).into()),
            };
            let chunk = &self.buffer[..length];
            // Holes stay holes: the copy of a sparse file takes no more room than the file.
            let written = if *chunk == self.zeros[..length] {
                output.as_file_mut().seek(SeekFrom::Current(length as i64)).map(drop)
            } else {
                output.as_file_mut().write_all(chunk)
            };
            written.map_err(at(target))?;
            bytes += length as u64;
            self.status.bytes_done += length as u64;
            self.tell()?;
        }
        let file = output.as_file();
        file.set_len(bytes).map_err(at(target))?; // the hole at the end
        if let Ok(modified) = metadata.modified() {
            // Not every file system keeps it, and the content is what counts.
            let _ = file.set_times(FileTimes::new().set_modified(modified));
        }
        file.set_permissions(metadata.permissions()).map_err(at(target))?;
        put_in_place(output, target, may_replace)?;
        Ok(bytes)
    }
}

/// Makes one folder, with the permissions of another. One that is there keeps its own.
fn copy_folder(source: &Path, target: &Path) -> Result<(), Problem> {
    match fs::create_dir(target) {
        Ok(()) => {
            let permissions = fs::metadata(source).map_err(at(source))?.permissions();
            // A folder that is read-only could not be filled.
            if !permissions.readonly() {
                fs::set_permissions(target, permissions).map_err(at(target))?;
            }
            Ok(())
        }
        // A link would lead elsewhere, perhaps back into the source.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::symlink_metadata(target).map_err(at(target))?.is_dir() {
                return Ok(());
            }
            let what = "something else is where the folder is to go";
            Err(Problem::new(target, what, "move it away, and copy again"))
        }
        Err(error) => Err(at(target)(error)),
    }
}

#[cfg(unix)]
fn copy_link(source: &Path, target: &Path, may_replace: bool) -> Result<u64, CopyError> {
    let leads_to = fs::read_link(source).map_err(at(source))?;
    let link = part().make_in(folder_of(target), |path| std::os::unix::fs::symlink(&leads_to, path));
    put_in_place(link.map_err(at(target))?, target, may_replace)?;
    Ok(0)
}

#[cfg(not(unix))]
fn copy_link(source: &Path, _: &Path, _: bool) -> Result<u64, CopyError> {
    Err(Problem::new(source, "it is a link", "links are copied on Unix only; make it anew").into())
}

/// The names of what is not complete yet.
fn part() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".file_copy_ask-").suffix(".part");
    builder
}

fn folder_of(target: &Path) -> &Path {
    target.parent().unwrap_or(target)
}

fn put_in_place<F>(part: NamedTempFile<F>, target: &Path, may_replace: bool) -> Result<(), Problem> {
    let placed = if may_replace { part.persist(target) } else { part.persist_noclobber(target) };
    placed.map(drop).map_err(|failed| at(target)(failed.error))
}
