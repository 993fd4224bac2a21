//! A window whose title counts the primes that a worker finds: the program of the README.
//!
//! ```text
//! cargo run --example winit_minimal
//! ```
//!
//! Look for: `create_proxy()` is the waker, and `Routed` makes the handler a routed one; that is the whole
//! integration. The window can be moved and closed all the while, and the title is set once a turn, however
//! many primes came in it.

use winit_030 as winit; // one of two versions that this crate's own examples and tests can use

use foreground::{MessageRouter, event_loop::winit_030::Routed};
use winit::event_loop::{ActiveEventLoop, EventLoop};
use winit::{application::ApplicationHandler, event::WindowEvent, window};

#[derive(Default)]
struct App {
    window: Option<window::Window>,
    primes: u64,
}

impl ApplicationHandler for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        self.window = event_loop.create_window(window::Window::default_attributes()).ok();
    }

    fn user_event(&mut self, _: &ActiveEventLoop, _: ()) {
        if let Some(window) = &self.window {
            window.set_title(&format!("{} primes so far", self.primes)); // after this turn's messages
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: window::WindowId, event: WindowEvent) {
        if event == WindowEvent::CloseRequested {
            event_loop.exit();
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let event_loop = EventLoop::new()?;
    let router = MessageRouter::new(event_loop.create_proxy()); // who wakes the loop
    router.start()?;
    let (sender, receiver) = router.pipe::<u64>()?;
    receiver.on_message(|app: &mut App, _prime| app.primes += 1);

    std::thread::spawn(move || {
        let sender = sender.start(); // on the worker: were it dropped before, its end would be `NeverStarted`
        let is_prime = |n: &u64| !(2..).take_while(|d| d * d <= *n).any(|d| n.is_multiple_of(d));
        // The send fails, and the worker ends, when the window has gone.
        (2..).filter(is_prime).try_for_each(|prime| sender.send(prime))
    });

    event_loop.run_app(&mut Routed::new(router, App::default()))?; // dispatches and settles around your handler
    Ok(())
}
