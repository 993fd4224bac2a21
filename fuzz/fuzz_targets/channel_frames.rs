//! Frames are found in a stream of bytes however it is cut, and an announced length sets no memory aside.
#![no_main]

use foreground::fuzzing::channel::frames;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 16;

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (bytes, cuts) = input;
    let whole = frames(LIMIT, [bytes]);
    let mut rest = bytes;
    let pieces = cuts.iter().map(|&cut| {
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(cut)));
        rest = behind;
        piece
    });
    let mut pieces: Vec<_> = pieces.collect();
    pieces.push(rest);
    assert_eq!(frames(LIMIT, pieces), whole);

    // What was found is what was sent.
    let mut expected = bytes;
    for frame in &whole.0 {
        let (header, behind) = expected.split_first_chunk::<4>().expect("a header");
        assert_eq!(u32::from_be_bytes(*header) as usize, frame.len());
        let (payload, behind) = behind.split_at(frame.len());
        assert_eq!(payload, frame);
        expected = behind;
    }
    let too_large =
        expected.first_chunk::<4>().is_some_and(|header| u32::from_be_bytes(*header) as usize > LIMIT);
    assert_eq!(whole.1, too_large);
});
