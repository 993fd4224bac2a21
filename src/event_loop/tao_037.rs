//! tao 0.37, and with it Tauri 2.

use tao_037::event::Event;
use tao_037::event_loop::EventLoopProxy;

use crate::{MessageRouter, Waker};

/// The user event that wakes the loop. It means: dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wakeup;

impl From<Wakeup> for () {
    fn from(_: Wakeup) {}
}

/// Wakes by sending the proxy a user event. After the loop has ended this does nothing.
impl<E> Waker for EventLoopProxy<E>
where
    E: From<Wakeup> + 'static,
    EventLoopProxy<E>: Send + Sync,
{
    fn wake(&self) {
        // The error says that the loop has ended.
        let _ = self.send_event(Wakeup.into());
    }
}

/// Dispatches and settles.
pub fn route<S: 'static, E: 'static>(router: &MessageRouter<S>, state: &mut S, event: &Event<'_, E>) {
    let at_redraw = std::env::var_os("AT_REDRAW").is_some();
    match event {
        Event::UserEvent(_) => {
            router.dispatch(state);
        }
        Event::MainEventsCleared if !at_redraw => router.settle(),
        Event::RedrawEventsCleared if at_redraw => router.settle(),
        _ => {}
    }
}
