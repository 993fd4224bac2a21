//! A frame of JSON is taken or refused, and never panics. What `serde_json` takes, we take, and as the same.
#![no_main]

use foreground::fuzzing::channel::json_frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    json_frame(content);
    let frame = [b"[0,0,", content, b"]"].concat();
    let ours = json_frame(&frame);
    if let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(content) {
        let ours = ours.expect("serde_json takes it");
        // Keys that are there twice are one in theirs.
        let ours: serde_json::Value = serde_json::to_value(&ours).expect("a map of texts");
        assert!(same(&ours, &theirs), "{ours} {theirs}");
    }
});

fn same(ours: &serde_json::Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (ours, theirs) {
        // They read -0 as a float, as JavaScript does; we as an integer, as Python does. Their floats may be off by
        // one in the last digit.
        (Number(ours), Number(theirs)) => {
            let (Some(ours), Some(theirs)) = (ours.as_f64(), theirs.as_f64()) else { return false };
            (ours - theirs).abs() <= ours.abs() * 1e-15
        }
        (Array(ours), Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Object(ours), Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(key, ours)| theirs.get(key).is_some_and(|theirs| same(ours, theirs)))
        }
        _ => ours == theirs,
    }
}
