//! The picture of the two workers, for hosts that draw nothing: rectangles and letters in the pixels of a window.

use fontdue::{Font, FontSettings};
use foreground_hosts::Bar;

/// `0xRRGGBB`, as softbuffer takes it.
type Color = u32;
/// Left, top, right, bottom.
type Area = [usize; 4];

const PAPER: Color = 0xf7f8fa;
const INK: Color = 0x1f2633;
const TRACK: Color = 0xdce1e8;
const BLUE: Color = 0x2f6fde;
const WHITE: Color = 0xffffff;
const BUTTON: Area = [24, 184, 136, 216];
/// Where the text of each bar is; the bar is below.
const BARS: [usize; 2] = [64, 120];

/// Whether a place is on the Cancel button.
pub fn is_on_button(x: f64, y: f64) -> bool {
    let [left, top, right, bottom] = BUTTON.map(|edge| edge as f64);
    (left..right).contains(&x) && (top..bottom).contains(&y)
}

pub struct Painter {
    font: Font,
}

impl Painter {
    pub fn new() -> Result<Self, &'static str> {
        Ok(Self { font: Font::from_bytes(epaint_default_fonts::UBUNTU_LIGHT, FontSettings::default())? })
    }

    /// Paints all pixels, which are in rows of `width`.
    pub fn paint(&self, pixels: &mut [Color], width: usize, bars: &[Bar; 2], is_working: bool) {
        pixels.fill(PAPER);
        self.write(pixels, width, "Two workers", (24, 40), 24.0, INK);
        for (bar, top) in bars.iter().zip(BARS) {
            self.write(pixels, width, &bar.text(), (24, top + 12), 15.0, INK);
            fill(pixels, width, [24, top + 20, 456, top + 34], TRACK);
            fill(pixels, width, [24, top + 20, 24 + (432.0 * bar.done) as usize, top + 34], BLUE);
        }
        fill(pixels, width, BUTTON, if is_working { BLUE } else { TRACK });
        self.write(pixels, width, "Cancel", (BUTTON[0] + 33, BUTTON[1] + 21), 15.0, WHITE);
    }

    /// Writes from a place on the line on which the letters stand.
    fn write(
        &self,
        pixels: &mut [Color],
        width: usize,
        text: &str,
        (x, line): (usize, usize),
        size: f32,
        ink: Color,
    ) {
        let mut pen = x as f32;
        for letter in text.chars() {
            let (metrics, coverage) = self.font.rasterize(letter, size);
            let left = pen.round() as i32 + metrics.xmin;
            let top = line as i32 - metrics.ymin - metrics.height as i32;
            for (index, alpha) in coverage.into_iter().enumerate() {
                let (row, column) = (index / metrics.width, index % metrics.width);
                let place = (usize::try_from(left + column as i32), usize::try_from(top + row as i32));
                if let (Ok(x), Ok(y)) = place
                    && x < width
                    && let Some(pixel) = pixels.get_mut(y * width + x)
                {
                    *pixel = blend(*pixel, ink, alpha);
                }
            }
            pen += metrics.advance_width;
        }
    }
}

fn fill(pixels: &mut [Color], width: usize, [left, top, right, bottom]: Area, color: Color) {
    for row in pixels.chunks_exact_mut(width).take(bottom).skip(top) {
        row[left.min(width)..right.min(width)].fill(color);
    }
}

/// So much of the ink on the paper.
fn blend(paper: Color, ink: Color, alpha: u8) -> Color {
    let alpha = u32::from(alpha);
    let mixed = |paper: u8, ink: u8| (u32::from(paper) * (255 - alpha) + u32::from(ink) * alpha) / 255;
    let (paper, ink) = (paper.to_be_bytes(), ink.to_be_bytes());
    (1..4).fold(0, |color, channel| color << 8 | mixed(paper[channel], ink[channel]))
}
