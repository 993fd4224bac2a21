//! What is measured, and of whom.

mod bus;
mod channel;
mod flood;
mod hosted;
mod http;
mod latency;
mod memory;
mod pipes;
pub mod remote;
mod tasks;
mod throughput;
mod wakes;
mod zmq;

use std::time::Duration;

use crate::host::{Calloop, Host, Park};
#[cfg(feature = "winit")]
use crate::host::{Winit030, Winit031};
#[cfg(feature = "winit")]
use crate::peers::UserEvents;
use crate::peers::{
    Bounded, CAPACITY, CalloopChannel, Executor, Flume, Foreground, Latest, Oneshot, Peer, Place, Raw,
    Shared, Slot, StdMpsc, Tasks, Tokio, Woken, WokenQueue,
};
#[cfg(feature = "glib")]
use crate::peers::{GlibChannel, GlibInvoke};

/// Whom all others are compared with, in each round.
pub const YARDSTICK: &str = "raw";

/// Something that is measured.
#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    /// Whether it takes so long that few rounds must do.
    pub is_slow: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Nanoseconds,
    Bytes,
    Wakes,
}

const fn scenario(name: &'static str, title: &'static str) -> Scenario {
    Scenario { name, title, unit: Unit::Nanoseconds, is_slow: false }
}

const fn slow(name: &'static str, title: &'static str) -> Scenario {
    Scenario { is_slow: true, ..scenario(name, title) }
}

const fn counted(name: &'static str, title: &'static str, unit: Unit) -> Scenario {
    Scenario { unit, ..scenario(name, title) }
}

