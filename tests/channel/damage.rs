//! Frames that are cut, flipped, or rubbish: never a panic, and little memory.

use foreground::channel::{Codec, Json, MessagePack};
use proptest::prelude::*;

use crate::allocations::allocated_by;
use crate::codec::{any_json, any_value, encoded};

/// A value needs more memory than its bytes: at most an entry of a map, of 64 bytes, for each one, and
/// as much again twice while vectors grow.
fn is_bounded(codec: &dyn Codec, bytes: &[u8]) -> bool {
    let (allocated, _) = allocated_by(|| codec.decode(bytes));
    allocated <= 1024 + 64 * 4 * bytes.len()
}

proptest! {
    #[test]
    fn rubbish(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(is_bounded(&Json, &bytes));
        prop_assert!(is_bounded(&MessagePack, &bytes));
    }

    #[test]
    fn rubbish_of_jsons_own_letters(text in "[\\[\\]{}\",:0-9eE.+\\-NaInfity\\\\u ]{0,60}") {
        prop_assert!(is_bounded(&Json, text.as_bytes()));
    }

    #[test]
    fn cut(value in any_value(), json in any_json(), at in any::<prop::sample::Index>()) {
        for (codec, frame) in [
            (&Json as &dyn Codec, encoded(&Json, &json)),
            (&MessagePack, encoded(&MessagePack, &value)),
        ] {
            let cut = &frame[..at.index(frame.len())];
            prop_assert!(is_bounded(codec, cut));
            // A number may be cut to a shorter one.
            prop_assert!(codec.decode(cut).is_err() || json.as_f64().is_some());
        }
    }

    #[test]
    fn flipped(
        value in any_value(),
        json in any_json(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        for (codec, mut frame) in [
            (&Json as &dyn Codec, encoded(&Json, &json)),
            (&MessagePack, encoded(&MessagePack, &value)),
        ] {
            for (place, bit) in &flips {
                let place = place.index(frame.len());
                frame[place] ^= 1 << bit;
            }
            prop_assert!(is_bounded(codec, &frame));
        }
    }
}

#[test]
fn claims_of_four_billion_items_allocate_nothing() {
    for head in [0xdd, 0xdf, 0xdb, 0xc6, 0xc9] {
        for depth in 0..5 {
            let mut frame = [0x91].repeat(depth);
            frame.extend([head, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5]);
            let (allocated, result) = allocated_by(|| MessagePack.decode(&frame));
            result.unwrap_err();
            assert!(allocated < 512, "{allocated} bytes for 0x{head:x}");
        }
    }
}

#[test]
fn arrays_that_each_claim_all_that_follows_allocate_little() {
    // 100 arrays, one in the other, that claim 60,000 items each, and none of which has them.
    let mut frame = b"\xdc\xea\x60".repeat(100);
    frame.extend([0; 60_000]);
    let (allocated, result) = allocated_by(|| MessagePack.decode(&frame));
    result.unwrap_err();
    assert!(allocated < 512, "{allocated} bytes");
}
