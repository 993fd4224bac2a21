//! What the queue knows a pipe by.

/// A slot of the router's table, and which of the slot's pipes is meant. Slots are used again, so a
/// message of a closed pipe must not reach the pipe that now has its slot: their generations differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PipeId {
    pub(crate) slot: u32,
    /// Counts the pipes that the router opened. An old number could return after 2³² pipes, long after
    /// every message of its first owner has left the queue.
    pub(crate) generation: u32,
}
