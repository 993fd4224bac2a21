//! What both codecs read and write, and what hostile bytes cost.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::guard::{MAX_DEPTH, MAX_EMPTY};
use super::*;

/// Half of the stack that the I/O thread has: others' types may take more of it than these.
const STACK: usize = 1 << 20;

fn on_such_a_stack<R: Send + 'static>(run: impl FnOnce() -> R + Send + 'static) -> R {
    thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap()
}

/// Contains itself in every way that serde knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Newtype(Box<Tree>),
    Tuple(u8, Box<Tree>),
    Fields { child: Box<Tree>, name: Option<String> },
    Many(Vec<Tree>),
    Named(BTreeMap<String, Tree>),
    Maybe(Option<Box<Tree>>),
    Wrapped(Wrapper),
    Pair((Box<Tree>, i16)),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(Box<Tree>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Linked {
    next: Option<Box<Linked>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    flag: bool,
    small: (i8, u8, i16, u16),
    large: (i64, u64, i32, u32),
    huge: (i128, u128),
    floats: (f32, f64),
    letter: char,
    text: String,
    bytes: Vec<u8>,
    unit: (),
    maybe: Option<Option<u8>>,
    map: BTreeMap<i32, Vec<String>>,
    result: Result<u8, String>,
    array: [u16; 3],
    tree: Tree,
}

fn tree() -> impl Strategy<Value = Tree> {
    Just(Tree::Leaf).prop_recursive(8, 64, 4, |inner| {
        let child = inner.clone().prop_map(Box::new);
        prop_oneof![
            child.clone().prop_map(Tree::Newtype),
            (any::<u8>(), child.clone()).prop_map(|(n, child)| Tree::Tuple(n, child)),
            (child.clone(), any::<Option<String>>()).prop_map(|(child, name)| Tree::Fields { child, name }),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::Many),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Tree::Named),
            prop::option::of(child.clone()).prop_map(Tree::Maybe),
            child.clone().prop_map(|child| Tree::Wrapped(Wrapper(child))),
            (child, any::<i16>()).prop_map(Tree::Pair),
        ]
    })
}

fn everything() -> impl Strategy<Value = Everything> {
    // JSON knows no difference between `None` and `Some(None)`, and integers of 64 bits.
    let maybe = any::<Option<u8>>().prop_map(|n| n.map(Some));
    let huge = (any::<i64>(), any::<u64>()).prop_map(|(i, u)| (i.into(), u.into()));
    let floats = (prop::num::f32::NORMAL, prop::num::f64::NORMAL);
    let texts = (any::<char>(), any::<String>(), any::<Vec<u8>>(), any::<Result<u8, String>>());
    let map = prop::collection::btree_map(any::<i32>(), any::<Vec<String>>(), 0..4);
    let numbers = (any::<bool>(), any::<(i8, u8, i16, u16)>(), any::<(i64, u64, i32, u32)>(), huge, floats);
    (numbers, texts, maybe, map, any::<[u16; 3]>(), tree()).prop_map(
        |((flag, small, large, huge, floats), (letter, text, bytes, result), maybe, map, array, tree)| {
            Everything {
                flag,
                small,
                large,
                huge,
                floats,
                letter,
                text,
                bytes,
                unit: (),
                maybe,
                map,
                result,
                array,
                tree,
            }
        },
    )
}

fn written<T: Serialize>(codec: Codec, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec.write(value, &mut bytes).unwrap();
    bytes
}

