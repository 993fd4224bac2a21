//! The file by which a Unix socket is found.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use socket2::SockAddr;

/// Held by whoever binds to a file, so that nobody else of this program comes between the look and the bind, and replaces a socket that
/// has just been bound.
pub(crate) static BINDING: Mutex<()> = Mutex::new(());

/// Removed when dropped, unless another has been put in its place meanwhile.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Option<Identity>,
}

impl SocketFile {
    pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let _alone = BINDING.lock();
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        Ok((listener, Self { path: path.to_owned(), identity: identity(path) }))
    }
}

/// Whether it is the file of a socket at which nobody listens any more.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && SockAddr::unix(path)
            // Without waiting: whoever listens there may have no room.
            .and_then(|address| super::link::start(&address))
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Whether there is something at a path that must not be replaced by a socket: another socket at which somebody listens, or
/// something else.
#[cfg(feature = "zmq")]
pub(crate) fn is_occupied(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok() && !is_abandoned(path)
}

/// Device, number and time of a file: its number is soon given to another, and a changed mode leaves all three.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino(), file.mtime(), file.mtime_nsec()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // If the folder has become read-only, the file stays, and the next `bind` replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")] // others refuse in place of letting the caller wait
    #[test]
    fn a_listener_that_has_no_room_is_not_waited_for() {
        use std::sync::mpsc;
        use std::thread;
        use std::time::Duration;

        use crate::net::link::{Attempt, start};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _busy = UnixListener::bind(&path).unwrap();
        let address = SockAddr::unix(&path).unwrap();
        let mut queue = Vec::new();
        while let Ok((stream, Attempt::Connected)) = start(&address) {
            queue.push(stream);
        }
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(SocketFile::bind(&path).is_err()));
        assert!(result.recv_timeout(Duration::from_secs(20)).expect("it does not wait"));
    }

    #[test]
    fn of_those_who_replace_a_file_at_once_one_does() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let path = folder.path().join(round.to_string());
            drop(UnixListener::bind(&path).unwrap());
            let all_are_here = std::sync::Barrier::new(4);
            let bind = || {
                all_are_here.wait();
                SocketFile::bind(&path).ok()
            };
            let bound: Vec<_> = std::thread::scope(|scope| {
                let binding: Vec<_> = (0..4).map(|_| scope.spawn(bind)).collect();
                binding.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(bound.len(), 1);
        }
    }

    #[test]
    fn the_file_goes_with_its_listener_and_no_other_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (listener, file) = SocketFile::bind(&path).unwrap();
        assert!(SocketFile::bind(&path).is_err(), "somebody listens there");
        drop(listener);
        let (_listener, newer) = SocketFile::bind(&path).expect("the file was left behind");
        drop(file);
        assert!(path.exists(), "it is the other's now");
        drop(newer);
        assert!(!path.exists());

        fs::write(&path, "a letter").unwrap();
        assert!(SocketFile::bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
    }
}
