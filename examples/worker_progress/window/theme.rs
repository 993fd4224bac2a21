//! Colours and sizes.

use super::canvas::{Face, Ink, Rgb};

pub(super) const BACKGROUND: Rgb = 0x10_13_1a;
pub(super) const PANEL: Rgb = 0x17_1b_24;
pub(super) const LINE: Rgb = 0x25_2b_38;
pub(super) const TRACK: Rgb = 0x2a_31_40;
pub(super) const TEXT: Rgb = 0xe8_eb_f1;
pub(super) const MUTED: Rgb = 0x93_9c_af;
pub(super) const FAINT: Rgb = 0x5f_69_7d;
pub(super) const BLUE: Rgb = 0x5b_9c_ff;
pub(super) const BLUE_DIM: Rgb = 0x3a_5f_9e;
pub(super) const GREEN: Rgb = 0x4c_c3_8a;
pub(super) const AMBER: Rgb = 0xe3_b3_41;
pub(super) const RED: Rgb = 0xff_7b_72;

pub(super) const BUTTON: Rgb = 0x25_2c_3a;
pub(super) const BUTTON_HOVER: Rgb = 0x31_3a_4c;
pub(super) const BUTTON_PRESSED: Rgb = 0x1c_22_2d;

pub(super) const RADIUS: f32 = 10.0;

pub(super) const TITLE: Ink = Ink { face: Face::Sans, size: 24.0, color: TEXT };
pub(super) const BODY: Ink = Ink { face: Face::Sans, size: 14.0, color: TEXT };
pub(super) const NOTE: Ink = Ink { face: Face::Sans, size: 14.0, color: MUTED };
pub(super) const LOG: Ink = Ink { face: Face::Mono, size: 12.0, color: TEXT };

impl Ink {
    pub(super) fn colored(self, color: Rgb) -> Self {
        Self { color, ..self }
    }
}
