//! The job without a window: bars in the terminal, and `route_until` in place of the event loop.

use std::time::Duration;

use foreground::{MessageRouter, RouteUntilError};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::app::App;
use crate::format;
use crate::progress::Progress;
use crate::say;

/// How often the bars are drawn.
const FRAME: Duration = Duration::from_millis(100);

/// A bar's full length: indicatif counts in whole steps.
const STEPS: u64 = 1_000;

/// Routes messages and draws bars until the job is over.
pub(crate) fn run(router: &MessageRouter<App>, app: &mut App) -> Result<(), RouteUntilError> {
    let bars = Bars::new(app.progress.workers().len());
    loop {
        // The condition is looked at after each message, so an error is printed as it comes. The timeout
        // is the frame's end: `route_until` may be called as often as one likes.
        let result = router.route_until(
            app,
            |app| {
                bars.print(app.progress.take_untold_errors());
                app.progress.is_over()
            },
            FRAME,
        );
        app.progress.sample();
        bars.draw(&app.progress);
        match result {
            Err(RouteUntilError::Timeout) => {}
            other => {
                bars.clear();
                return other;
            }
        }
    }
}

struct Bars {
    all: MultiProgress,
    workers: Vec<ProgressBar>,
    overall: ProgressBar,
}

impl Bars {
    fn new(workers: usize) -> Self {
        // It draws to the standard error, and nothing at all if that is no terminal.
        let all = MultiProgress::new();
        let bar = |template: &str| {
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            all.add(ProgressBar::new(STEPS).with_style(style.progress_chars("━╸─")))
        };
        let workers = (0..workers).map(|_| bar("{prefix:>3} {bar:24.blue/238} {wide_msg}")).collect();
        let overall = bar("all {bar:24.green/238} {wide_msg}");
        Self { all, workers, overall }
    }

    fn print(&self, errors: Vec<String>) {
        for error in errors {
            // Above the bars, which would overwrite it.
            self.all.suspend(|| say(error));
        }
    }

    fn draw(&self, progress: &Progress) {
        if self.all.is_hidden() {
            return;
        }
        for (number, (bar, worker)) in self.workers.iter().zip(progress.workers()).enumerate() {
            bar.set_prefix(format!("{}", number + 1));
            bar.set_position((STEPS * worker.done).checked_div(worker.length).unwrap_or(0));
            if let Some(line) = &worker.line {
                let name = progress.name(line);
                bar.set_message(format::elide(&name, |name| name.chars().count() <= 60));
            }
        }
        self.overall.set_position((progress.fraction() * STEPS as f32) as u64);
        self.overall.set_message(format::status(progress));
    }

    fn clear(&self) {
        // The summary follows, and says it all.
        let _ = self.all.clear();
    }
}
