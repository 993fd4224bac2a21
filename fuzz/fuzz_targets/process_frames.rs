//! What comes to a remote pipe is read or refused, the same however it is cut: the frames, what is in them, tickets, and messages in both
//! codecs, of types that contain themselves or take no bytes.
#![no_main]

use std::collections::BTreeMap;

use foreground::fuzzing::process::{frames, message, ticket};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Tree {
    Leaf,
    Newtype(Box<Tree>),
    Fields { children: Vec<Tree>, name: Option<String> },
    Pair(Box<(Tree, BTreeMap<char, Tree>)>),
}

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (bytes, cuts) = input;
    let limit = 1 << 16;
    let whole = frames(limit, [bytes]);
    let mut rest = bytes;
    let pieces = cuts.iter().map(|&cut| {
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(cut)));
        rest = behind;
        piece
    });
    let mut pieces: Vec<_> = pieces.collect();
    pieces.push(rest);
    assert_eq!(frames(limit, pieces), whole);

    if let Ok(text) = std::str::from_utf8(bytes) {
        ticket(text);
    }
    message::<Tree>(bytes);
    message::<(u8, i128, f32, Option<Result<String, Vec<u16>>>)>(bytes);
    message::<Vec<((), Option<()>, [(); 3])>>(bytes);
    message::<BTreeMap<(), ()>>(bytes);
});
