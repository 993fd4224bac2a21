//! tokio 1.
