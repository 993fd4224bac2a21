//! Two workers and their bars in a window of iced 0.14.
//!
//! ```text
//! cargo run -p foreground-hosts --features iced-014 --example iced
//! ```
//!
//! Look for: the router is part of the application's state. Its subscription yields a message that means: dispatch;
//! `update` does, and the callbacks get the state as `&mut App`. There is one such message, however much is sent. Closing
//! the window ends the workers, and a line tells how far they got.

use foreground::MessageRouter;
use foreground::event_loop::iced_014::{self, Wakes, Wakeup};
use foreground_hosts::{Bar, Program, Workers};
use iced::widget::{Column, button, column, progress_bar, right, text};
use iced::{Background, Element, Subscription, Task, Theme, border, color, font, window};

#[derive(Clone, Debug)]
enum Message {
    Wakeup(Wakeup),
    Cancel,
    Close,
}

struct App {
    router: MessageRouter<Self>,
    wakes: Wakes,
    workers: Workers<Self>,
}

impl Program for App {
    fn workers(&mut self) -> &mut Workers<Self> {
        &mut self.workers
    }
}

impl App {
    fn new() -> Self {
        let (router, wakes) = iced_014::route(MessageRouter::builder());
        let workers = Workers::start(&router).expect("a running router opens pipes");
        Self { router, wakes, workers }
    }

    fn update(&mut self, message: Message) -> Task<Message> {
        match message {
            Message::Wakeup(_) => {
                self.router.clone().dispatch(self);
                self.router.settle();
            }
            Message::Cancel => self.cancel(),
            Message::Close => {
                self.workers.close();
                return iced::exit();
            }
        }
        Task::none()
    }

    fn subscription(&self) -> Subscription<Message> {
        Subscription::batch([
            self.wakes.subscription().map(Message::Wakeup),
            window::close_requests().map(|_| Message::Close),
        ])
    }

    fn view(&self) -> Column<'_, Message> {
        let bold = iced::Font { weight: font::Weight::Bold, ..Default::default() };
        let cancel = button("Cancel").padding([7, 14]).style(button_style);
        let cancel = cancel.on_press_maybe(self.workers.is_working().then_some(Message::Cancel));
        let [first, second] = self.workers.bars.each_ref().map(bar);
        column![text("Two workers").size(22).font(bold), first, second, right(cancel)].padding(24).spacing(16)
    }
}

fn bar(bar: &Bar) -> Element<'static, Message> {
    let style = |_: &Theme| progress_bar::Style {
        background: Background::Color(color!(0xe3e6ec)),
        bar: Background::Color(color!(0x3b76e0)),
        border: border::rounded(6),
    };
    let told = text(bar.text()).size(14).color(color!(0x5a6270));
    column![progress_bar(0.0..=1.0, bar.done).girth(12).style(style), told].spacing(6).into()
}

fn button_style(_: &Theme, status: button::Status) -> button::Style {
    let (background, text) = match status {
        button::Status::Disabled => (color!(0xf4f5f7), color!(0xa4abb6)),
        button::Status::Hovered | button::Status::Pressed => (color!(0xeef1f6), color!(0x1d2430)),
        button::Status::Active => (color!(0xffffff), color!(0x1d2430)),
    };
    let border = border::rounded(4).width(1).color(color!(0xd3d8e0));
    button::Style { border, text_color: text, ..button::Style::default() }.with_background(background)
}

fn main() -> iced::Result {
    iced::application(App::new, App::update, App::view)
        .subscription(App::subscription)
        .title("foreground in iced")
        .theme(Theme::Light)
        .style(|_, _| iced::theme::Style { background_color: color!(0xfafbfc), text_color: color!(0x1d2430) })
        .window_size((480.0, 240.0))
        // The workers are to end before the window does.
        .exit_on_close_request(false)
        .run()
}
