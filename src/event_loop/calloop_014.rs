//! calloop 0.14.
