//! The program with two workers as a person sees and uses it, in whatever toolkit.

use super::display::{Screenshot, VirtualDisplay, eventually};
use super::example::example;
use super::running::Running;

/// Sees the bars of an example grow, cancels by its button, and closes its window.
///
/// The bars are blue, and stand one over the other. What is written below the first of them is dark.
pub fn play(name: &str, title: &str, cancel: (i16, i16)) {
    let display = VirtualDisplay::start();
    let running = Running::start(&mut display.command(example(name)));
    let window = display.find_window(title);
    let look = || display.screenshot(window).ok();
    let bars = || look().and_then(|picture| <[Bar; 2]>::try_from(bars(&picture)).ok());
    let early = eventually("two bars with something done", bars);
    let picture = eventually("both bars have grown, the first to the middle", || {
        let picture = look()?;
        let now = <[Bar; 2]>::try_from(self::bars(&picture)).ok()?;
        let have_grown = (0..2).all(|n| now[n].width > early[n].width);
        (have_grown && now[0].width > picture.width / 2).then_some(picture)
    });
    println!("at work: {}", picture.save(&format!("host_{name}")).display());

    let rows = early[0].bottom + 1..early[1].top;
    let has_long_text = |picture: &Screenshot| {
        // Longer than "100 %".
        let is_dark = |pixel: [u8; 3]| pixel.iter().all(|part| *part < 0xa0);
        rows.clone().any(|y| (100..150).any(|x| picture.pixel(x, y).is_some_and(is_dark)))
    };
    assert!(!has_long_text(&picture), "something is written where \"cancelled\" is to be");
    display.click(window, cancel.0, cancel.1);
    eventually("the first worker is cancelled", || has_long_text(&look()?).then_some(()));
    display.close(window);
    let output = running.end();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.starts_with("2 workers have ended: cancelled at "), "{stdout}{stderr}");
    assert!(stdout.contains("; cancelled at "), "{stdout}");
}

/// What is done of a bar.
#[derive(Debug, Clone, Copy)]
struct Bar {
    top: u32,
    bottom: u32,
    width: u32,
}

fn bars(picture: &Screenshot) -> Vec<Bar> {
    let is_blue = |[red, _, blue]: [u8; 3]| blue > 0x90 && blue > red.saturating_add(0x50);
    let mut bars: Vec<Bar> = Vec::new();
    for y in 0..picture.height {
        let width = (0..picture.width).filter(|x| picture.pixel(*x, y).is_some_and(is_blue)).count() as u32;
        match bars.last_mut() {
            _ if width == 0 => {}
            Some(bar) if bar.bottom + 1 == y => {
                *bar = Bar { top: bar.top, bottom: y, width: bar.width.max(width) }
            }
            _ => bars.push(Bar { top: y, bottom: y, width }),
        }
    }
    bars
}