/// In the order of the report.
pub const SCENARIOS: &[Scenario] = &[
    scenario("one_producer", "1 producer, 24 bytes"),
    scenario("one_producer_8", "1 producer, 8 bytes"),
    scenario("one_producer_64", "1 producer, 64 bytes"),
    scenario("large_messages", "1 producer, 256 bytes"),
    scenario("four_producers", "4 producers, 24 bytes"),
    scenario("four_producers_8", "4 producers, 8 bytes"),
    scenario("four_producers_64", "4 producers, 64 bytes"),
    scenario("four_producers_256", "4 producers, 256 bytes"),
    scenario("burst_drain", "draining a burst, 24 bytes"),
    scenario("burst_drain_8", "draining a burst, 8 bytes"),
    scenario("burst_drain_64", "draining a burst, 64 bytes"),
    scenario("burst_drain_256", "draining a burst, 256 bytes"),
    scenario("burst_send", "sending a burst, 24 bytes"),
    scenario("burst_send_8", "sending a burst, 8 bytes"),
    scenario("burst_send_64", "sending a burst, 64 bytes"),
    scenario("burst_send_256", "sending a burst, 256 bytes"),
    scenario("many_pipes", "draining 100,000 pipes in random order"),
    scenario("pipe_creation", "opening a pipe"),
    scenario("bounded_pipe", "1 producer, at most 1,000 waiting"),
    scenario("latest_pipe", "1 producer, only the newest counts"),
    scenario(HEADLINE, "idle to callback, median"),
    scenario("idle_latency_park", "idle to callback, median, a parked thread"),
    scenario("idle_latency_calloop", "idle to callback, median, calloop"),
    scenario("idle_latency_winit_030", "idle to callback, median, winit 0.30"),
    scenario("idle_latency_winit_031", "idle to callback, median, winit 0.31"),
    slow("flood_ticks", "16 ms timer in a flood: ticks kept, p99 late"),
    slow("flood_ticks_winit_030", "the same in winit 0.30"),
    slow("flood_ticks_winit_031", "the same in winit 0.31"),
    slow("flood_redraws", "a frame each 16 ms in a flood, winit 0.30"),
    slow("flood_redraws_winit_031", "the same in winit 0.31"),
    hosted::CALLOOP.messages,
    hosted::CALLOOP.latency,
    hosted::CALLOOP.flood,
    hosted::TOKIO.messages,
    hosted::TOKIO.latency,
    hosted::TOKIO.flood,
    hosted::GLIB.messages,
    hosted::GLIB.latency,
    hosted::GLIB.flood,
    hosted::WINIT.messages,
    hosted::WINIT.latency,
    hosted::WINIT.flood,
    hosted::SLINT.messages,
    hosted::SLINT.latency,
    hosted::SLINT.flood,
    hosted::EGUI.messages,
    hosted::EGUI.latency,
    hosted::EGUI.flood,
    counted("memory_message", "memory of a queued message, 24 bytes", Unit::Bytes),
    counted("memory_pipe", "memory of an idle pipe", Unit::Bytes),
    counted("memory_after_flood", "memory of a loop after a drained flood", Unit::Bytes),
    counted("wakes", "system calls of a send, the loop being busy", Unit::Wakes),
    counted("wakes_idle", "system calls of a send, the loop being idle", Unit::Wakes),
    scenario("task_call", "an empty call of a task, 1,000 under way"),
    scenario("task_call_latency", "an empty call to its callback, median"),
    scenario("task_reports_latest", "a report of a task, only the newest counts"),
    scenario("task_reports_latest_work", "the same beside 25 divisions"),
    scenario("task_reports", "a report of a task, all arrive, 24 bytes"),
    scenario("task_cancel_all", "cancelling 100,000 queued tasks"),
    scenario("task_cancel_10k", "cancelling 10,000 queued tasks"),
    counted("memory_task", "memory of a queued task, over its closure", Unit::Bytes),
    scenario("bus_round_trip", "a request and its response, between two threads"),
    scenario("channel_round_trip", "a request and its reply, over a Unix socket"),
    scenario("channel_in_flight", "one request of 1000 in flight, over a Unix socket"),
    scenario("zmq_round_trip", "a message and its reply, 0MQ by TCP"),
    scenario("zmq_fan_out", "a publication to 4 subscribers, 0MQ by TCP"),
    scenario("remote_pipe", "a message of another process, 24 bytes"),
    scenario("remote_bounded", "the same, at most 1,000 waiting"),
    scenario("remote_latest", "the same, only the newest counts"),
    scenario("remote_latency", "another process to callback, median"),
    scenario("remote_64_mib", "a message of 64 MiB of another process"),
    counted("memory_remote_64_mib", "memory of both processes, a message of 64 MiB", Unit::Bytes),
    counted("memory_remote_bounded", "the same in a flood, at most 1,000 waiting", Unit::Bytes),
    counted("memory_remote_latest", "the same in a flood, only the newest counts", Unit::Bytes),
    scenario("http_requests", "a message and its reply, HTTP, 8 connections"),
];

/// The idle latency in the host that most programs have; see [`headline`].
const HEADLINE: &str = "idle_latency";

/// Which scenario's figures are those of the headline, if this is the one: that of winit 0.30, or of the
/// parked thread where there is no display.
pub fn headline(name: &str, has_display: bool) -> Option<&'static str> {
    let source = if has_display { "idle_latency_winit_030" } else { "idle_latency_park" };
    (name == HEADLINE).then_some(source)
}

/// How much is done for one figure.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub name: &'static str,
    pub messages: u64,
    pub pipes: usize,
    pub pings: u64,
    /// Tasks and requests that are called, reports of one task, and tasks that are queued at once.
    pub calls: u64,
    pub reports: u64,
    pub tasks: u64,
    pub flood: Duration,
    pub rounds: usize,
    pub slow_rounds: usize,
}

impl Size {
    pub const FULL: Self = Self {
        name: "full",
        messages: 1_000_000,
        pipes: 100_000,
        pings: 1_000,
        calls: 200_000,
        reports: 10_000_000,
        tasks: 100_000,
        flood: Duration::from_secs(3),
        rounds: 7,
        slow_rounds: 3,
    };

