//! Where the door is, by the environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use foreground::process::Command;

use crate::common::{Seen, child, collect, router, until_end};

/// Where a child opens its door in such an environment, or why it cannot.
fn door(environment: &[(&str, &OsStr)]) -> Result<PathBuf, String> {
    let router = router::<Seen<Result<String, String>>>();
    let (ticket, receiver) = router.remote_pipe().unwrap();
    collect(&receiver);
    let mut command: Command = child("where is the door", ticket);
    for (name, value) in environment {
        command.env(name, value);
    }
    let _child = command.spawn().unwrap();
    let seen = until_end(&router);
    let [place] = seen.messages.try_into().unwrap();
    place.map(|ticket| ticket.split_once('@').unwrap().1.into())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn is_in(door: &Path, folder: &tempfile::TempDir) -> bool {
    door.parent().and_then(Path::parent) == Some(folder.path())
}

#[test]
fn the_door_is_in_the_folder_of_the_session() {
    let (session, temporary) = (folder(), folder());
    let place =
        door(&[("XDG_RUNTIME_DIR", session.path().as_os_str()), ("TMPDIR", temporary.path().as_os_str())]);
    assert!(is_in(&place.unwrap(), &session));
    assert_eq!(session.path().read_dir().unwrap().count(), 0, "and leaves nothing");
}

#[test]
fn without_a_good_folder_of_the_session_it_is_in_that_of_temporary_files() {
    let long = folder();
    let long = long.path().join("x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    let foreign = folder();
    let chowned = std::os::unix::fs::chown(foreign.path(), Some(12345), None).is_ok();
    let mut bad = vec![
        Path::new("").as_os_str(),
        Path::new("relative").as_os_str(),
        Path::new("/nowhere/at/all").as_os_str(),
        // Ours, and nobody can make a folder in it.
        Path::new("/proc/self").as_os_str(),
        long.as_os_str(),
    ];
    if chowned {
        bad.push(foreign.path().as_os_str());
    }
    for session in bad {
        let temporary = folder();
        let environment = [("XDG_RUNTIME_DIR", session), ("TMPDIR", temporary.path().as_os_str())];
        assert!(is_in(&door(&environment).unwrap(), &temporary), "{session:?}");
    }
}

#[test]
fn a_folder_that_does_not_do_is_an_error_that_says_what_to_do() {
    let base = folder();
    let long = base.path().join("x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    let not_utf8 = base.path().join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&not_utf8).unwrap();
    let missing = base.path().join("missing");
    let none = ("XDG_RUNTIME_DIR", OsStr::new(""));
    for (folder, advice) in [
        (&long, "set TMPDIR to a short path"),
        (&not_utf8, "is no UTF-8; set TMPDIR"),
        (&missing, "set TMPDIR"),
    ] {
        let error = door(&[none, ("TMPDIR", folder.as_os_str())]).unwrap_err();
        assert!(error.contains(advice), "{folder:?}: {error}");
        let left = folder.read_dir().map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{folder:?}");
    }
}

#[test]
fn a_folder_with_a_strange_name_will_do() {
    let base = folder();
    let strange = base.path().join("a b%20@é.fg1");
    std::fs::create_dir(&strange).unwrap();
    let place = door(&[("XDG_RUNTIME_DIR", strange.as_os_str())]).unwrap();
    assert!(place.to_str().unwrap().contains("a%20b%2520@%c3%a9.fg1"), "{place:?}");
}
