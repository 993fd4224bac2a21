//! Slint 1.
