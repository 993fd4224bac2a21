//! Without a window.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use crate::support::display::eventually;
use crate::support::example::example;
use crate::support::looks::text;
use crate::{Folders, names, write};

/// Runs it with these arguments and this input.
fn run(options: &[&str], folders: &[impl AsRef<OsStr>], input: &str) -> Output {
    let mut command = Command::new(example("file_copy_ask"));
    command.arg("--headless").args(options).args(folders);
    finish(command, input)
}

fn finish(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It need not read it all; then the pipe breaks.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_done(output: &Output, summary: &str) {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), format!("{summary}\n"));
}

/// It failed, told of these, and still said what it did.
#[track_caller]
fn assert_failed(output: &Output, summary: &str, told: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let expected = if summary.is_empty() { String::new() } else { format!("{summary}\n") };
    assert_eq!(text(&output.stdout), expected, "{stderr}");
    for told in told {
        assert!(stderr.contains(told), "{told:?} is not in {stderr}");
    }
}

#[test]
fn a_folder_is_copied_with_paths_times_permissions_links_and_empty_folders() {
    let folders = Folders::new(&["a", "deep/er/b", "run"], &[]);
    let from = folders.from();
    fs::create_dir(from.join("empty")).unwrap();
    fs::set_permissions(from.join("deep"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(from.join("run"), fs::Permissions::from_mode(0o540)).unwrap();
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(from.join("a")).unwrap().set_modified(past).unwrap();
    symlink("nowhere", from.join("dangling")).unwrap();
    symlink("..", from.join("deep/loop")).unwrap();

    assert_done(&run(&[], &folders.arguments(), ""), "copied 5, skipped 0, failed 0, 25 bytes");
    assert_eq!(names(&folders.to()), names(&from));
    assert_eq!(folders.copy_of("deep/er/b"), "new deep/er/b");
    let mode = |name: &str| fs::metadata(folders.to().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("deep"), mode("run")), (0o700, 0o540));
    assert_eq!(fs::metadata(folders.to().join("a")).unwrap().modified().unwrap(), past);
    assert_eq!(fs::read_link(folders.to().join("dangling")).unwrap(), Path::new("nowhere"));
    assert_eq!(fs::read_link(folders.to().join("deep/loop")).unwrap(), Path::new(".."));
}

#[test]
fn a_target_that_is_missing_is_made_and_names_need_not_be_text() {
    let folders = Folders::new(&["a"], &[]);
    let strange = OsStr::from_bytes(b"caf\xe9");
    write(&folders.from().join(strange).join("b"), "b");
    let to = folders.to().join("new").join(strange);
    let output = run(&[], &[folders.from(), to.clone()], "");
    assert_done(&output, "copied 2, skipped 0, failed 0, 6 bytes");
    assert_eq!(fs::read_to_string(to.join(strange).join("b")).unwrap(), "b");
}

#[test]
fn what_is_there_is_left_alone_unless_all_is_to_be_overwritten() {
    let folders = Folders::new(&["a", "b"], &["b"]);
    symlink("new", folders.from().join("link")).unwrap();
    symlink("old", folders.to().join("link")).unwrap();
    let leads_to = || fs::read_link(folders.to().join("link")).unwrap();
    for options in [&[] as &[&str], &["--overwrite=none"]] {
        let skipped = if options.is_empty() { "copied 1, skipped 2" } else { "copied 0, skipped 3" };
        let bytes = if options.is_empty() { 5 } else { 0 };
        let output = run(options, &folders.arguments(), "");
        assert_done(&output, &format!("{skipped}, failed 0, {bytes} bytes"));
        assert_eq!(folders.copy_of("b"), "old b");
        assert_eq!(leads_to(), Path::new("old"));
    }
    let output = run(&["--overwrite=all"], &folders.arguments(), "");
    assert_done(&output, "copied 3, skipped 0, failed 0, 10 bytes");
    assert_eq!(folders.copy_of("b"), "new b");
    assert_eq!(leads_to(), Path::new("new"));
}

#[test]
fn answers_are_read_from_the_terminal() {
    let all = ["a", "b", "c", "d"];
    let cases = [
        // A line that is no answer is asked again.
        ("y\nwhat?\nno\nyes\nn\n", "copied 2, skipped 2, failed 0, 10 bytes", ["new", "old", "new", "old"]),
        ("n\na\n", "copied 3, skipped 1, failed 0, 15 bytes", ["old", "new", "new", "new"]),
        ("y\ns\n", "copied 1, skipped 3, failed 0, 5 bytes", ["new", "old", "old", "old"]),
        // At the end of the input nobody answers.
        ("y\n", "copied 1, skipped 3, failed 0, 5 bytes", ["new", "old", "old", "old"]),
        ("", "copied 0, skipped 4, failed 0, 0 bytes", ["old", "old", "old", "old"]),
    ];
    for (input, summary, expected) in cases {
        let folders = Folders::new(&all, &all);
        let output = run(&["--overwrite=ask"], &folders.arguments(), input);
        assert_done(&output, summary);
        let found = all.map(|name| folders.copy_of(name));
        assert_eq!(found, std::array::from_fn(|i| format!("{} {}", expected[i], all[i])), "{input:?}");
        assert!(text(&output.stderr).contains("/to/a is there already"), "{}", text(&output.stderr));
    }
}

#[test]
fn what_cannot_be_copied_is_told_and_the_rest_goes_on() {
    let folders = Folders::new(&["a", "file", "folder/x", "folder/y", "z"], &["file/in the way", "folder"]);
    let pipe = folders.from().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let output = run(&["--overwrite=all"], &folders.arguments(), "");
    let told = [
        "/to/file: a folder is where the file is to go; move it away",
        "/to/folder: something else is where the folder is to go; move it away",
        "/from/pipe: it is neither file, folder nor link",
        "3 entries could not be copied",
    ];
    assert_failed(&output, "copied 2, skipped 0, failed 3, 10 bytes", &told);
    assert_eq!(names(&folders.to()), ["a", "file", "file/in the way", "folder", "z"]);
}

#[test]
fn a_folder_is_not_copied_through_a_link_in_the_target() {
    let folders = Folders::new(&["folder/x"], &[]);
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), folders.to().join("folder")).unwrap();
    let output = run(&["--overwrite=all"], &folders.arguments(), "");
    assert_failed(&output, "copied 0, skipped 0, failed 1, 0 bytes", &["/to/folder: something else"]);
    assert!(names(elsewhere.path()).is_empty());
}

