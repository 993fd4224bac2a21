//! Nothing: the models are in `models.rs`.
