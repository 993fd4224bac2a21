//! A loop without a window, for daemons and command lines.
