//! A display of the test's own: an Xvfb server, and eyes and hands on it over one X connection.
//!
//! There is no window manager, so the test plays one where a scenario needs it: it sets the focus, asks
//! a window to close, and takes away the window that asks to be minimised.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use x11rb::CURRENT_TIME;
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _,
    EventMask, ImageFormat, InputFocus, MapState, PropMode,
};
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

pub use x11rb::protocol::xproto::Window;

/// How long something outside this process may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a look is taken meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// ICCCM 4.1.3.1: what `WM_STATE` says of a window that is shown, and of a minimised one.
const NORMAL_STATE: u32 = 1;
const ICONIC_STATE: u32 = 3;

/// Keys by their keysyms.
pub mod key {
    pub const SPACE: u32 = 0x20;
    pub const ESCAPE: u32 = 0xff1b;
    pub const RETURN: u32 = 0xff0d;
    pub const CONTROL: u32 = 0xffe3;
}

/// Looks again and again until there is something to return. For what other processes do; it fails the
/// test when they take too long.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// An X server without a screen, ended on drop.
#[derive(Debug)]
pub struct VirtualDisplay {
    /// Dropped first: with its last client gone, the server ends by itself, even if this process is killed.
    connection: RustConnection,
    root: Window,
    name: String,
    _server: Server,
}