    /// Enough to see that everything works, not for figures to be quoted.
    pub const QUICK: Self = Self {
        name: "quick",
        messages: 50_000,
        pipes: 100_000,
        pings: 100,
        calls: 10_000,
        reports: 200_000,
        tasks: 100_000,
        flood: Duration::from_millis(300),
        rounds: 2,
        slow_rounds: 1,
    };

    pub fn named(name: &str) -> Option<Self> {
        [Self::FULL, Self::QUICK].into_iter().find(|size| size.name == name)
    }
}

/// What one measurement found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// In the scenario's unit.
    pub value: f64,
    /// Where no comparison with the yardstick is asked for: the share of the ticks that happened.
    pub share: Option<f64>,
}

impl Figure {
    fn time_of_each(time: Duration, count: u64) -> Self {
        Self::of_each(time.as_nanos() as f64, count)
    }

    fn of_each(total: f64, count: u64) -> Self {
        Self { value: total / count as f64, share: None }
    }
}

/// Measures a peer in a scenario.
pub struct Job {
    pub scenario: &'static str,
    pub peer: &'static str,
    pub place: Place,
    /// Whether it needs the program whose allocator counts.
    pub counts_memory: bool,
    pub measure: Measure,
}

type Measure = fn(&Size) -> Figure;

