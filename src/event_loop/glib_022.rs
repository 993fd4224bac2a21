//! GLib 2, and so GTK 4, by glib 0.22.
