//! Any executor of futures.
