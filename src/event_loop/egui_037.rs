//! egui 0.37 and eframe.
