//! A Unix socket in a folder that nobody else may enter.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::FlockOperation;
use tempfile::TempDir;

use crate::net::{self, Acceptor, Address, Admission, Listener, Stream};

/// What the folders are called, a random part follows.
const FOLDER: &str = "foreground-";
/// What the socket in them is called. Short, as the whole path of a socket may have some hundred bytes only.
const SOCKET: &str = "s";

/// What a program that was killed leaves behind is removed by the next one, once it is so old.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// The socket goes before its folder.
pub(super) struct Open {
    _acceptor: Acceptor,
    _folder: TempDir,
    /// Says to others that the folder is in use. None where the file system cannot.
    _lock: Option<fs::File>,
}

pub(super) fn open(
    strangers: usize,
    on_connect: impl Fn(Stream, Admission) + Send + Sync + 'static,
) -> io::Result<(String, Open)> {
    let on_connect = Arc::new(on_connect);
    let mut failure = None;
    for base in bases() {
        let on_connect = Arc::clone(&on_connect);
        match open_in(&base, strangers, move |stream, admission| on_connect(stream, admission)) {
            Ok(opened) => return Ok(opened),
            Err(error) => failure = Some(error),
        }
    }
    // That of the last, which `TMPDIR` sets.
    Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

fn open_in(
    base: &Path,
    strangers: usize,
    on_connect: impl Fn(Stream, Admission) + Send + Sync + 'static,
) -> io::Result<(String, Open)> {
    remove_abandoned(base);
    let doing = |what: &str, error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    let folder = tempfile::Builder::new()
        .prefix(FOLDER)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(base)
        .map_err(|error| doing("no folder for a socket; set TMPDIR to one that can be written", error))?;
    let lock = lock(folder.path()).ok();
    let path = folder.path().join(SOCKET);
    let address = path.to_str().map(str::to_owned).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{base:?} is no UTF-8; set TMPDIR to a folder that is"),
        )
    })?;
    let listener = Listener::bind(&Address::Unix(path))
        .map_err(|error| doing(&format!("no socket at {address}; set TMPDIR to a short path"), error))?;
    let acceptor = Acceptor::open(listener, strangers, move |stream, _, admission| {
        if is_of_user(&stream, user()) {
            on_connect(stream, admission);
        } else {
            log::warn!(
                "foreground: a process of another user came to the socket of remote pipes, and was sent away"
            );
        }
    })?;
    Ok((address, Open { _acceptor: acceptor, _folder: folder, _lock: lock }))
}

pub(super) fn connect(address: &str, deadline: Option<Instant>) -> io::Result<Stream> {
    let stream = loop {
        match net::connect(&Address::Unix(address.into()), deadline) {
            Err(error) if is_of_a_crowd(&error, Path::new(address), deadline) => {
                thread::sleep(Duration::from_millis(10));
            }
            connected => break connected?,
        }
    };
    // Whoever could put a socket of his own in its place would be told the secret.
    if !is_of_user(&stream, user()) {
        let text = "the socket at the ticket's address is another user's";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(stream)
}

/// Whether it is worth another try. Linux has those wait for whom there is no room at the moment, others refuse them as if nobody listened.
fn is_of_a_crowd(error: &io::Error, path: &Path, deadline: Option<Instant>) -> bool {
    !cfg!(any(target_os = "linux", target_os = "android"))
        && error.kind() == io::ErrorKind::ConnectionRefused
        && deadline.is_some_and(|deadline| Instant::now() < deadline)
        && path.exists()
}

/// It has it at once.
pub(super) fn wait_carried(_: &Stream, _: Option<Instant>) {}

/// Where to try: the folder of the session, which the system empties at its end, then that of temporary files.
fn bases() -> impl Iterator<Item = PathBuf> {
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| {
        // The variable may be left from another user, as after `su`.
        path.is_absolute() && fs::metadata(path).is_ok_and(|folder| folder.is_dir() && folder.uid() == user())
    });
    session.into_iter().chain([std::env::temp_dir()])
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Asks the system who is at the other end. Where it does not tell, the folder and the secret have to do.
fn is_of_user(stream: &Stream, user: u32) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid.as_raw() == user);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (stream, user);
        true
    }
}

/// Removes the folders of programs that were killed. What cannot be removed stays.
fn remove_abandoned(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(FOLDER)) && is_abandoned(&entry.path()) {
            let _ = fs::remove_file(entry.path().join(SOCKET));
            let _ = fs::remove_dir(entry.path()); // only if it is empty
        }
    }
}

/// Locks a folder for as long as the program lives, or the file.
fn lock(folder: &Path) -> io::Result<fs::File> {
    let folder = fs::File::open(folder)?;
    rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

fn is_abandoned(folder: &Path) -> bool {
    let is_old = |file: &fs::Metadata| {
        file.modified().is_ok_and(|modified| {
            SystemTime::now().duration_since(modified).is_ok_and(|age| age > ABANDONED_AFTER)
        })
    };
    // One without a socket is of a program that was killed before it had one.
    let is_deserted = || {
        fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
            || net::is_abandoned(&folder.join(SOCKET))
    };
    // Its socket alone does not tell: on some systems one that has no room is as one that nobody listens at.
    let is_locked = || lock(folder).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
    fs::symlink_metadata(folder).is_ok_and(|file| file.is_dir() && file.uid() == user() && is_old(&file))
        && !is_locked()
        && is_deserted()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    /// A folder as a program leaves it, so many seconds old.
    fn left(base: &Path, name: &str, age: u64, fill: impl FnOnce(&Path)) -> PathBuf {
        let folder = base.join(name);
        fs::create_dir(&folder).unwrap();
        fill(&folder);
        let then = SystemTime::now() - Duration::from_secs(age);
        fs::File::open(&folder).unwrap().set_modified(then).unwrap();
        folder
    }

    #[test]
    fn what_killed_programs_left_is_removed_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        let dead = |folder: &Path| drop(UnixListener::bind(folder.join(SOCKET)).unwrap());
        let mut listeners = Vec::new();
        let alive = |folder: &Path| listeners.push(UnixListener::bind(folder.join(SOCKET)).unwrap());
        let letter = |folder: &Path| fs::write(folder.join("letter"), "dear").unwrap();
        let gone = [left(base, "foreground-dead", 3600, dead), left(base, "foreground-empty", 3600, |_| ())];
        let kept = [
            left(base, "foreground-alive", 3600, alive),
            left(base, "foreground-locked", 3600, dead),
            left(base, "foreground-new", 0, dead),
            left(base, "foreground-letter", 3600, letter),
            left(base, "another-dead", 3600, dead),
        ];
        let _locked = lock(&kept[1]).unwrap();
        std::os::unix::fs::symlink(&kept[4], base.join("foreground-link")).unwrap();
        remove_abandoned(base);
        assert!(gone.iter().all(|folder| !folder.exists()));
        assert!(kept.iter().all(|folder| folder.exists()));
        assert!(kept[4].join(SOCKET).exists(), "reached by a link");
        assert_eq!(fs::read_to_string(kept[3].join("letter")).unwrap(), "dear");
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn who_is_at_the_other_end_is_told_by_the_system() {
        let (one, other) = UnixStream::pair().unwrap();
        assert!(is_of_user(&one.into(), user()));
        assert!(!is_of_user(&other.into(), user() + 1));
    }
}
