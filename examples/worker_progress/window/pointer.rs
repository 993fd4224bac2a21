//! The mouse pointer and the button.

use winit_030::event::{ElementState, MouseButton};

use super::canvas::Rect;

#[derive(Default)]
pub(super) struct Pointer {
    position: Option<(f64, f64)>,
    is_over: bool,
    /// The press began on the button.
    is_held: bool,
}

/// How the button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Hover,
    Pressed,
}

impl Pointer {
    /// Returns whether the button looks different now.
    pub(super) fn moved(&mut self, position: Option<(f64, f64)>, button: Rect) -> bool {
        self.position = position;
        self.still(button)
    }

    /// The same, when it is the button that may have moved.
    pub(super) fn still(&mut self, button: Rect) -> bool {
        let is_over = self.position.is_some_and(|(x, y)| button.contains(x as f32, y as f32));
        std::mem::replace(&mut self.is_over, is_over) != is_over
    }

    /// Returns whether the button was clicked: pressed and let go on it.
    pub(super) fn button(&mut self, button: MouseButton, state: ElementState) -> bool {
        if button != MouseButton::Left {
            return false;
        }
        let was_held = std::mem::replace(&mut self.is_held, state.is_pressed() && self.is_over);
        was_held && self.is_over && !state.is_pressed()
    }

    pub(super) fn look(&self) -> Look {
        match (self.is_over, self.is_held) {
            (true, true) => Look::Pressed,
            (true, false) => Look::Hover,
            (false, _) => Look::Plain,
        }
    }
}
