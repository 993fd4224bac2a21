//! Where the window listens if nobody says otherwise: where no other user of the machine can reach it.

use std::io;

use foreground::net::Address;

/// A socket in the folder that the system has for this, or else in one below the user's own.
#[cfg(unix)]
pub(crate) fn default() -> io::Result<Address> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    use std::path::PathBuf;
    use std::{env, fs};

    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = match set("XDG_RUNTIME_DIR") {
        Some(folder) => folder,
        None => {
            let no_home = || io::Error::other("neither XDG_RUNTIME_DIR nor HOME is set; give an address");
            let folder = set("HOME").ok_or_else(no_home)?.join(".cache").join("foreground");
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            // It may have been there before.
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
            folder
        }
    };
    Ok(folder.join("remote_control.sock").into())
}

/// Any program on this machine can reach it, but none from elsewhere.
#[cfg(not(unix))]
pub(crate) fn default() -> io::Result<Address> {
    Ok(("127.0.0.1", 45_454).into())
}
