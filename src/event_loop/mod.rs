//! Adapters for event loops, one module a host and version, each behind a feature of its own.
//!
//! An adapter is little: a [`Waker`](crate::Waker) for the host, and calls of
//! [`dispatch`](crate::MessageRouter::dispatch) and [`settle`](crate::MessageRouter::settle) at the places
//! where the host has them.
//!
//! | host | feature | woken by | `dispatch` in | `settle` in |
//! |---|---|---|---|---|
//! | egui 0.37, eframe | `egui-037` | a requested repaint | `App::logic` | `App::logic`, after `dispatch` |
//! | iced 0.14 | `iced-014` | a subscription | `update` | `update`, after `dispatch` |
//! | Slint 1 | `slint-1` | `invoke_from_event_loop` | what is invoked | a timer, when the loop has drawn |
//! | winit 0.30 | `winit-030` (default) | a user event | `user_event` | `about_to_wait` |
//! | winit 0.31 beta 4 | `winit-031` | `EventLoopProxy::wake_up` | `proxy_wake_up` | `about_to_wait` |
//! | any other | none | a closure that makes the loop turn | the turn | before the loop sleeps |

#[cfg(feature = "calloop-014")]
#[cfg_attr(docsrs, doc(cfg(feature = "calloop-014")))]
pub mod calloop_014;
#[cfg(feature = "egui-037")]
#[cfg_attr(docsrs, doc(cfg(feature = "egui-037")))]
pub mod egui_037;
pub mod executor;
#[cfg(feature = "glib-022")]
#[cfg_attr(docsrs, doc(cfg(feature = "glib-022")))]
pub mod glib_022;
#[cfg(feature = "headless")]
#[cfg_attr(docsrs, doc(cfg(feature = "headless")))]
pub mod headless;
#[cfg(feature = "iced-014")]
#[cfg_attr(docsrs, doc(cfg(feature = "iced-014")))]
pub mod iced_014;
#[cfg(any(feature = "winit-030", feature = "winit-031"))]
mod routed;
mod shared;
#[cfg(feature = "slint-1")]
#[cfg_attr(docsrs, doc(cfg(feature = "slint-1")))]
pub mod slint_1;
#[cfg(feature = "tao-037")]
#[cfg_attr(docsrs, doc(cfg(feature = "tao-037")))]
pub mod tao_037;
#[cfg(feature = "tokio-1")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio-1")))]
pub mod tokio_1;
#[cfg(feature = "winit-030")]
#[cfg_attr(docsrs, doc(cfg(feature = "winit-030")))]
pub mod winit_030;
#[cfg(feature = "winit-031")]
#[cfg_attr(docsrs, doc(cfg(feature = "winit-031")))]
pub mod winit_031;

pub use self::shared::{Shared, StateInUseError, WeakShared};
