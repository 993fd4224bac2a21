//! Request and response.