/// All measurements but Qt's, which are of another program.
pub fn jobs() -> Vec<Job> {
    let mut jobs = Jobs::default();
    jobs.common::<Raw>(YARDSTICK);
    jobs.common::<Foreground>("foreground");
    jobs.common::<StdMpsc>("std_mpsc");
    jobs.common::<Flume>("flume");
    jobs.common::<Tokio>("tokio");
    jobs.common::<CalloopChannel>("calloop");
    #[cfg(feature = "winit")]
    jobs.common::<UserEvents>("winit_030");
    #[cfg(feature = "winit")]
    jobs.common::<WokenQueue<Winit031>>("winit_031");
    #[cfg(feature = "glib")]
    jobs.common::<GlibChannel>("glib");
    #[cfg(feature = "glib")]
    jobs.common::<GlibInvoke>("glib_invoke");

    jobs.add("pipe_creation", YARDSTICK, Place::Here, pipes::creation_of_channels);
    jobs.counted("memory_pipe", YARDSTICK, Place::Here, memory::of_a_channel);
    jobs.pipes::<Foreground>("foreground");
    jobs.pipes::<Tokio>("tokio");
    #[cfg(feature = "glib")]
    jobs.pipes::<GlibChannel>("glib");

    jobs.add("bounded_pipe", YARDSTICK, Place::Here, throughput::producers::<Raw<CAPACITY>, 3, 1>);
    jobs.add(
        "bounded_pipe",
        "foreground",
        Place::Here,
        throughput::producers::<Foreground<Park, Bounded>, 3, 1>,
    );
    jobs.add("bounded_pipe", "flume", Place::Here, throughput::producers::<Flume<CAPACITY>, 3, 1>);
    jobs.add("latest_pipe", YARDSTICK, Place::Here, pipes::latest::<Slot>);
    jobs.add("latest_pipe", "foreground", Place::Here, pipes::latest::<Foreground<Park, Latest>>);

    jobs.latency::<WokenQueue<Park>>("idle_latency_park", YARDSTICK);
    jobs.latency::<Foreground>("idle_latency_park", "foreground");
    jobs.latency::<Raw>("idle_latency_park", "crossbeam");
    jobs.latency::<StdMpsc>("idle_latency_park", "std_mpsc");
    jobs.latency::<Flume>("idle_latency_park", "flume");
    jobs.latency::<Tokio>("idle_latency_park", "tokio");
    #[cfg(feature = "glib")]
    jobs.latency::<GlibChannel>("idle_latency_park", "glib");
    #[cfg(feature = "glib")]
    jobs.latency::<GlibInvoke>("idle_latency_park", "glib_invoke");
    jobs.host::<Calloop>("idle_latency_calloop");
    jobs.latency::<CalloopChannel>("idle_latency_calloop", "calloop");
    #[cfg(feature = "winit")]
    jobs.host::<Winit030>("idle_latency_winit_030");
    #[cfg(feature = "winit")]
    jobs.latency::<UserEvents>("idle_latency_winit_030", "winit_030");
    #[cfg(feature = "winit")]
    jobs.host::<Winit031>("idle_latency_winit_031");

    jobs.flood::<Raw>("flood_ticks", YARDSTICK);
    jobs.flood::<Foreground<Calloop>>("flood_ticks", "foreground");
    jobs.flood::<Tokio>("flood_ticks", "tokio");
    jobs.flood::<CalloopChannel>("flood_ticks", "calloop");
    jobs.flood::<WokenQueue<Calloop>>("flood_ticks", "calloop_ping");
    #[cfg(feature = "glib")]
    jobs.flood::<GlibChannel>("flood_ticks", "glib");
    #[cfg(feature = "glib")]
    jobs.flood::<GlibInvoke>("flood_ticks", "glib_invoke");
    #[cfg(feature = "winit")]
    {
        jobs.no_flood::<Foreground<Winit030>>("flood_ticks_winit_030");
        jobs.flood::<Foreground<Winit030>>("flood_ticks_winit_030", "foreground");
        jobs.flood::<UserEvents>("flood_ticks_winit_030", "winit_030");
        jobs.no_flood::<Foreground<Winit031>>("flood_ticks_winit_031");
        jobs.flood::<Foreground<Winit031>>("flood_ticks_winit_031", "foreground");
        jobs.flood::<WokenQueue<Winit031>>("flood_ticks_winit_031", "winit_031");
        jobs.no_flood::<Foreground<Winit030<true>>>("flood_redraws");
        jobs.flood::<Foreground<Winit030<true>>>("flood_redraws", "foreground");
        jobs.flood::<UserEvents<true>>("flood_redraws", "winit_030");
        jobs.no_flood::<Foreground<Winit031<true>>>("flood_redraws_winit_031");
        jobs.flood::<Foreground<Winit031<true>>>("flood_redraws_winit_031", "foreground");
        jobs.flood::<WokenQueue<Winit031<true>>>("flood_redraws_winit_031", "winit_031");
    }

    hosted::add(&mut jobs);

    jobs.wakes::<WokenQueue<Calloop>>(YARDSTICK);
    jobs.wakes::<Foreground<Calloop>>("foreground");
    jobs.wakes::<CalloopChannel>("calloop");
    #[cfg(feature = "winit")]
    jobs.wakes::<UserEvents>("winit_030");
    #[cfg(feature = "winit")]
    jobs.wakes::<WokenQueue<Winit031>>("winit_031");
    #[cfg(feature = "glib")]
    jobs.wakes::<GlibChannel>("glib");
    #[cfg(feature = "glib")]
    jobs.wakes::<GlibInvoke>("glib_invoke");

    jobs.tasks::<Shared<rayon_core::ThreadPool>>(YARDSTICK);
    jobs.tasks::<Executor>("foreground");
    jobs.tasks::<Woken<rayon_core::ThreadPool>>("rayon_woken");
    jobs.tasks::<Oneshot<rayon_core::ThreadPool>>("rayon_oneshot");
    jobs.tasks::<Shared<threadpool::ThreadPool>>("threadpool");
    jobs.latest_report::<tasks::Bare>("task_reports_latest");
    jobs.latest_report::<tasks::Divisions>("task_reports_latest_work");
    jobs.add("task_reports", YARDSTICK, Place::Here, throughput::producers::<Raw, 3, 1>);
    jobs.add("task_reports", "foreground", Place::Here, tasks::reports);
    jobs.add("task_reports", "pipe", Place::Here, throughput::producers::<Foreground, 3, 1>);

    jobs.add("bus_round_trip", YARDSTICK, Place::Here, bus::two_channels);
    jobs.add("bus_round_trip", "foreground", Place::Here, bus::round_trip);
    jobs.add("channel_round_trip", YARDSTICK, Place::Here, channel::round_trip_by_hand);
    jobs.add("channel_round_trip", "foreground", Place::Here, channel::round_trip);
    jobs.add("channel_in_flight", YARDSTICK, Place::Here, channel::in_flight_by_hand);
    jobs.add("channel_in_flight", "foreground", Place::Here, channel::in_flight);
    if channel::has_original() {
        jobs.add("channel_round_trip", "aiomas", Place::Here, channel::round_trip_of_original);
        jobs.add("channel_in_flight", "aiomas", Place::Here, channel::in_flight_of_original);
        jobs.add("http_requests", "werkzeug", Place::Here, http::werkzeug);
    }
    jobs.add("zmq_round_trip", YARDSTICK, Place::Here, zmq::round_trip_by_hand);
    jobs.add("zmq_round_trip", "foreground", Place::Here, zmq::round_trip);
    jobs.add("zmq_fan_out", YARDSTICK, Place::Here, zmq::fan_out_by_hand);
    jobs.add("zmq_fan_out", "foreground", Place::Here, zmq::fan_out);
    jobs.add("http_requests", YARDSTICK, Place::Here, http::plain);
    jobs.add("http_requests", "foreground", Place::Here, http::served);
    jobs.add("remote_pipe", YARDSTICK, Place::Here, remote::flood_by_hand);
    jobs.add("remote_pipe", "foreground", Place::Here, remote::flood);
    jobs.add("remote_pipe", "buffered", Place::Here, remote::flood_by_buffers);
    jobs.add("remote_bounded", YARDSTICK, Place::Here, remote::bounded_by_hand);
    jobs.add("remote_bounded", "foreground", Place::Here, remote::bounded);
    jobs.add("remote_latest", YARDSTICK, Place::Here, remote::latest_by_hand);
    jobs.add("remote_latest", "foreground", Place::Here, remote::latest);
    jobs.add("remote_latency", YARDSTICK, Place::Here, remote::latency_by_hand);
    jobs.add("remote_latency", "foreground", Place::Here, remote::latency);
    jobs.add("remote_64_mib", YARDSTICK, Place::Here, remote::large_by_hand);
    jobs.add("remote_64_mib", "foreground", Place::Here, remote::large);
    jobs.counted("memory_remote_64_mib", YARDSTICK, Place::Here, remote::memory_of_large_by_hand);
    jobs.counted("memory_remote_64_mib", "foreground", Place::Here, remote::memory_of_large);
    jobs.counted("memory_remote_bounded", YARDSTICK, Place::Here, remote::memory_of_bounded_by_hand);
    jobs.counted("memory_remote_bounded", "foreground", Place::Here, remote::memory_of_bounded);
    jobs.counted("memory_remote_latest", YARDSTICK, Place::Here, remote::memory_of_latest_by_hand);
    jobs.counted("memory_remote_latest", "foreground", Place::Here, remote::memory_of_latest);
    if channel::has_original() {
        jobs.add("remote_pipe", "traits_futures", Place::Here, remote::flood_of_original);
        jobs.add("remote_latency", "traits_futures", Place::Here, remote::latency_of_original);
    }
    jobs.0
}