#[test]
fn files_and_folders_that_cannot_be_read_are_told_with_what_to_do() {
    let folders = Folders::new(&["a", "closed/x", "secret", "z"], &[]);
    let root = folders.0.path();
    let program = root.join("program");
    fs::copy(example("file_copy_ask"), &program).unwrap();
    for (path, mode) in [("from/closed", 0o000), ("from/secret", 0o000), ("to", 0o777), ("", 0o755)] {
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(program);
    command.arg("--headless").args(folders.arguments());
    if File::open(folders.from().join("secret")).is_ok() {
        // The superuser can read all; the last of all users cannot.
        command.uid(65_534).gid(65_534);
    }
    let output = finish(command, "");
    let told = [
        "/from/closed: Permission denied; change its permissions",
        "/from/secret: Permission denied; change its permissions",
    ];
    assert_failed(&output, "copied 2, skipped 0, failed 2, 10 bytes", &told);
    assert_eq!(names(&folders.to()), ["a", "closed", "z"]);
    fs::set_permissions(folders.from().join("closed"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_file_that_finds_no_room_leaves_nothing_behind_and_the_rest_goes_on() {
    let folders = Folders::new(&["a", "z"], &["large"]);
    fs::write(folders.from().join("large"), vec![1; 1_000_000]).unwrap();
    let mut command = Command::new("sh");
    // The limit is 4 or 8 kB; the signal that comes with it would end the program.
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]);
    command.arg(example("file_copy_ask")).args(["--headless", "--overwrite=all"]).args(folders.arguments());
    let told = ["/to/large: File too large; choose a target where files may be as large"];
    assert_failed(&finish(command, ""), "copied 2, skipped 0, failed 1, 10 bytes", &told);
    assert_eq!(names(&folders.to()), ["a", "large", "z"]);
    assert_eq!(folders.copy_of("large"), "old large");
}

#[test]
fn a_folder_is_never_copied_into_itself() {
    let folders = Folders::new(&["a", "sub/b"], &[]);
    let (from, before) = (folders.from(), names(&folders.from()));
    symlink(&from, folders.to().join("link")).unwrap();
    let (same, inside) =
        ("it is the folder that is to be copied", "it is inside the folder that is to be copied");
    for (to, told) in [
        (from.clone(), same),
        (folders.to().join("link"), same),
        (from.join("sub"), inside),
        (from.join("new/deeper"), inside),
        (folders.to().join("link/new"), inside),
        (folders.to().join("missing/../link/new"), inside),
    ] {
        let output = run(&["--overwrite=all"], &[&from, &to], "");
        assert_failed(&output, "", &[told, "name another target"]);
        assert_eq!(names(&from), before.as_slice(), "{}", to.display());
    }
}

#[test]
fn a_source_that_is_no_folder_is_told() {
    let folders = Folders::new(&["a"], &[]);
    for (name, told) in
        [("a", "/from/a: it is not a folder"), ("b", "/from/b: No such file or directory; look")]
    {
        let output = run(&[], &[folders.from().join(name), folders.to()], "");
        assert_failed(&output, "", &[told]);
    }
    assert!(names(&folders.to()).is_empty());
}

#[test]
fn a_signal_cancels_and_leaves_nothing_half_written() {
    for (signal, is_asked) in [("INT", false), ("TERM", false), ("INT", true)] {
        let folders = Folders::new(&["a"], &[]);
        folders.add_huge("huge");
        let mut command = Command::new(example("file_copy_ask"));
        command.args(["--headless", "--overwrite=ask"]).args(folders.arguments());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let before: &[&str] = if is_asked {
            write(&folders.to().join("huge"), "old");
            &["a", "huge"]
        } else {
            &["a"]
        };
        let mut child = command.spawn().unwrap();
        if is_asked {
            // Up to the end of the question, whose answer never comes.
            let mut question = Vec::new();
            BufReader::new(child.stderr.take().unwrap()).read_until(b']', &mut question).unwrap();
            assert!(question.ends_with(b"]"), "it does not ask: {}", text(&question));
        } else {
            // The small one is a part for a moment too.
            eventually("the small one is copied", || {
                names(&folders.to()).contains(&"a".into()).then_some(())
            });
            folders.wait_for_part();
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        // Its end would be an answer, and may come before the signal does.
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        drop(stdin);
        assert_eq!(text(&output.stdout), "copied 1, skipped 0, failed 0, 5 bytes\n");
        assert_eq!(names(&folders.to()), before);
    }
}

#[test]
fn holes_stay_holes() {
    let folders = Folders::new(&[], &[]);
    let mut file = File::create(folders.from().join("sparse")).unwrap();
    file.write_all(b"begin").unwrap();
    file.set_len(100_000_000).unwrap();
    let output = run(&[], &folders.arguments(), "");
    assert_done(&output, "copied 1, skipped 0, failed 0, 100000000 bytes");
    let copy = fs::metadata(folders.to().join("sparse")).unwrap();
    assert_eq!(copy.len(), 100_000_000);
    assert!(copy.blocks() * 512 < 10_000_000, "{} blocks", copy.blocks());
    let both = [folders.from(), folders.to()].map(|folder| folder.join("sparse"));
    assert!(Command::new("cmp").args(both).status().unwrap().success());
}

#[test]
fn wrong_usage_is_told() {
    for arguments in [&["one"] as &[_], &["one", "two", "three"], &["--overwrite=perhaps"], &["--no-such"]] {
        let output = run(&[], arguments, "");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("--help"), "{}", text(&output.stderr));
    }
    let output = run(&["--help"], &[] as &[&str], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("--overwrite=ask|all|none"));
}

#[test]
fn without_folders_or_a_display_it_copies_some_of_its_own() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new(example("file_copy_ask"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env("TMPDIR", temporary.path());
    assert_done(&finish(command, ""), "copied 5, skipped 3, failed 0, 10311000 bytes");
    assert!(names(temporary.path()).is_empty(), "they are removed at the end");
}
