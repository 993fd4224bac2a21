//! A Wayland compositor of the test's own: a weston without a screen.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use super::display::eventually;

const SOCKET: &str = "foreground-test";

/// A compositor, ended on drop.
#[derive(Debug)]
pub struct Weston {
    server: Child,
    /// Its `XDG_RUNTIME_DIR`, so that it meets no other compositor.
    folder: PathBuf,
}

impl Weston {
    /// Starts a compositor, and waits until it takes connections.
    pub fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Relaxed);
        // A socket's path is short.
        let folder = std::env::temp_dir().join(format!("foreground-weston-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be written to");
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("it is ours");
        let started = Command::new("weston")
            .args(["--backend=headless-backend.so", "--no-config", "--idle-time=0"])
            .arg(format!("--socket={SOCKET}"))
            .env("XDG_RUNTIME_DIR", &folder)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let server = match started {
            Ok(server) => server,
            Err(error) if error.kind() == io::ErrorKind::NotFound => panic!(
                "this test needs a Wayland compositor, and weston is not installed: `apt-get install weston`, \
                 or start the tests by `tests/run`"
            ),
            Err(error) => panic!("weston does not start: {error}"),
        };
        let mut weston = Self { server, folder };
        let socket = weston.folder.join(SOCKET);
        eventually("weston's socket", || {
            let ended = weston.server.try_wait().expect("it is our child");
            assert!(ended.is_none(), "weston ended at once: {ended:?}");
            socket.exists().then_some(())
        });
        weston
    }

    /// A command that opens its windows here, whatever desktop the tests run on.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env("XDG_RUNTIME_DIR", &self.folder)
            .env("WAYLAND_DISPLAY", SOCKET)
            .env("GDK_BACKEND", "wayland")
            .env("GSK_RENDERER", "cairo")
            .env("GTK_A11Y", "none")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_SOCKET");
        command
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        // All three fail if it has gone already, which is what is wanted.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
