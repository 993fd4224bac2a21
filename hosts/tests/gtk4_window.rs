//! The example `gtk4` in its window: by screenshot, pointer and the window's close button.

mod support;

#[test]
fn the_bars_grow_and_can_be_cancelled_and_closed() {
    support::two_workers::play("gtk4", "foreground in GTK 4", (417, 200));
}
