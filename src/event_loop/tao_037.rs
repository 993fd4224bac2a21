//! tao 0.37, the event loop of Tauri.
