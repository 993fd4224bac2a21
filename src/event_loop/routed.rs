//! An application and its router, for hosts whose applications are handlers.

use crate::MessageRouter;

/// An application whose router is dispatched and settled at the right places. All events go on to the
/// application; a wake-up goes there after its messages were delivered.
///
/// The application is the router's state. If it needs the router, to open pipes later, say, it keeps a
/// clone. It is a handler of each version of winit of which the application is one.
///
/// # Examples
///
/// The host's module shows it at work.
///
/// ```
/// use foreground::MessageRouter;
#[cfg_attr(feature = "winit-030", doc = "use foreground::event_loop::winit_030::Routed;")]
#[cfg_attr(not(feature = "winit-030"), doc = "use foreground::event_loop::winit_031::Routed;")]
///
/// struct App { clicks: u32 }
///
/// let mut routed = Routed::new(MessageRouter::new(|| {}), App { clicks: 0 });
/// routed.app_mut().clicks += 1;
/// let (router, app) = routed.into_parts();
/// assert_eq!((router.stats().sent, app.clicks), (0, 1));
/// ```
#[derive(Debug)]
pub struct Routed<A: 'static> {
    pub(super) router: MessageRouter<A>,
    pub(super) app: A,
}

impl<A: 'static> Routed<A> {
    /// Puts an application and its router together.
    pub fn new(router: MessageRouter<A>, app: A) -> Self {
        Self { router, app }
    }

    /// Returns the application.
    pub fn app(&self) -> &A {
        &self.app
    }

    /// Returns the application, to be changed.
    pub fn app_mut(&mut self) -> &mut A {
        &mut self.app
    }

    /// Takes them apart again, to end the workers after the loop has ended.
    pub fn into_parts(self) -> (MessageRouter<A>, A) {
        (self.router, self.app)
    }
}
