//! A Unix socket in a folder that nobody else may enter.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

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
}

pub(super) fn open(
    strangers: usize,
    on_connect: impl Fn(Stream, Admission) + Send + Sync + 'static,
) -> io::Result<(String, Open)> {
    let base = base();
    remove_abandoned(&base);
    let doing = |what: &str, error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    let folder = tempfile::Builder::new()
        .prefix(FOLDER)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&base)
        .map_err(|error| doing("no folder for a socket; set TMPDIR to one that can be written", error))?;
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
        if is_of_this_user(&stream) {
            on_connect(stream, admission);
        } else {
            log::warn!(
                "foreground: a process of another user came to the socket of remote pipes, and was sent away"
            );
        }
    })?;
    Ok((address, Open { _acceptor: acceptor, _folder: folder }))
}

pub(super) fn connect(address: &str, deadline: Option<Instant>) -> io::Result<Stream> {
    net::connect(&Address::Unix(address.into()), deadline)
}

/// The folder of the session, which the system empties at its end; else that of temporary files.
fn base() -> PathBuf {
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| {
        // The variable may be left from another user, as after `su`.
        fs::metadata(path).is_ok_and(|folder| folder.is_dir() && folder.uid() == user())
    });
    session.unwrap_or_else(std::env::temp_dir)
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Asks the system who connected. Where it does not tell, the folder and the secret have to do.
fn is_of_this_user(stream: &Stream) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid.as_raw() == user());
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = stream;
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

fn is_abandoned(folder: &Path) -> bool {
    let is_old = |file: &fs::Metadata| {
        file.modified().is_ok_and(|modified| {
            SystemTime::now().duration_since(modified).is_ok_and(|age| age > ABANDONED_AFTER)
        })
    };
    fs::symlink_metadata(folder).is_ok_and(|file| file.is_dir() && file.uid() == user() && is_old(&file))
        && net::is_abandoned(&folder.join(SOCKET))
}