#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if the server has ended, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl VirtualDisplay {
    /// Starts a server on a display number that is free, which it chooses itself.
    pub fn start() -> Self {
        let started = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-terminate", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut server = match started {
            Ok(server) => Server(server),
            Err(error) if error.kind() == io::ErrorKind::NotFound => panic!(
                "this test needs a virtual display, and Xvfb is not installed: `apt-get install xvfb`, \
                 or start the tests by `tests/run`"
            ),
            Err(error) => panic!("Xvfb does not start: {error}"),
        };
        let complaints = thread::spawn({
            let mut stderr = server.0.stderr.take().expect("it is piped");
            move || {
                let mut text = String::new();
                // What is not text is not worth a failure of its own.
                let _ = stderr.read_to_string(&mut text);
                text
            }
        });
        let mut number = String::new();
        let stdout = server.0.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut number).expect("Xvfb tells its display number");
        if number.trim().is_empty() {
            drop(server);
            panic!("Xvfb ended at once; it said: {}", complaints.join().unwrap_or_default());
        }
        let name = format!(":{}", number.trim());
        let (connection, screen) = x11rb::connect(Some(&name)).expect("the new display takes connections");
        let root = connection.setup().roots[screen].root;
        // A window manager hears from the root window who wants to be minimised.
        let wish = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &wish).unwrap().check().unwrap();
        Self { connection, root, name, _server: server }
    }

    /// The value of `DISPLAY` for programs that are to use it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that opens its windows here, whatever desktop the tests run on.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env("DISPLAY", &self.name)
            .env("WINIT_X11_SCALE_FACTOR", "1")
            .env("GSK_RENDERER", "cairo") // what GTK 4 draws by OpenGL does not arrive
            .env("GTK_A11Y", "none")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .env_remove("XMODIFIERS");
        command
    }

    /// Waits for a window that has this title and can be seen.
    pub fn find_window(&self, title: &str) -> Window {
        eventually(&format!("a window titled {title:?}"), || {
            self.windows().into_iter().find(|&window| {
                // A window may go between the listing and the look.
                self.title(window).is_ok_and(|found| found == title) && self.is_viewable(window)
            })
        })
    }

    /// Whether the window is on the screen.
    pub fn is_viewable(&self, window: Window) -> bool {
        let attributes = self.connection.get_window_attributes(window).unwrap().reply();
        attributes.is_ok_and(|attributes| attributes.map_state == MapState::VIEWABLE)
    }

    /// Waits until the window is on the screen, or is not.
    pub fn wait_until_viewable(&self, window: Window, viewable: bool) {
        eventually(&format!("a window for which viewable is {viewable}"), || {
            (self.is_viewable(window) == viewable).then_some(())
        });
    }

    /// Gives a window the keyboard.
    pub fn focus(&self, window: Window) {
        let focus = self.connection.set_input_focus(InputFocus::PARENT, window, CURRENT_TIME);
        focus.unwrap().check().expect("a visible window takes the focus");
    }

    /// Presses and releases a key of [`key`], or of another keysym. The window with the focus gets it.
    pub fn press_key(&self, keysym: u32) {
        let keycode = self.keycode(keysym);
        self.input(KEY_PRESS_EVENT, keycode, (0, 0));
        self.input(KEY_RELEASE_EVENT, keycode, (0, 0));
    }

    /// Presses and releases a key while another is held down.
    pub fn press_key_with(&self, held: u32, keysym: u32) {
        let held = self.keycode(held);
        self.input(KEY_PRESS_EVENT, held, (0, 0));
        self.press_key(keysym);
        self.input(KEY_RELEASE_EVENT, held, (0, 0));
    }

    /// Moves the pointer to a place in a window.
    pub fn move_pointer(&self, window: Window, x: i16, y: i16) {
        let place = self.connection.translate_coordinates(window, self.root, x, y).unwrap().reply().unwrap();
        self.input(MOTION_NOTIFY_EVENT, 0, (place.dst_x, place.dst_y));
    }

    /// Clicks with the left button at a place in a window.
    pub fn click(&self, window: Window, x: i16, y: i16) {
        self.move_pointer(window, x, y);
        self.input(BUTTON_PRESS_EVENT, 1, (0, 0));
        self.input(BUTTON_RELEASE_EVENT, 1, (0, 0));
    }

    /// Asks a window to close, as the cross in its title bar would.
    pub fn close(&self, window: Window) {
        let message = [self.atom("WM_DELETE_WINDOW"), CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, self.atom("WM_PROTOCOLS"), message);
        self.connection.send_event(false, window, EventMask::NO_EVENT, event).unwrap().check().unwrap();
    }

    /// Takes a window off the screen.
    pub fn unmap(&self, window: Window) {
        self.connection.unmap_window(window).unwrap().check().unwrap();
    }

    /// Puts a window on the screen.
    pub fn map(&self, window: Window) {
        self.connection.map_window(window).unwrap().check().unwrap();
    }

    /// Waits until the window asks to be minimised, and does it as a window manager does.
    pub fn minimize_on_request(&self, window: Window) {
        let change_state = self.atom("WM_CHANGE_STATE");
        eventually("a window's wish to be minimised", || {
            while let Some(event) = self.connection.poll_for_event().unwrap() {
                if let Event::ClientMessage(message) = event
                    && message.type_ == change_state
                    && message.window == window
                    && message.data.as_data32()[0] == ICONIC_STATE
                {
                    return Some(());
                }
            }
            None
        });
        self.set_wm_state(window, ICONIC_STATE);
        self.unmap(window);
    }

    /// Undoes [`minimize_on_request`](Self::minimize_on_request).
    pub fn restore(&self, window: Window) {
        self.set_wm_state(window, NORMAL_STATE);
        self.map(window);
    }

    pub fn resize(&self, window: Window, width: u32, height: u32) {
        let size = ConfigureWindowAux::new().width(width).height(height);
        self.connection.configure_window(window, &size).unwrap().check().unwrap();
    }

    /// What a window shows, if it is on the screen.
    pub fn screenshot(&self, window: Window) -> Result<Screenshot, ReplyError> {
        let size = self.connection.get_geometry(window)?.reply()?;
        let (width, height) = (size.width, size.height);
        let image = self.connection.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, width, height, !0)?;
        let mut rgba = image.reply()?.data;
        // Each pixel comes as blue, green, red, and a byte without meaning.
        for pixel in rgba.chunks_exact_mut(4) {
            pixel.swap(0, 2);
            pixel[3] = 0xff;
        }
        Ok(Screenshot { width: width.into(), height: height.into(), rgba })
    }

    /// What the whole screen shows.
    pub fn screen(&self) -> Screenshot {
        self.screenshot(self.root).expect("the root window is always on the screen")
    }

    /// The colour at a place in a window.
    pub fn pixel(&self, window: Window, x: u32, y: u32) -> Option<[u8; 3]> {
        self.screenshot(window).ok()?.pixel(x, y)
    }

    fn windows(&self) -> Vec<Window> {
        self.connection.query_tree(self.root).unwrap().reply().unwrap().children
    }

    fn title(&self, window: Window) -> Result<String, ReplyError> {
        for name in [self.atom("_NET_WM_NAME"), AtomEnum::WM_NAME.into()] {
            let property =
                self.connection.get_property(false, window, name, AtomEnum::ANY, 0, 1024)?.reply()?;
            if !property.value.is_empty() {
                return Ok(String::from_utf8_lossy(&property.value).into_owned());
            }
        }
        Ok(String::new())
    }

    fn atom(&self, name: &str) -> u32 {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    fn set_wm_state(&self, window: Window, state: u32) {
        let name = self.atom("WM_STATE");
        let value = [state, x11rb::NONE];
        let change = self.connection.change_property32(PropMode::REPLACE, window, name, name, &value);
        change.unwrap().check().unwrap();
    }

    fn keycode(&self, keysym: u32) -> u8 {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = self.connection.get_keyboard_mapping(first, last - first + 1).unwrap().reply().unwrap();
        let per_key = usize::from(mapping.keysyms_per_keycode);
        let position = mapping.keysyms.iter().position(|&found| found == keysym).expect("the key exists");
        first + u8::try_from(position / per_key).expect("keycodes fit a byte")
    }

    fn input(&self, kind: u8, detail: u8, (x, y): (i16, i16)) {
        let input = self.connection.xtest_fake_input(kind, detail, CURRENT_TIME, self.root, x, y, 0);
        input.unwrap().check().unwrap();
    }
}

/// A picture, four bytes a pixel.
#[derive(Clone, Debug)]
pub struct Screenshot {
    pub width: u32,
    pub height: u32,
    pub rgba: Vec<u8>,
}

impl Screenshot {
    /// Red, green and blue at a place, if the picture is that large.
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let start = 4 * (y as usize * self.width as usize + x as usize);
        self.rgba.get(start..start + 3)?.try_into().ok()
    }

    /// Writes a PNG file into the temporary folder of this build's tests and returns where it is.
    pub fn save(&self, name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
        let file = BufWriter::new(File::create(&path).expect("the folder exists"));
        let mut encoder = png::Encoder::new(file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().expect("the picture is not empty");
        writer.write_image_data(&self.rgba).expect("the picture is complete");
        path
    }
}
