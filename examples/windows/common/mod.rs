//! What the examples of tasks share: a window of egui around a [`Program`], or the same program without one.
//!
//! What to look for: [`Window`] below. egui's context is the waker, and each frame begins with a dispatch and a
//! settling: that is all that brings messages into a program with egui.

#![allow(dead_code)] // each example uses its own part of this

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;
use std::{env, fmt};

use eframe::egui::{self, Color32, FontId, Stroke, TextStyle, vec2};
use foreground::event_loop::egui_037::FRAME_BUDGET;
use foreground::tasks::{TaskExecutor, TaskState};
use foreground::{MessageRouter, Waker};

/// How long tasks that were cancelled may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// One colour for each thing that can be said of a task.
pub const BLUE: Color32 = Color32::from_rgb(0x2f, 0x6f, 0xde);
pub const GREEN: Color32 = Color32::from_rgb(0x1f, 0x8a, 0x54);
pub const RED: Color32 = Color32::from_rgb(0xc8, 0x32, 0x3c);
pub const AMBER: Color32 = Color32::from_rgb(0xb2, 0x6a, 0x00);
pub const YELLOW: Color32 = Color32::from_rgb(0xe6, 0xa8, 0x17);
pub const GRAY: Color32 = Color32::from_rgb(0x6b, 0x72, 0x80);

const PAPER: Color32 = Color32::from_rgb(0xf6, 0xf7, 0xf9);
const LINE: Color32 = Color32::from_rgb(0xc9, 0xce, 0xd6);
const INK: Color32 = Color32::from_rgb(0x1f, 0x29, 0x37);

/// An example: the router's state, with a window's content and a way to do without a window.
pub trait Program: Sized + 'static {
    /// The window's title, which is the example's name.
    const TITLE: &'static str;
    /// The window's first size.
    const SIZE: [f32; 2];
    /// How many threads work.
    const WORKERS: usize = 2;

    /// Makes the program, and submits what runs from the start.
    fn new(executor: TaskExecutor<Self>) -> Result<Self, Box<dyn Error>>;

    /// Draws one frame, and handles the clicks.
    fn show(&mut self, ui: &mut egui::Ui);

    /// Does the job by [`MessageRouter::route_until`], and prints the result.
    fn run_headless(&mut self, router: &MessageRouter<Self>) -> Result<(), Box<dyn Error>>;
}

/// A program with the means to bring it messages.
struct Window<P: Program> {
    router: MessageRouter<P>,
    executor: TaskExecutor<P>,
    program: P,
}

impl<P: Program> Window<P> {
    fn new(waker: impl Waker) -> Result<Self, Box<dyn Error>> {
        let router = MessageRouter::builder().budget(FRAME_BUDGET).build(waker);
        router.start()?;
        let executor = TaskExecutor::builder(&router).workers(P::WORKERS).thread_name(P::TITLE).build()?;
        let program = P::new(executor.clone())?;
        Ok(Self { router, executor, program })
    }

    /// Cancels what still runs, and waits for its end.
    fn shut_down(&mut self) {
        if let Err(error) = self.executor.shutdown(&mut self.program, GRACE) {
            say::<P>(error);
        }
    }
}

impl<P: Program> eframe::App for Window<P> {
    /// Is called while the window is minimised, too.
    fn logic(&mut self, _: &egui::Context, _: &mut eframe::Frame) {
        self.router.dispatch(&mut self.program);
        // From here on a message wakes the window; so do messages that this frame's dispatch had no time for.
        self.router.settle();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        egui::CentralPanel::default()
            .frame(egui::Frame::central_panel(ui.style()).inner_margin(20.0))
            .show(ui, |ui| self.program.show(ui));
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.shut_down();
    }
}

