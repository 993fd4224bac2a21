//! The example of a host in its window, as a person sees and uses it.

use super::display::{Screenshot, VirtualDisplay, Window, eventually};
use super::example::example;
use super::looks::{count, cut, text};
use super::running::Running;

/// Where things are in the window of an example.
pub struct Example {
    pub name: &'static str,
    pub title: &'static str,
    /// The two bars: left, top, right, bottom.
    pub bars: [[u32; 4]; 2],
    /// The colour of what is done.
    pub bar: [u8; 3],
    /// Where there is text only if it is longer than a percentage, as after a cancel: left, top, right, bottom.
    pub told: [u32; 4],
    /// The middle of the button.
    pub cancel: (i16, i16),
}

/// The tests of an example with a window.
#[allow(unused_macros)] // a test of another kind has no use for it
macro_rules! window_tests {
    ($example:expr) => {
        #[test]
        fn the_bars_grow_until_the_work_is_done() {
            $example.is_run_to_its_end();
        }

        #[test]
        fn cancel_stops_the_workers() {
            $example.is_cancelled();
        }

        #[test]
        fn closing_the_window_stops_the_workers() {
            $example.is_closed_at_work();
        }
    };
}

#[allow(unused_imports)] // as above
pub(crate) use window_tests;

impl Example {
    /// Nobody touches it until both workers are done; then the window is closed.
    pub fn is_run_to_its_end(&self) {
        let (display, running, window) = self.start();
        self.wait_until(&display, window, "both bars have begun", |done| {
            done.iter().all(|done| *done > 0.05)
        });
        let picture =
            self.wait_until(&display, window, "the second bar is half-way", |[_, second]| second > 0.45);
        println!("half-way: {}", picture.save(&format!("host_{}", self.name)).display());
        self.wait_until(&display, window, "both bars are full", |done| done.iter().all(|done| *done > 0.95));
        // The last report comes a little before the end of its pipe, after which the button is disabled.
        let working = self.button(&picture);
        eventually("the button is disabled", || {
            let picture = display.screenshot(window).ok()?;
            (self.button(&picture) != working).then_some(())
        });
        display.close(window);
        expect_end(running, "2 workers have ended: done; done\n");
    }

    /// The button cancels; then the window is closed.
    pub fn is_cancelled(&self) {
        let (display, running, window) = self.start();
        let picture = self.wait_until(&display, window, "both bars have begun", |done| {
            done.iter().all(|done| *done > 0.05)
        });
        let working = self.button(&picture);
        display.click(window, self.cancel.0, self.cancel.1);
        eventually("the button is disabled, and the text says that it was cancelled", || {
            let after = display.screenshot(window).ok()?;
            (self.button(&after) != working && cut(&after, self.told) != cut(&picture, self.told))
                .then_some(())
        });
        display.close(window);
        expect_end(running, "2 workers have ended: cancelled at ");
    }

    /// The window is closed while the workers are at work.
    pub fn is_closed_at_work(&self) {
        let (display, running, window) = self.start();
        self.wait_until(&display, window, "a bar has begun", |[first, _]| first > 0.05);
        display.close(window);
        expect_end(running, "2 workers have ended: cancelled at ");
    }

    fn start(&self) -> (VirtualDisplay, Running, Window) {
        let display = VirtualDisplay::start();
        let running = Running::start(&mut display.command(example(self.name)));
        let window = display.find_window(self.title);
        (display, running, window)
    }

    fn wait_until(
        &self,
        display: &VirtualDisplay,
        window: Window,
        what: &str,
        holds: impl Fn([f64; 2]) -> bool,
    ) -> Screenshot {
        eventually(what, || {
            let picture = display.screenshot(window).ok()?;
            holds(self.done(&picture)).then_some(picture)
        })
    }

    /// How much of each bar has its colour.
    fn done(&self, picture: &Screenshot) -> [f64; 2] {
        self.bars.map(|[left, top, right, bottom]| {
            let [width, height] = [right - left, bottom - top].map(f64::from);
            count(picture, [left, top, right, bottom], self.bar) as f64 / (width * height)
        })
    }

    /// The pixels of the button and its text.
    fn button(&self, picture: &Screenshot) -> Vec<Option<[u8; 3]>> {
        let [x, y] =
            [self.cancel.0, self.cancel.1].map(|place| u32::try_from(place).expect("it is in the window"));
        cut(picture, [x - 20, y - 8, x + 20, y + 8])
    }
}

fn expect_end(running: Running, line: &str) {
    let output = running.end();
    let (told, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(told.starts_with(line) && told.lines().count() == 1, "it said {told:?}, and {errors}");
    assert_eq!(output.status.code(), Some(0), "{errors}");
}
