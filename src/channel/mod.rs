//! Request/reply connections.
