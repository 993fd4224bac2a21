//! What comes by a socket of a bus is a message or is refused, the same however it is cut, and never panics.
#![no_main]

use foreground::fuzzing::bus::bus_message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((step, bytes)) = input.split_first() else { return };
    let limit = 1 << 16;
    let whole = bus_message(bytes, bytes.len(), limit);
    assert_eq!(whole, bus_message(bytes, usize::from(*step), limit));
});
