//! The example `worker_progress` without a window: its digest against the real `find`, `sort`, `xargs` and
//! `sha256sum`, its exit codes, and its messages.

#![cfg(unix)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::example::example;

#[path = "support/example.rs"]
mod example;

fn command() -> Command {
    let mut command = Command::new(example("worker_progress"));
    command.stdin(Stdio::null());
    command
}

fn headless(arguments: &[&OsStr]) -> Output {
    command().args(["--headless", "--json"]).args(arguments).output().expect("the example runs")
}

/// The numbers of the JSON line, whose shape is exactly this.
#[derive(Debug, PartialEq)]
struct Report {
    files: u64,
    bytes: u64,
    errors: u64,
    digest: String,
}

fn report(output: &Output) -> Report {
    let stdout = String::from_utf8(output.stdout.clone()).expect("JSON is UTF-8");
    let line = stdout.lines().last().expect("a last line");
    assert!(stdout.ends_with('\n'), "{stdout:?}");
    let mut rest = line.strip_prefix("{\"files\":").expect(line);
    let mut until = |end: &str| {
        let (value, after) = rest.split_once(end).expect(line);
        rest = after;
        value.to_owned()
    };
    let (files, bytes, errors) = (until(",\"bytes\":"), until(",\"errors\":"), until(",\"digest\":\""));
    let digest = until("\"}");
    assert_eq!(rest, "");
    assert!(digest.len() == 64 && digest.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{digest}");
    let number = |text: String| text.parse().expect("a number");
    Report { files: number(files), bytes: number(bytes), errors: number(errors), digest }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the pipeline prints in a folder.
fn listing(folder: &Path) -> Vec<u8> {
    let pipeline = "find . -type f | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 sha256sum";
    let output = Command::new("sh")
        .args(["-c", pipeline])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    output.stdout
}

fn sha256(text: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the example on one folder and compares with the pipeline.
fn assert_same(folder: &Path, code: i32) -> Report {
    let output = headless(&[folder.as_os_str()]);
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    let report = report(&output);
    assert_eq!(report.digest, sha256(&listing(folder)), "{}", String::from_utf8_lossy(&listing(folder)));
    report
}

fn write(folder: &Path, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
    let path = folder.join(name.as_ref());
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, content).expect("a file");
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn digest_is_that_of_sha256sum_whatever_the_names() {
    let folder = folder();
    let names: &[&[u8]] = &[
        b"plain",
        b"Capital",
        b"with space",
        b" leading and trailing ",
        b"back\\slash",
        b"trailing\\",
        b"\\n",
        b"carriage\rreturn",
        b"tab\tand\x1b[31mescape",
        b"quote'and\"quote",
        b"*?[glob]",
        b"-",
        b"-leading-dash",
        b"--help",
        b"a-b",
        b"a/b",
        b"a.b",
        b"\xff\xfe not utf-8",
        b"dir \xc3\x28/f",
        "grüße/日本語/😀".as_bytes(),
        b".hidden",
        b"deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/f",
    ];
    for name in names {
        write(folder.path(), OsStr::from_bytes(name), name);
    }
    let report = assert_same(folder.path(), 0);
    assert_eq!((report.files, report.errors), (names.len() as u64, 0));
    assert_eq!(report.bytes, names.iter().map(|name| name.len() as u64).sum::<u64>());
}

#[test]
fn a_name_with_a_line_break_is_torn_as_by_the_pipeline() {
    let folder = folder();
    let root = folder.path();
    // Neither piece exists.
    write(root, "one\ntwo", "1");
    // A piece exists: as `./there`, and as `there`.
    write(root, "there", "2");
    write(root, "there\nthere", "3");
    // A piece is in a folder; it is absolute; it is a link, which is followed; it is a folder.
    write(root, "x\nsub/there", "4");
    write(root, "sub/there", "5");
    let absolute = root.join("there");
    let mut name = OsString::from("y\n");
    name.push(&absolute);
    write(root, PathBuf::from(name.into_string().expect("UTF-8")).as_os_str(), "6");
    symlink("there", root.join("link")).expect("a link");
    write(root, "z\nlink", "7");
    write(root, "z\nsub", "8");
    // The standard input, which is empty.
    write(root, "w\n-", "9");
    // Empty pieces.
    write(root, "v\n", "10");
    write(root, "u\n\nthere", "11");
    let report = assert_same(root, 1);
    assert!(report.errors > 0);
}

#[test]
fn a_piece_of_a_name_never_blocks() {
    let folder = folder();
    write(folder.path(), "a\nfifo", "1");
    write(folder.path(), "a\n--check", "2");
    mkfifo(&folder.path().join("fifo"));
    let output = headless(&[folder.path().as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    // Twice the `./a` that does not exist, the FIFO, and the option.
    assert_eq!((report(&output).files, report(&output).errors), (0, 4));
}

#[test]
fn empty_folder() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("only/folders")).expect("folders");
    let report = assert_same(folder.path(), 0);
    assert_eq!((report.files, report.bytes, report.errors), (0, 0, 0));
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}

#[test]
fn links_and_fifos_are_not_hashed() {
    let folder = folder();
    let root = folder.path();
    write(root, "file", "content");
    write(root, "sub/file", "other");
    symlink("file", root.join("link")).expect("a link");
    symlink("sub", root.join("link-to-folder")).expect("a link");
    symlink("nowhere", root.join("dangling")).expect("a link");
    symlink("..", root.join("sub/up")).expect("a link");
    mkfifo(&root.join("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).expect("a socket");
    let report = assert_same(root, 0);
    assert_eq!(report.files, 2);
}

#[test]
fn the_folder_itself_may_be_a_link() {
    let folder = folder();
    write(folder.path(), "real/file", "content");
    symlink("real", folder.path().join("link")).expect("a link");
    assert_eq!(assert_same(&folder.path().join("link"), 0).files, 1);
    let slash = folder.path().join("real/");
    assert_eq!(assert_same(&slash, 0), assert_same(&folder.path().join("real/../link"), 0));
}

#[test]
fn relative_folder_and_leading_dash() {
    let folder = folder();
    write(folder.path(), "-dash/file", "content");
    let output = command()
        .current_dir(folder.path())
        .args(["--headless", "--json", "--", "-dash"])
        .output()
        .expect("the example runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(report(&output).digest, sha256(&listing(&folder.path().join("-dash"))));
}

#[test]
fn a_missing_folder_is_told_and_the_rest_is_done() {
    let folder = folder();
    write(folder.path(), "file", "content");
    write(folder.path(), "good/file", "content");
    let (good, file) = (folder.path().join("good"), folder.path().join("file"));
    let missing = folder.path().join("missing");
    let output = headless(&[missing.as_os_str(), good.as_os_str(), file.as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    let report = report(&output);
    assert_eq!((report.files, report.errors), (1, 2));
    assert_eq!(report.digest, sha256(&listing(&good)));
    let stderr = stderr(&output);
    assert!(stderr.contains(&format!("{}: No such file", missing.display())), "{stderr}");
    assert!(stderr.contains(&format!("{}: not a directory", file.display())), "{stderr}");
}

#[test]
fn several_folders_are_listed_in_the_order_given() {
    let folder = folder();
    write(folder.path(), "z/1", "one");
    write(folder.path(), "a/2", "two");
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let folders = ["z", "empty", "a", "z"].map(|name| folder.path().join(name));
    let output = headless(&folders.each_ref().map(|folder| folder.as_os_str()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let listings: Vec<u8> = folders.iter().flat_map(|folder| listing(folder)).collect();
    assert_eq!(report(&output).digest, sha256(&listings));
}

/// Root may read anything, so this shows nothing where tests run as root.
#[test]
fn what_may_not_be_read_is_an_error() {
    let folder = folder();
    write(folder.path(), "file", "content");
    write(folder.path(), "secret", "content");
    write(folder.path(), "locked/file", "content");
    let forbid = |name: &str, mode| {
        let path = folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("one's own file");
        path
    };
    let secret = forbid("secret", 0o000);
    forbid("locked", 0o000);
    if fs::File::open(secret).is_ok() {
        assert_same(folder.path(), 0);
    } else {
        let report = assert_same(folder.path(), 1);
        assert_eq!((report.files, report.errors), (1, 2));
    }
    forbid("locked", 0o700);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let folder = folder();
    let path = folder.path().join("growing");
    let file = fs::File::create(&path).expect("a file");
    // Sparse, and large enough to take a while.
    file.set_len(300_000_000).expect("room");
    let child = command()
        .args(["--headless", "--json"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example runs");
    // It changes until the example has ended, so some change falls into the time of reading.
    let changes = std::thread::scope(|scope| {
        let output = scope.spawn(|| child.wait_with_output().expect("an end"));
        let mut length = 300_000_000;
        while !output.is_finished() {
            length += 1;
            file.set_len(length).expect("room");
            std::thread::yield_now();
        }
        output.join().expect("no panic")
    });
    assert_eq!(changes.status.code(), Some(1));
    assert!(stderr(&changes).contains("growing: changed while it was read"), "{}", stderr(&changes));
    assert_eq!((report(&changes).files, report(&changes).errors), (0, 1));
}

#[test]
fn a_large_file() {
    let folder = folder();
    let content: Vec<u8> = (0..20_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    write(folder.path(), "large", &content);
    write(folder.path(), "small", "content");
    assert_eq!(assert_same(folder.path(), 0).bytes, 20_000_007);
}

#[test]
fn many_small_files_give_the_same_digest_for_any_number_of_workers() {
    let folder = folder();
    for number in 0..5_000 {
        write(folder.path(), format!("{}/{number}", number % 50), format!("content {number}"));
    }
    let expected = sha256(&listing(folder.path()));
    for workers in ["1", "2", "8"] {
        let output = headless(&["--workers".as_ref(), workers.as_ref(), folder.path().as_os_str()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let report = report(&output);
        assert_eq!((report.files, report.errors), (5_000, 0));
        assert_eq!(report.digest, expected, "{workers} workers");
    }
}

#[test]
fn wrong_usage() {
    let not_utf8 = OsString::from_vec(b"--\xff".to_vec());
    let wrong: &[&[&OsStr]] = &[
        &["--bogus".as_ref()],
        &["-x".as_ref()],
        &[&not_utf8],
        &["--workers".as_ref()],
        &["--workers".as_ref(), "0".as_ref()],
        &["--workers".as_ref(), "-1".as_ref()],
        &["--workers=many".as_ref()],
    ];
    for arguments in wrong {
        let output = headless(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(stderr(&output).contains("--help"));
    }
    let output = command().arg("--help").output().expect("the example runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Exit codes"));
}

#[test]
fn without_a_display_it_says_so_and_does_the_job() {
    let folder = folder();
    write(folder.path(), "file", "content");
    let run = |display: Option<&str>| {
        let mut command = command();
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        command.arg("--json").arg(folder.path()).output().expect("the example runs")
    };
    // None at all, and one that does not answer.
    for display in [None, Some("/nonexistent/display:0")] {
        let output = run(display);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(report(&output).digest, sha256(&listing(folder.path())));
        let stderr = stderr(&output);
        let told: Vec<_> = stderr.lines().filter(|line| line.contains("without a window")).collect();
        assert_eq!(told.len(), 1, "{stderr}");
        assert!(told[0].contains("no display"), "{stderr}");
        assert_eq!(stderr.lines().count(), 2, "that, and the summary: {stderr}");
    }
}

#[test]
fn closed_outputs_are_no_panic() {
    let folder = folder();
    write(folder.path(), "file", "content");
    let output = Command::new("sh")
        .args(["-c", "exec \"$0\" --headless --json \"$1\" /nonexistent >&- 2>&-"])
        .arg(example("worker_progress"))
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn it_ends_soon_after_its_work() {
    let folder = folder();
    write(folder.path(), "file", "content");
    let started = Instant::now();
    assert_same(folder.path(), 0);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
