//! Shapes and text, in logical pixels.

use std::collections::HashMap;

use fontdue::{Font, FontSettings, Metrics};
use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Transform};

/// A colour as `0xRRGGBB`.
pub(super) type Rgb = u32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl Rect {
    pub(super) fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width: width.max(0.0), height: height.max(0.0) }
    }

    pub(super) fn right(self) -> f32 {
        self.x + self.width
    }

    pub(super) fn bottom(self) -> f32 {
        self.y + self.height
    }

    pub(super) fn contains(self, x: f32, y: f32) -> bool {
        (self.x..self.right()).contains(&x) && (self.y..self.bottom()).contains(&y)
    }
}

/// A font, size and colour.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    pub(super) face: Face,
    pub(super) size: f32,
    pub(super) color: Rgb,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Face {
    Sans,
    Mono,
}

/// The fonts, and the letters drawn so far.
pub(super) struct Fonts {
    sans: Font,
    mono: Font,
    glyphs: HashMap<(Face, u32, char), (Metrics, Vec<u8>)>,
}

/// Sizes come and go as the window moves between screens, and names may hold any letter.
const MAX_GLYPHS: usize = 4_096;

impl Fonts {
    pub(super) fn new() -> Result<Self, &'static str> {
        let load = |bytes: &'static [u8]| Font::from_bytes(bytes, FontSettings::default());
        Ok(Self {
            sans: load(epaint_default_fonts::UBUNTU_LIGHT)?,
            mono: load(epaint_default_fonts::HACK_REGULAR)?,
            glyphs: HashMap::new(),
        })
    }

    fn font(&self, face: Face) -> &Font {
        match face {
            Face::Sans => &self.sans,
            Face::Mono => &self.mono,
        }
    }

    fn advance(&mut self, face: Face, pixels: f32, letter: char) -> f32 {
        self.glyph(face, pixels, letter).0.advance_width
    }

    fn glyph(&mut self, face: Face, pixels: f32, letter: char) -> &(Metrics, Vec<u8>) {
        if self.glyphs.len() > MAX_GLYPHS {
            self.glyphs.clear();
        }
        let key = (face, pixels.to_bits(), letter);
        if !self.glyphs.contains_key(&key) {
            let glyph = self.font(face).rasterize(letter, pixels);
            self.glyphs.insert(key, glyph);
        }
        &self.glyphs[&key]
    }
}

/// The window's picture while it is painted.
pub(super) struct Canvas<'a> {
    pixmap: &'a mut Pixmap,
    fonts: &'a mut Fonts,
    scale: f32,
    /// Text is cut off above and below these rows of pixels.
    clip: (i32, i32),
}

impl<'a> Canvas<'a> {
    pub(super) fn new(pixmap: &'a mut Pixmap, fonts: &'a mut Fonts, scale: f32) -> Self {
        let clip = (0, i32::try_from(pixmap.height()).unwrap_or(i32::MAX));
        Self { pixmap, fonts, scale, clip }
    }

    pub(super) fn size(&self) -> (f32, f32) {
        (self.pixmap.width() as f32 / self.scale, self.pixmap.height() as f32 / self.scale)
    }

    pub(super) fn clear(&mut self, color: Rgb) {
        self.pixmap.fill(solid(color));
    }

    /// A filled rectangle with round corners. A radius too large for it is half its height.
    pub(super) fn fill(&mut self, rect: Rect, radius: f32, color: Rgb) {
        let Some(path) = rounded(rect, radius) else { return };
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color(solid(color));
        let scale = Transform::from_scale(self.scale, self.scale);
        self.pixmap.fill_path(&path, &paint, FillRule::Winding, scale, None);
    }

    /// A filled rectangle with a line around it.
    pub(super) fn panel(&mut self, rect: Rect, radius: f32, fill: Rgb, line: Rgb) {
        let width = (self.scale.round() / self.scale).max(1.0 / self.scale);
        let inner =
            Rect::new(rect.x + width, rect.y + width, rect.width - 2.0 * width, rect.height - 2.0 * width);
        self.fill(rect, radius, line);
        self.fill(inner, radius - width, fill);
    }

    /// A bar on its track. Whatever little is done shows as a dot.
    pub(super) fn bar(&mut self, rect: Rect, fraction: f32, track: Rgb, color: Rgb) {
        self.fill(rect, rect.height / 2.0, track);
        if fraction > 0.0 {
            let width = (rect.width * fraction.min(1.0)).max(rect.height.min(rect.width));
            self.fill(Rect { width, ..rect }, rect.height / 2.0, color);
        }
    }

