//! The conformance of iced 0.14.

mod support;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use foreground::MessageRouter;
use foreground::event_loop::iced_014::{self, Wakes, Wakeup};
use foreground::testing::conformance::{Host, Play};
use iced::futures::executor::ThreadPool;
use iced::widget::container;
use iced::{Element, Fill, Subscription, Task, time, window};

struct App {
    play: Play,
    router: MessageRouter<Self>,
    wakes: Wakes,
}

impl AsMut<Play> for App {
    fn as_mut(&mut self) -> &mut Play {
        &mut self.play
    }
}

#[derive(Clone, Debug)]
enum Message {
    Wakeup(Wakeup),
    Tick,
}

/// The state that iced has, and drops when its loop ends: then the application goes back to whoever lent it.
struct Lent {
    app: Option<App>,
    owner: Rc<RefCell<Option<App>>>,
}

impl Lent {
    fn app(&self) -> &App {
        self.app.as_ref().expect("it is there until the drop")
    }

    fn update(&mut self, message: Message) -> Task<Message> {
        let app = self.app.as_mut().expect("it is there until the drop");
        match message {
            Message::Wakeup(_) => {
                app.router.clone().dispatch(app);
                app.router.settle();
            }
            Message::Tick => app.play.tick(),
        }
        if app.play.is_over() { iced::exit() } else { Task::none() }
    }

    /// The style of the container is asked for whenever it is drawn.
    fn view(&self) -> Element<'_, Message> {
        let counting = |_: &_| {
            self.app().play.redraw();
            container::Style::default()
        };
        container("").width(Fill).height(Fill).style(counting).into()
    }

    fn subscription(&self) -> Subscription<Message> {
        let wakeups = self.app().wakes.subscription().map(Message::Wakeup);
        match self.app().play.ticks() {
            Some(every) => Subscription::batch([wakeups, time::every(every).map(|_| Message::Tick)]),
            None => wakeups,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.owner.replace(self.app.take());
    }
}

struct Iced014;

impl Host for Iced014 {
    const NAME: &str = "iced 0.14";
    const HAS_WINDOW: bool = true;
    type State = App;

    fn run(play: Play) -> (MessageRouter<App>, App) {
        let visible = !play.is_hidden();
        let (router, wakes) = iced_014::route(play.builder());
        let mut app = App { play, router: router.clone(), wakes };
        Play::begin(&mut app, &router);
        let owner = Rc::new(RefCell::new(Some(app)));
        let lender = Rc::clone(&owner);
        let boot = move || Lent { app: lender.take(), owner: Rc::clone(&lender) };
        let program = iced::application(boot, Lent::update, Lent::view).subscription(Lent::subscription);
        // What runs subscriptions if the application chooses nothing.
        let program = program.executor::<ThreadPool>();
        program.window(window::Settings { visible, ..Default::default() }).run().expect("the loop runs");
        let app = owner.take().expect("iced has dropped its state");
        (router, app)
    }
}

fn main() -> ExitCode {
    support::conformance_on_display::<Iced014>()
}