proptest! {
    #[test]
    fn every_value_survives_both_codecs(value in everything()) {
        for codec in Codec::ALL {
            let read: Everything = codec.read(&written(codec, &value)).unwrap();
            prop_assert_eq!(&read, &value);
        }
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes: Vec<u8>) {
        for codec in Codec::ALL {
            let _ = codec.read::<Everything>(&bytes);
            let _ = codec.read::<Tree>(&bytes);
            let _ = codec.read::<Vec<((), Option<()>)>>(&bytes);
            let _ = codec.read::<BTreeMap<(), ()>>(&bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(value in everything(), at: prop::sample::Index, to: u8) {
        for codec in Codec::ALL {
            let mut bytes = written(codec, &value);
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = codec.read::<Everything>(&bytes);
            // Nor is what is cut off there.
            let cut = codec.read::<Everything>(&bytes[..at]);
            prop_assert!(cut.is_err());
        }
    }
}

#[test]
fn a_hostile_message_does_not_overflow_the_stack() {
    for (variant, one_level) in [
        (1, &[1][..]),
        (2, &[2, 0]),
        (3, &[3]),
        (4, &[4, 1]),
        (5, &[5, 1, 0]),
        (6, &[6, 1]),
        (7, &[7]),
        (8, &[8]),
    ] {
        let bytes = one_level.repeat(1 << 20);
        let error = on_such_a_stack(move || Codec::Postcard.read::<Tree>(&bytes).unwrap_err().to_string());
        assert_eq!(error, format!("it is nested deeper than {MAX_DEPTH} levels"), "variant {variant}");
    }
    let bytes = vec![1; 1 << 20];
    let error = on_such_a_stack(move || Codec::Postcard.read::<Linked>(&bytes).unwrap_err().to_string());
    assert!(error.starts_with("it is nested"), "{error}");
    let bytes = r#"{"Many":["#.repeat(1 << 18).into_bytes();
    let error = on_such_a_stack(move || Codec::Json.read::<Tree>(&bytes).unwrap_err().to_string());
    assert!(error.contains("nested deeper"), "{error}");
    let error = on_such_a_stack(|| Codec::Json.read::<Endless>(b"1").unwrap_err().to_string());
    assert!(error.contains("nested deeper"), "{error}");
}

/// Of no bytes at all.
#[derive(Debug, Deserialize)]
struct Endless(#[expect(dead_code)] Option<Box<Endless>>);

#[test]
fn what_is_nested_up_to_the_limit_is_read() {
    // A struct and an option each.
    let bytes = [vec![1; MAX_DEPTH / 2 - 1], vec![0]].concat();
    let list = on_such_a_stack(move || Codec::Postcard.read::<Linked>(&bytes).unwrap());
    let length = std::iter::successors(Some(&list), |list| list.next.as_deref()).count();
    assert_eq!(length, MAX_DEPTH / 2);
    let bytes = [vec![1; MAX_DEPTH / 2], vec![0]].concat();
    assert!(Codec::Postcard.read::<Linked>(&bytes).is_err());
    // What stands beside each other does not add up.
    let wide = vec![Some(Some(1_u8)); 10 * MAX_DEPTH];
    assert_eq!(
        Codec::Postcard.read::<Vec<Option<Option<u8>>>>(&written(Codec::Postcard, &wide)).unwrap(),
        wide
    );
}

#[test]
fn elements_that_take_no_bytes_are_limited() {
    let begun = Instant::now();
    let huge = written(Codec::Postcard, &(1_u64 << 60));
    let read = |error: Result<(), CodecError>| error.unwrap_err().to_string();
    let expected = "it has more elements than its bytes can hold";
    assert_eq!(read(Codec::Postcard.read::<Vec<()>>(&huge).map(drop)), expected);
    assert_eq!(read(Codec::Postcard.read::<Vec<((), [(); 2])>>(&huge).map(drop)), expected);
    assert_eq!(read(Codec::Postcard.read::<BTreeMap<(), ()>>(&huge).map(drop)), expected);
    // The limit is that of a whole message.
    let nested =
        [written(Codec::Postcard, &2_u8), written(Codec::Postcard, &(MAX_EMPTY as u64)).repeat(2)].concat();
    assert_eq!(read(Codec::Postcard.read::<Vec<Vec<()>>>(&nested).map(drop)), expected);
    // A length beyond its bytes sets no memory aside.
    assert!(Codec::Postcard.read::<Vec<u64>>(&huge).is_err());
    assert!(Codec::Postcard.read::<String>(&huge).is_err());
    assert!(begun.elapsed() < Duration::from_secs(30));

    let some = vec![(); MAX_EMPTY];
    assert_eq!(Codec::Postcard.read::<Vec<()>>(&written(Codec::Postcard, &some)).unwrap(), some);
    let empties = vec![Vec::<u8>::new(); 4 * MAX_EMPTY];
    assert_eq!(Codec::Postcard.read::<Vec<Vec<u8>>>(&written(Codec::Postcard, &empties)).unwrap(), empties);
}

#[test]
fn what_follows_a_message_is_refused() {
    let error = Codec::Postcard.read::<u8>(&[1, 2, 3]).unwrap_err();
    assert_eq!(error.to_string(), "2 bytes too many");
    assert!(Codec::Json.read::<u8>(b"1 2").is_err());
    assert_eq!(Codec::Json.read::<u8>(b" 1\n").unwrap(), 1);
    assert!(Codec::Json.read::<u8>(b"\xff").is_err());
}