#[derive(Default)]
struct Jobs(Vec<Job>);

impl Jobs {
    fn add(&mut self, scenario: &'static str, peer: &'static str, place: Place, measure: Measure) {
        self.0.push(Job { scenario, peer, place, counts_memory: false, measure });
    }

    fn counted(&mut self, scenario: &'static str, peer: &'static str, place: Place, measure: Measure) {
        self.0.push(Job { scenario, peer, place, counts_memory: true, measure });
    }

    /// What everybody can do.
    fn common<P: Peer>(&mut self, peer: &'static str) {
        self.add("one_producer", peer, P::PLACE, throughput::producers::<P, 3, 1>);
        self.add("one_producer_8", peer, P::PLACE, throughput::producers::<P, 1, 1>);
        self.add("one_producer_64", peer, P::PLACE, throughput::producers::<P, 8, 1>);
        self.add("large_messages", peer, P::PLACE, throughput::producers::<P, 32, 1>);
        self.add("four_producers", peer, P::PLACE, throughput::producers::<P, 3, 4>);
        self.add("four_producers_8", peer, P::PLACE, throughput::producers::<P, 1, 4>);
        self.add("four_producers_64", peer, P::PLACE, throughput::producers::<P, 8, 4>);
        self.add("four_producers_256", peer, P::PLACE, throughput::producers::<P, 32, 4>);
        self.add("burst_drain", peer, P::PLACE, throughput::burst_drain::<P, 3>);
        self.add("burst_drain_8", peer, P::PLACE, throughput::burst_drain::<P, 1>);
        self.add("burst_drain_64", peer, P::PLACE, throughput::burst_drain::<P, 8>);
        self.add("burst_drain_256", peer, P::PLACE, throughput::burst_drain::<P, 32>);
        self.add("burst_send", peer, P::PLACE, throughput::burst_send::<P, 3>);
        self.add("burst_send_8", peer, P::PLACE, throughput::burst_send::<P, 1>);
        self.add("burst_send_64", peer, P::PLACE, throughput::burst_send::<P, 8>);
        self.add("burst_send_256", peer, P::PLACE, throughput::burst_send::<P, 32>);
        self.add("many_pipes", peer, P::PLACE, pipes::drain_of_many::<P>);
        self.counted("memory_message", peer, P::PLACE, memory::of_a_message::<P>);
        self.counted("memory_after_flood", peer, P::PLACE, memory::after_a_flood::<P>);
    }

