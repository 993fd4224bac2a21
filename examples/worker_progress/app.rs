//! The router's state: what callbacks get as `&mut App`.

use crate::job::CancelFlag;
use crate::options::Options;
use crate::progress::Progress;
use crate::window::{Window, WindowError};

/// The application, with a window or without.
pub(crate) struct App {
    pub(crate) progress: Progress,
    pub(crate) window: Option<Window>,
    /// Whether the window closes when all is done, because a program waits for the result and not a person.
    pub(crate) closes_itself: bool,
    window_error: Option<WindowError>,
    cancel: CancelFlag,
}

impl App {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            progress: Progress::new(&options.folders, options.workers),
            window: None,
            closes_itself: options.json,
            window_error: None,
            cancel: CancelFlag::default(),
        }
    }

    pub(crate) fn cancel_flag(&self) -> CancelFlag {
        self.cancel.clone()
    }

    /// Tells the threads to end, if they have not. What they have sent still arrives.
    pub(crate) fn cancel(&mut self) {
        if !self.progress.is_over() {
            self.cancel.set();
            self.progress.touch();
        }
    }

    /// Whether the user cancelled; the work may have ended in spite of it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_set()
    }

    /// Notes that the window can be used no longer.
    pub(crate) fn set_window_error(&mut self, error: WindowError) {
        self.window = None;
        self.window_error = Some(error);
    }

    pub(crate) fn take_window_error(&mut self) -> Option<WindowError> {
        self.window_error.take()
    }
}
