//! Each host with the router, beside the best that the host itself offers.

use super::{Jobs, Scenario, YARDSTICK, scenario, slow, throughput};
#[cfg(feature = "glib")]
use crate::adapter::GlibSource;
#[cfg(feature = "slint")]
use crate::adapter::SlintRouter;
use crate::adapter::{Adapted, CalloopSource, TokioRouting};
#[cfg(feature = "egui")]
use crate::host::Egui;
#[cfg(feature = "winit")]
use crate::host::Winit030;
#[cfg(any(feature = "egui", feature = "winit"))]
use crate::peers::Foreground;
#[cfg(feature = "slint")]
use crate::peers::SlintInvoke;
#[cfg(feature = "winit")]
use crate::peers::UserEvents;
#[cfg(feature = "egui")]
use crate::peers::WokenQueue;
use crate::peers::{CalloopChannel, Peer, Tokio};
#[cfg(feature = "glib")]
use crate::peers::{GlibChannel, GlibInvoke};

/// The names of what is measured in one host.
pub(super) struct Hosted {
    pub(super) messages: Scenario,
    pub(super) latency: Scenario,
    pub(super) flood: Scenario,
}

macro_rules! hosted {
    ($name:literal, $title:literal) => {
        Hosted {
            messages: scenario(concat!("messages_in_", $name), concat!("1 producer, 24 bytes, in ", $title)),
            latency: scenario(
                concat!("latency_in_", $name),
                concat!("idle to callback, median, in ", $title),
            ),
            flood: slow(concat!("flood_in_", $name), concat!("16 ms timer in a flood, in ", $title)),
        }
    };
}

pub(super) const CALLOOP: Hosted = hosted!("calloop", "calloop");
pub(super) const EGUI: Hosted = hosted!("egui", "egui");
pub(super) const GLIB: Hosted = hosted!("glib", "GLib");
pub(super) const SLINT: Hosted = hosted!("slint", "Slint");
pub(super) const TOKIO: Hosted = hosted!("tokio", "tokio");
pub(super) const WINIT: Hosted = hosted!("winit_030", "winit 0.30");

pub(super) fn add(jobs: &mut Jobs) {
    add_host::<Adapted<CalloopSource>, CalloopChannel>(jobs, &CALLOOP);
    add_host::<Adapted<TokioRouting>, Tokio>(jobs, &TOKIO);
    #[cfg(feature = "glib")]
    {
        add_host::<Adapted<GlibSource>, GlibChannel>(jobs, &GLIB);
        add_peer::<GlibInvoke>(jobs, &GLIB, "glib_invoke");
    }
    #[cfg(feature = "winit")]
    add_host::<Foreground<Winit030>, UserEvents>(jobs, &WINIT);
    #[cfg(feature = "slint")]
    add_host::<Adapted<SlintRouter>, SlintInvoke>(jobs, &SLINT);
    #[cfg(feature = "egui")]
    add_host::<Foreground<Egui>, WokenQueue<Egui>>(jobs, &EGUI);
}

/// Adds this crate and the host's own way, which is the yardstick; in a flood, that is the loop left in peace.
fn add_host<Ours: Peer, Native: Peer>(jobs: &mut Jobs, hosted: &Hosted) {
    jobs.add(hosted.messages.name, YARDSTICK, Native::PLACE, throughput::producers::<Native, 3, 1>);
    jobs.latency::<Native>(hosted.latency.name, YARDSTICK);
    jobs.no_flood::<Ours>(hosted.flood.name);
    add_peer::<Ours>(jobs, hosted, "foreground");
    jobs.flood::<Native>(hosted.flood.name, "native");
}

fn add_peer<P: Peer>(jobs: &mut Jobs, hosted: &Hosted, peer: &'static str) {
    jobs.add(hosted.messages.name, peer, P::PLACE, throughput::producers::<P, 3, 1>);
    jobs.latency::<P>(hosted.latency.name, peer);
    jobs.flood::<P>(hosted.flood.name, peer);
}
