//! A frame of MessagePack is taken or refused, and never panics. What we take, `rmp-serde` takes too.
#![no_main]

use foreground::fuzzing::channel::message_pack_frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    message_pack_frame(content);
    let frame = [b"\x93\x00\x00", content].concat();
    if message_pack_frame(&frame).is_some() {
        rmp_serde::from_slice::<serde::de::IgnoredAny>(content).expect("it is MessagePack");
    }
});
