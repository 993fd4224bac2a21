//! What the networked layers share.
