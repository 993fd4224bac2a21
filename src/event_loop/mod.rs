//! Adapters for event loops, one module a host and version, each behind a feature of its own.
//!
//! An adapter is little: a [`Waker`](crate::Waker) for the host, and calls of
//! [`dispatch`](crate::MessageRouter::dispatch) and [`settle`](crate::MessageRouter::settle) at the places
//! where the host has them.
//!
//! | host | feature | woken by | `dispatch` in | `settle` in |
//! |---|---|---|---|---|
//! | winit 0.30 | `winit-030` (default) | a user event | `user_event` | `about_to_wait` |
//! | winit 0.31 beta 4 | `winit-031` | `EventLoopProxy::wake_up` | `proxy_wake_up` | `about_to_wait` |
//! | any other | none | a closure that makes the loop turn | the turn | before the loop sleeps |

#[cfg(any(feature = "winit-030", feature = "winit-031"))]
mod routed;
#[cfg(feature = "winit-030")]
#[cfg_attr(docsrs, doc(cfg(feature = "winit-030")))]
pub mod winit_030;
#[cfg(feature = "winit-031")]
#[cfg_attr(docsrs, doc(cfg(feature = "winit-031")))]
pub mod winit_031;
