//! What a test does to an example in a terminal: it types, reads what is drawn, and looks at a picture of it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::display::{VirtualDisplay, eventually, key};
use super::example::example;
use super::running::Running;

/// What the keys Ctrl-C and Ctrl-D send.
const INTERRUPT: &str = "\x03";
const END_OF_INPUT: &str = "\x04";

/// A program in a pseudo terminal of its own, from which Ctrl-C reaches it as a signal. Killed on drop.
struct Terminal {
    program: Child,
    keys: File,
    output: Arc<Mutex<String>>,
}

impl Terminal {
    fn start(name: &str) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there is a pseudo terminal");
        grantpt(&controller).and_then(|()| unlockpt(&controller)).expect("it is ours");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).expect("it has a size");
        let path = ptsname(&controller, Vec::new()).expect("it has a name");
        let terminal =
            OpenOptions::new().read(true).write(true).open(path.to_str().expect("a path of letters"));
        let terminal = terminal.expect("it can be opened");
        let again = || Stdio::from(terminal.try_clone().expect("a descriptor is left"));
        // In a session of its own, whose terminal this is.
        let program = Command::new("setsid")
            .arg("--ctty")
            .arg(example(name))
            .env("TERM", "xterm")
            .stdin(again())
            .stdout(again())
            .stderr(again())
            .spawn()
            .expect("util-linux is installed");
        drop(terminal);
        let keys = File::from(controller);
        let mut drawn = keys.try_clone().expect("a descriptor is left");
        let output = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&output);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It fails when the program has gone.
            while let Ok(count @ 1..) = drawn.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Self { program, keys, output }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The greatest percentage drawn so far.
    fn percent(&self) -> u32 {
        let output = self.output();
        let before = output.split(" %").filter_map(|text| text.rsplit(' ').next()?.parse().ok());
        before.max().unwrap_or(0)
    }

    fn wait_for(&self, text: &str) {
        eventually(&format!("{text:?} in the terminal"), || self.output().contains(text).then_some(()));
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("the program's end", || self.program.try_wait().expect("it is our child"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail if the program has ended, which is what is wanted.
        let _ = self.program.kill();
        let _ = self.program.wait();
        if thread::panicking() {
            eprintln!("in the terminal:\n{}", self.output());
        }
    }
}

#[track_caller]
fn assert_cancelled(text: &str) {
    let has_ended = text.contains("2 workers have ended: cancelled at ");
    assert!(has_ended && text.matches("cancelled at ").count() >= 2, "{text}");
}

/// The bars grow; a line cancels, the end of the input closes.
pub fn a_line_cancels_and_the_end_of_input_closes(name: &str) {
    let mut terminal = Terminal::start(name);
    terminal.wait_for("Two workers");
    for percent in [3, 6] {
        eventually("bars that grow", || (terminal.percent() >= percent).then_some(()));
    }
    terminal.press("what?\nc\n");
    terminal.wait_for("cancelled at ");
    terminal.press(END_OF_INPUT);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.output());
    terminal.wait_for("2 workers have ended: cancelled at ");
}

/// Ctrl-C cancels, the second one closes.
pub fn ctrl_c_cancels_and_the_second_closes(name: &str) {
    let mut terminal = Terminal::start(name);
    terminal.wait_for("1 %");
    terminal.press(INTERRUPT);
    terminal.wait_for("cancelled at ");
    terminal.press(INTERRUPT);
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.output());
    terminal.wait_for("2 workers have ended: cancelled at ");
}

/// Without a terminal it draws nothing, and does what the lines say.
pub fn pipes_will_do(name: &str) {
    for input in ["", "c\n", "c", "nothing\nc\nc\n"] {
        let mut program = Command::new(example(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let typed = program.stdin.take().expect("it is piped").write_all(input.as_bytes());
        typed.expect("the example reads");
        let output = program.wait_with_output().expect("it is our child");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{stdout}");
        assert_cancelled(&stdout);
    }
}

/// In an xterm the bars can be seen to grow; keys cancel, and the end is clean. Takes the picture for the documents,
/// about half-way.
pub fn the_bars_are_seen_in_a_terminal_window(name: &str) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (said, code) = (folder.join(format!("{name}-said")), folder.join(format!("{name}-code")));
    let _ = (fs::remove_file(&said), fs::remove_file(&code)); // of an earlier run
    let display = VirtualDisplay::start();
    let title = format!("foreground in {name}");
    let mut command = display.command("xterm");
    command
        .args(["-T", &title, "-geometry", "60x11", "-b", "12", "+sb", "-uc", "-bc", "-u8"])
        .args(["-fa", "DejaVu Sans Mono", "-fs", "11", "-bg", "#fbfbfa", "-fg", "#2b2b2b"])
        .args(["-xrm", "*color4: #2f6fb5", "-xrm", "*color7: #d9dbdf", "-xrm", "*allowSendEvents: true"])
        .args(["-e", "sh", "-c", r#""$0" >"$1"; echo $? >"$2""#])
        .args([example(name), said.clone(), code.clone()]);
    let xterm = Running::start(&mut command);
    let window = display.find_window(&title);
    display.focus(window);
    let blue = || {
        let picture = display.screenshot(window).ok()?;
        let is_blue = |pixel: &&[u8]| pixel[2] > 140 && pixel[0] < 100;
        Some(picture.rgba.chunks_exact(4).filter(is_blue).count())
    };
    let first = eventually("blue in the window", || blue().filter(|&count| count > 50));
    eventually("bars that grow", || blue().filter(|&count| count > 2 * first && count > 4500));
    let picture = display.screenshot(window).expect("it is on the screen").save(&format!("host_{name}"));
    println!("the picture is {}", picture.display());
    display.press_key('c'.into());
    display.press_key(key::RETURN);
    eventually("the bars to stand still", || {
        let before = blue();
        thread::sleep(std::time::Duration::from_millis(300));
        (before == blue()).then_some(())
    });
    display.press_key_with(key::CONTROL, 'd'.into());
    let code =
        eventually("the example's end", || fs::read_to_string(&code).ok().filter(|code| !code.is_empty()));
    assert_eq!(code.trim(), "0");
    assert_cancelled(&fs::read_to_string(&said).expect("it has said something"));
    assert!(xterm.end().status.success());
}

/// The tests of an example in a terminal.
#[allow(unused_macros)] // a test of another kind has no use for it
macro_rules! terminal_tests {
    ($example:expr) => {
        #[test]
        fn a_line_cancels_and_the_end_of_input_closes() {
            $crate::support::terminal::a_line_cancels_and_the_end_of_input_closes($example);
        }

        #[test]
        fn ctrl_c_cancels_and_the_second_closes() {
            $crate::support::terminal::ctrl_c_cancels_and_the_second_closes($example);
        }

        #[test]
        fn pipes_will_do() {
            $crate::support::terminal::pipes_will_do($example);
        }

        #[test]
        fn the_bars_are_seen_in_a_terminal_window() {
            $crate::support::terminal::the_bars_are_seen_in_a_terminal_window($example);
        }
    };
}

#[allow(unused_imports)] // as above
pub(crate) use terminal_tests;