    pub(super) fn text_width(&mut self, ink: Ink, text: &str) -> f32 {
        let pixels = ink.size * self.scale;
        text.chars().map(|letter| self.fonts.advance(ink.face, pixels, letter)).sum::<f32>() / self.scale
    }

    /// Shortens a text in the middle to a width.
    pub(super) fn fitted(&mut self, ink: Ink, text: &str, width: f32) -> String {
        let pixels = ink.size * self.scale;
        // A name may be 4,000 letters long; a window shows some hundreds.
        let widths: HashMap<char, f32> = text
            .chars()
            .chain(['…'])
            .map(|letter| (letter, self.fonts.advance(ink.face, pixels, letter)))
            .collect();
        let fits = |text: &str| text.chars().map(|letter| widths[&letter]).sum::<f32>() <= width * self.scale;
        let text = crate::format::elide(text, fits);
        if fits(&text) { text } else { String::new() }
    }

    /// Text from the left.
    pub(super) fn text(&mut self, ink: Ink, x: f32, baseline: f32, text: &str) {
        let pixels = ink.size * self.scale;
        let mut pen = x * self.scale;
        let baseline = (baseline * self.scale).round() as i32;
        let width = self.pixmap.width() as i32;
        let data = self.pixmap.data_mut();
        let ink_channels = channels(ink.color);
        for letter in text.chars() {
            let (metrics, coverage) = self.fonts.glyph(ink.face, pixels, letter);
            let left = pen.round() as i32 + metrics.xmin;
            let top = baseline - metrics.ymin - metrics.height as i32;
            pen += metrics.advance_width;
            for (row, line) in coverage.chunks_exact(metrics.width.max(1)).enumerate() {
                let y = top + row as i32;
                if y < self.clip.0 || y >= self.clip.1 {
                    continue;
                }
                for (column, &alpha) in line.iter().enumerate() {
                    let x = left + column as i32;
                    if alpha == 0 || x < 0 || x >= width {
                        continue;
                    }
                    let at = 4 * (y as usize * width as usize + x as usize);
                    blend(&mut data[at..at + 3], ink_channels, alpha);
                }
            }
        }
    }

    /// Text up to the right.
    pub(super) fn text_right(&mut self, ink: Ink, right: f32, baseline: f32, text: &str) {
        let width = self.text_width(ink, text);
        self.text(ink, right - width, baseline, text);
    }

    /// Paints with text cut off above and below a rectangle.
    pub(super) fn clipped(&mut self, rect: Rect, paint: impl FnOnce(&mut Self)) {
        let before = self.clip;
        let (top, bottom) = ((rect.y * self.scale) as i32, (rect.bottom() * self.scale) as i32);
        self.clip = (top.max(before.0), bottom.min(before.1));
        paint(self);
        self.clip = before;
    }
}

fn rounded(rect: Rect, radius: f32) -> Option<tiny_skia::Path> {
    let Rect { x, y, width, height } = rect;
    let radius = radius.min(width / 2.0).min(height / 2.0).max(0.0);
    let (right, bottom) = (rect.right(), rect.bottom());
    // The distance of the control points at which a cubic curve is nearest to a circle's quarter.
    let bend = radius * (1.0 - 0.552_285);
    let mut path = PathBuilder::new();
    path.move_to(x + radius, y);
    path.line_to(right - radius, y);
    path.cubic_to(right - bend, y, right, y + bend, right, y + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - bend, right - bend, bottom, right - radius, bottom);
    path.line_to(x + radius, bottom);
    path.cubic_to(x + bend, bottom, x, bottom - bend, x, bottom - radius);
    path.line_to(x, y + radius);
    path.cubic_to(x, y + bend, x + bend, y, x + radius, y);
    path.close();
    path.finish()
}

fn channels(color: Rgb) -> [u8; 3] {
    let [_, red, green, blue] = color.to_be_bytes();
    [red, green, blue]
}

fn solid(color: Rgb) -> Color {
    let [red, green, blue] = channels(color);
    Color::from_rgba8(red, green, blue, 255)
}

/// Light letters on dark look thinner than they are; a little more coverage makes up for it.
fn blend(pixel: &mut [u8], ink: [u8; 3], alpha: u8) {
    let alpha = u32::from(alpha);
    let alpha = alpha + alpha * (255 - alpha) / 640;
    for (shown, ink) in pixel.iter_mut().zip(ink) {
        *shown = ((u32::from(*shown) * (255 - alpha) + u32::from(ink) * alpha + 127) / 255) as u8;
    }
}
