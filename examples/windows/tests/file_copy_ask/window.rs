//! With a window, and a user who clicks.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use x11rb::protocol::xproto::Window;

use crate::support::display::{Screenshot, VirtualDisplay, eventually};
use crate::support::example::example;
use crate::support::looks::{cut, find_button, text, wait_for};
use crate::support::running::Running;
use crate::{Folders, names};

/// The colours of the dialog's buttons, and of the bars at the end.
const OVERWRITE: [u8; 3] = [0x2f, 0x6f, 0xde];
const SKIP: [u8; 3] = [0x6b, 0x72, 0x80];
const CANCEL: [u8; 3] = [0xc8, 0x32, 0x3c];
const DONE: [u8; 3] = [0x1f, 0x8a, 0x54];
const CANCELLED: [u8; 3] = [0xb2, 0x6a, 0x00];
/// As much of a colour as only a bar or a button has.
const MUCH: usize = 1_500;
/// The dialog's text, above its buttons.
const QUESTION: [u32; 4] = [140, 150, 640, 260];
/// From the middle of the button Overwrite to the box of "apply to all".
const TO_CHECKBOX: (i16, i16) = (-41, -46);
/// How long it may take to end.
const SOON: Duration = Duration::from_secs(5);

struct Copy {
    display: VirtualDisplay,
    running: Running,
    window: Window,
    /// The last question that was seen.
    question: Option<Screenshot>,
}

impl Copy {
    fn start(folders: &Folders) -> Self {
        let display = VirtualDisplay::start();
        let mut command = display.command(example("file_copy_ask"));
        command.args(folders.arguments());
        let running = Running::start(&mut command);
        let window = display.find_window("file_copy_ask");
        Self { display, running, window, question: None }
    }

    /// Waits for a question that is not the last one.
    fn wait_for_question(&mut self) -> &Screenshot {
        let old = self.question.take().map(|picture| cut(&picture, QUESTION));
        let picture = eventually("a question", || {
            let picture = self.display.screenshot(self.window).ok()?;
            // It fades in; its colours are right when it is there.
            find_button(&picture, CANCEL)?;
            (Some(cut(&picture, QUESTION)) != old).then_some(picture)
        });
        self.question.insert(picture)
    }

    fn answer(&mut self, color: [u8; 3], for_all: bool) {
        let picture = self.wait_for_question();
        let (x, y) = find_button(picture, OVERWRITE).unwrap();
        let button = find_button(picture, color).unwrap();
        if for_all {
            let (x, y) = (x + TO_CHECKBOX.0, y + TO_CHECKBOX.1);
            self.display.click(self.window, x, y);
            // Its tick is dark, and the box is not. A person does not click faster than the window is drawn.
            let [left, top, right, bottom] =
                [x - 4, y - 4, x + 4, y + 4].map(|place| place.unsigned_abs().into());
            eventually("a tick", || {
                let inside = cut(&self.display.screenshot(self.window).ok()?, [left, top, right, bottom]);
                inside.into_iter().flatten().any(|color| color.iter().all(|part| *part < 0x80)).then_some(())
            });
        }
        self.display.click(self.window, button.0, button.1);
    }

    /// Waits for bars of this colour.
    fn wait_for(&self, color: [u8; 3]) {
        wait_for(&self.display, self.window, color, MUCH);
    }

    /// Closes the window, which has to end the process soon and well.
    fn close(self) -> Output {
        let closed = Instant::now();
        self.display.close(self.window);
        let output = self.running.end();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(closed.elapsed() < SOON, "it took {:?}", closed.elapsed());
        output
    }
}

#[test]
fn the_answer_overwrite_changes_the_file_and_skip_leaves_it() {
    let folders = Folders::new(&["a", "b", "c"], &["a", "b"]);
    let mut copy = Copy::start(&folders);
    copy.answer(OVERWRITE, false);
    let picture = copy.wait_for_question().save("file_copy_ask_question");
    println!("the second question: {}", picture.display());
    assert_eq!(folders.copy_of("a"), "new a");
    assert_eq!(names(&folders.to()), ["a", "b"], "the second waits for its answer");

    let (x, y) = find_button(copy.question.as_ref().unwrap(), SKIP).unwrap();
    copy.display.click(copy.window, x, y);
    copy.wait_for(DONE);
    assert_eq!((folders.copy_of("b"), folders.copy_of("c")), ("old b".into(), "new c".into()));
    assert_eq!(names(&folders.to()), ["a", "b", "c"]);
    copy.close();
}

#[test]
fn apply_to_all_asks_no_more() {
    let all = ["a", "b", "c"];
    for (color, expected) in [(OVERWRITE, "new"), (SKIP, "old")] {
        let folders = Folders::new(&all, &all);
        let mut copy = Copy::start(&folders);
        copy.answer(color, true);
        copy.wait_for(DONE);
        assert_eq!(all.map(|name| folders.copy_of(name)), all.map(|name| format!("{expected} {name}")));
        copy.close();
    }
}

#[test]
fn cancel_in_the_question_leaves_what_is_there_and_copies_no_more() {
    let folders = Folders::new(&["a", "b", "c"], &["b"]);
    let mut copy = Copy::start(&folders);
    copy.answer(CANCEL, false);
    copy.wait_for(CANCELLED);
    assert_eq!(names(&folders.to()), ["a", "b"]);
    assert_eq!(["a", "b"].map(|name| folders.copy_of(name)), ["new a", "old b"]);
    copy.close();
}

#[test]
fn the_cancel_button_leaves_nothing_half_written() {
    let folders = Folders::new(&["a"], &[]);
    folders.add_huge("huge");
    let copy = Copy::start(&folders);
    folders.wait_for_part();
    assert_eq!(names(&folders.to()).len(), 2, "not under its own name");
    copy.wait_for(OVERWRITE); // the colour of a bar that grows
    copy.display.click(copy.window, 72, 203);
    copy.wait_for(CANCELLED);
    assert_eq!(names(&folders.to()), ["a"]);
    copy.close();
    assert_eq!(folders.copy_of("a"), "new a");
}

#[test]
fn closing_in_the_middle_leaves_nothing_half_written() {
    let folders = Folders::new(&["a"], &[]);
    folders.add_huge("huge");
    let copy = Copy::start(&folders);
    folders.wait_for_part();
    copy.close();
    assert_eq!(names(&folders.to()), ["a"]);
}

#[test]
fn closing_while_a_question_is_open_leaves_what_is_there() {
    let folders = Folders::new(&["a", "b"], &["a"]);
    let mut copy = Copy::start(&folders);
    copy.wait_for_question();
    copy.close();
    assert_eq!(names(&folders.to()), ["a"]);
    assert_eq!(folders.copy_of("a"), "old a");
}

#[test]
fn what_cannot_be_copied_is_shown_and_the_rest_goes_on() {
    let folders = Folders::new(&["a", "b"], &["a/in the way"]);
    let copy = Copy::start(&folders);
    copy.wait_for(DONE);
    // The dot before it.
    wait_for(&copy.display, copy.window, CANCEL, 30);
    assert_eq!(folders.copy_of("b"), "new b");
    fs::metadata(folders.to().join("a/in the way")).unwrap();
    copy.close();
}