/// Runs the program in a window; in the terminal with `--headless`, or where no window can be opened.
pub fn run<P: Program>() -> Result<(), Box<dyn Error>> {
    if env::args_os().any(|argument| argument == "--headless") {
        return run_headless::<P>();
    }
    if !has_display() {
        say::<P>("there is no display; going on without a window");
        return run_headless::<P>();
    }
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(P::SIZE).with_min_inner_size(P::SIZE),
        ..Default::default()
    };
    let was_opened = Rc::new(Cell::new(false));
    let opened = Rc::clone(&was_opened);
    let create = move |creation: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, _> {
        opened.set(true);
        set_style(&creation.egui_ctx);
        let window = Window::<P>::new(creation.egui_ctx.clone()).map_err(|error| error.to_string())?;
        Ok(Box::new(window))
    };
    match eframe::run_native(P::TITLE, options, Box::new(create)) {
        Err(error) if !was_opened.get() => {
            say::<P>(format_args!("{error}; going on without a window"));
            run_headless::<P>()
        }
        other => Ok(other?),
    }
}

fn run_headless<P: Program>() -> Result<(), Box<dyn Error>> {
    // `route_until` waits by itself and needs no waker.
    let mut window = Window::<P>::new(|| {})?;
    let result = window.program.run_headless(&window.router);
    window.shut_down();
    result
}

pub fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos"))) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Prints a line to the standard error; `eprintln!` would panic if that was closed.
pub fn say<P: Program>(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{}: {line}", P::TITLE);
}

/// Light, with letters and room that read well.
pub fn set_style(context: &egui::Context) {
    context.set_theme(egui::Theme::Light);
    context.all_styles_mut(|style| {
        for (text, size) in [
            (TextStyle::Heading, 22.0),
            (TextStyle::Body, 15.0),
            (TextStyle::Button, 15.0),
            (TextStyle::Small, 13.0),
        ] {
            style.text_styles.insert(text, FontId::proportional(size));
        }
        style.spacing.item_spacing = vec2(12.0, 8.0);
        style.spacing.button_padding = vec2(14.0, 6.0);
        style.spacing.interact_size.y = 30.0;
        style.interaction.selectable_labels = false;
        style.visuals.panel_fill = PAPER;
        style.visuals.selection.bg_fill = BLUE.gamma_multiply(0.25);
        let widgets = &mut style.visuals.widgets;
        widgets.noninteractive.fg_stroke.color = INK;
        widgets.inactive.fg_stroke.color = INK;
        widgets.inactive.weak_bg_fill = Color32::WHITE;
        widgets.inactive.bg_stroke = Stroke::new(1.0, LINE);
    });
}

/// The example's name, and a sentence about it.
pub fn title(ui: &mut egui::Ui, name: &str, sentence: &str) {
    ui.heading(name);
    ui.label(egui::RichText::new(sentence).color(GRAY));
    ui.add_space(8.0);
}

/// A button of one size, and whether it was clicked; grey where there is nothing to do.
pub fn button(ui: &mut egui::Ui, text: &str, is_enabled: bool) -> bool {
    ui.add_enabled_ui(is_enabled, |ui| ui.add_sized([104.0, 30.0], egui::Button::new(text)).clicked()).inner
}

/// A bar from the left to the right of what is free, and a text below it.
pub fn bar(ui: &mut egui::Ui, fraction: f32, color: Color32, text: &str) {
    let (bar, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), egui::Sense::hover());
    ui.painter().rect_filled(bar, 4, LINE);
    let done = bar.with_max_x(egui::lerp(bar.left()..=bar.right(), fraction.clamp(0.0, 1.0)));
    ui.painter().rect_filled(done, 4, color);
    ui.label(text);
}

/// A dot and a state's name in the state's colour.
pub fn state(ui: &mut egui::Ui, state: TaskState) {
    let color = state_color(state);
    let (dot, _) = ui.allocate_exact_size(vec2(12.0, 12.0), egui::Sense::hover());
    ui.painter().circle_filled(dot.center(), 6.0, color);
    ui.label(state.to_string());
}

pub fn state_color(state: TaskState) -> Color32 {
    match state {
        TaskState::Executing => BLUE,
        TaskState::Completed => GREEN,
        TaskState::Failed => RED,
        TaskState::Cancelling => YELLOW,
        TaskState::Cancelled => AMBER,
        _ => GRAY,
    }
}

/// A part of a row, as wide in each row.
pub fn cell(ui: &mut egui::Ui, width: f32, content: impl FnOnce(&mut egui::Ui)) {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(vec2(width, 30.0), layout, |ui| {
        ui.set_min_width(width);
        content(ui);
    });
}
