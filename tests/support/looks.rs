//! The windows of examples, as a person finds the way in them: by what has which colour.

#![allow(dead_code, unreachable_pub)] // each test uses its own part of this

use crate::support::display::{Screenshot, VirtualDisplay, Window, eventually};

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The pixels within left, top, right, bottom.
pub fn cut(picture: &Screenshot, [left, top, right, bottom]: [u32; 4]) -> Vec<Option<[u8; 3]>> {
    let places = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
    places.map(|(x, y)| picture.pixel(x, y)).collect()
}

/// How many pixels within left, top, right, bottom have this colour.
pub fn count(picture: &Screenshot, area: [u32; 4], color: [u8; 3]) -> usize {
    cut(picture, area).into_iter().filter(|pixel| *pixel == Some(color)).count()
}

/// Waits until so many pixels of the window have this colour.
pub fn wait_for(display: &VirtualDisplay, window: Window, color: [u8; 3], least: usize) -> Screenshot {
    eventually(&format!("{least} pixels of {color:?}"), || {
        let picture = display.screenshot(window).ok()?;
        let all = [0, 0, picture.width, picture.height];
        (count(&picture, all, color) >= least).then_some(picture)
    })
}

/// The middle of what has this colour, if there is as much of it as of a button.
pub fn find_button(picture: &Screenshot, color: [u8; 3]) -> Option<(i16, i16)> {
    const LEAST: usize = 1_500;
    let places = (0..picture.height).flat_map(|y| (0..picture.width).map(move |x| (x, y)));
    let found: Vec<_> = places.filter(|&(x, y)| picture.pixel(x, y) == Some(color)).collect();
    let middle = |mut along: Vec<u32>| {
        along.sort_unstable();
        along.get(along.len() / 2).and_then(|middle| i16::try_from(*middle).ok())
    };
    if found.len() < LEAST {
        return None;
    }
    let (x, y): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    Some((middle(x)?, middle(y)?))
}
