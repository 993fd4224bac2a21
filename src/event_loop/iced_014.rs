//! iced 0.14.
