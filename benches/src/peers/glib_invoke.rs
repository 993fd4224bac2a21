//! GLib's loop with a closure for each message: `MainContext::invoke`, with a table of callbacks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use glib::MainContext;
use glib::thread_guard::ThreadGuard;

use super::glib_channel::{GlibLoop, State};
use super::{Loop, Peer, Sender, Tagged};
use crate::app::{App, Message, Table};

pub struct GlibInvoke;

impl Peer for GlibInvoke {
    type Loop<M: Message> = GlibInvokeLoop<M>;
}

pub struct GlibInvokeLoop<M> {
    main: GlibLoop,
    /// The closures' way to what only this thread may touch; kept here, so that it ends here.
    _target: Arc<ThreadGuard<Target<M>>>,
}

struct Target<M> {
    state: Rc<State>,
    table: RefCell<Table<M>>,
}

pub struct Invoker<M> {
    context: MainContext,
    target: Arc<ThreadGuard<Target<M>>>,
}

impl<M> Clone for Invoker<M> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), target: self.target.clone() }
    }
}

impl<M: Message> Loop<M> for GlibInvokeLoop<M> {
    type Sender = Tagged<Invoker<M>>;

    fn open(pipes: usize) -> (Self, Vec<Self::Sender>) {
        let main = GlibLoop::new();
        let target = Target { state: main.state.clone(), table: RefCell::new(Table::new(pipes)) };
        let target = Arc::new(ThreadGuard::new(target));
        let invoker = Invoker { context: main.context.clone(), target: target.clone() };
        (Self { main, _target: target }, Tagged::for_each_pipe(pipes, &invoker))
    }

    fn run(&mut self, app: App) -> App {
        self.main.run_loop(app)
    }
}

impl<M: Message> Sender<M> for Tagged<Invoker<M>> {
    fn send(&self, message: M) {
        let (target, id) = (self.sender.target.clone(), self.id);
        self.sender.context.invoke(move || {
            let target = target.get_ref();
            let call = |app: &mut App, message| target.table.borrow_mut().call(app, id, message);
            target.state.call(call, message);
        });
    }
}