    /// For those who have something for each pipe besides a callback.
    fn pipes<P: Peer>(&mut self, peer: &'static str) {
        self.add("pipe_creation", peer, P::PLACE, pipes::creation::<P>);
        self.counted("memory_pipe", peer, P::PLACE, memory::of_a_pipe::<P>);
    }

    fn latency<P: Peer>(&mut self, scenario: &'static str, peer: &'static str) {
        self.add(scenario, peer, P::PLACE, latency::median::<P>);
    }

    /// The latency of a host's bare waker, and that of a router in it.
    fn host<H: Host>(&mut self, scenario: &'static str) {
        self.latency::<WokenQueue<H>>(scenario, YARDSTICK);
        self.latency::<Foreground<H>>(scenario, "foreground");
    }

    fn flood<P: Peer>(&mut self, scenario: &'static str, peer: &'static str) {
        self.add(scenario, peer, P::PLACE, flood::ticks::<P>);
    }

    /// The host left in peace.
    fn no_flood<P: Peer>(&mut self, scenario: &'static str) {
        self.add(scenario, YARDSTICK, P::PLACE, flood::ticks_in_peace::<P>);
    }

    fn wakes<P: Peer>(&mut self, peer: &'static str) {
        self.add("wakes", peer, P::PLACE, wakes::of_a_busy_loop::<P>);
        self.add("wakes_idle", peer, P::PLACE, wakes::of_an_idle_loop::<P>);
    }

    fn tasks<T: Tasks>(&mut self, peer: &'static str) {
        self.add("task_call", peer, Place::Here, tasks::call_in_batches::<T>);
        self.add("task_call_latency", peer, Place::Here, tasks::call_latency::<T>);
        self.add("task_cancel_all", peer, Place::Here, tasks::cancel::<T>);
        self.add("task_cancel_10k", peer, Place::Here, tasks::cancel_a_tenth::<T>);
        self.counted("memory_task", peer, Place::Here, tasks::memory::<T>);
    }

    fn latest_report<W: tasks::Step>(&mut self, scenario: &'static str) {
        self.add(scenario, YARDSTICK, Place::Here, tasks::atomic::<W>);
        self.add(scenario, "foreground", Place::Here, tasks::latest::<W>);
        self.add(scenario, "awake", Place::Here, tasks::latest_awake::<W>);
    }
}
