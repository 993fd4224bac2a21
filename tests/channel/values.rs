//! What a user sees of a value.

use std::collections::{BTreeMap, HashMap};

use foreground::channel::{Bytes, Value};
use proptest::prelude::*;
use serde::Deserialize;

use crate::codec::any_value;

proptest! {
    #[test]
    fn a_value_is_a_content_of_its_own(value in any_value()) {
        prop_assert_eq!(&Value::from_content(&value).unwrap(), &value);
        prop_assert_eq!(&value.to_content::<Value>().unwrap(), &value);
    }

    #[test]
    fn a_value_survives_other_formats(value in crate::codec::any_json()) {
        // Not by serde_json, whose floats may be off by one in the last digit.
        let bytes = rmp_serde::to_vec_named(&value).unwrap();
        prop_assert_eq!(rmp_serde::from_slice::<Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn every_value_has_a_text(value in any_value()) {
        prop_assert!(!value.to_string().is_empty());
    }
}

#[test]
fn values_are_made_from_rusts_own_types() {
    assert_eq!(Value::from(()), Value::Null);
    assert_eq!(Value::from(Some(1_u8)), Value::Int(1));
    assert_eq!(Value::from(i64::MAX as u64), Value::Int(i64::MAX));
    assert_eq!(Value::from(i64::MAX as u64 + 1), Value::UInt(1 << 63));
    assert_eq!(Value::from(0.5_f32), Value::Float(0.5));
    assert_eq!(Value::from('x'), Value::from("x"));
    assert_eq!(Value::from(Bytes(vec![1])), Value::Bytes(vec![1]));
    assert_eq!(BTreeMap::from([("a", 1)]).into_iter().collect::<Value>(), Value::from([("a", 1)]));
    assert_eq!(Value::default(), Value::Null);
}

#[test]
fn numbers_are_given_as_what_they_fit_into() {
    assert_eq!(Value::UInt(5).as_i64(), Some(5));
    assert_eq!(Value::UInt(5).as_f64(), Some(5.0));
    assert_eq!(Value::Int(5).as_u64(), Some(5));
    assert_eq!(Value::Null.as_f64(), None);
    assert_eq!(Value::Null.as_u64(), None);
}

#[test]
fn accessors_of_another_type_give_none() {
    let text = Value::from("x");
    assert_eq!(text.as_bool(), None);
    assert_eq!(text.as_bytes(), None);
    assert_eq!(text.as_array(), None);
    assert_eq!(text.as_map(), None);
    assert_eq!(text.get("x"), None);
    assert_eq!(text.get_index(0), None);
    assert_eq!(text.extra_type(), None);
    assert_eq!(Value::Null.as_str(), None);
    assert_eq!(Value::from(vec![1]).get_index(1), None);
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    let value = Value::from([("a", 1), ("a", 2)]);
    assert_eq!(value.get("a"), Some(&Value::Int(2)));
    assert_eq!(value.to_content::<HashMap<String, i32>>().unwrap(), [("a".to_owned(), 2)].into());
}

#[test]
fn the_text_of_a_value_is_in_the_manner_of_json() {
    let value = Value::Map(vec![
        ("a\"\n".into(), vec![Value::Null, true.into(), 1.0.into(), f64::NAN.into()].into()),
        (1.into(), Value::Bytes(b"\0a\xff".to_vec())),
        (Value::Null, Value::Extension(-1, vec![7])),
        ("inf".into(), vec![f64::INFINITY, f64::NEG_INFINITY].into()),
        ("big".into(), u64::MAX.into()),
    ]);
    assert_eq!(
        value.to_string(),
        r#"{"a\"\n": [null, true, 1.0, NaN], 1: b"\x00a\xff", null: extension(-1, b"\x07"), "inf": [Infinity, -Infinity], "big": 18446744073709551615}"#
    );
}

#[test]
fn what_a_program_nests_too_deeply_is_an_error_and_has_a_text() {
    let value = (0..2000).fold(Value::Null, |inner, _| Value::Map(vec![(1.into(), inner)]));
    assert_eq!(
        Value::from_content(&value).unwrap_err().to_string(),
        "the content is nested deeper than 128 levels"
    );
    assert_eq!(value.to_content::<Value>().unwrap_err().to_string(), "nested deeper than 128 levels");
    assert!(value.to_string().contains("..."));
}

#[test]
fn a_type_that_nests_without_bytes_has_a_limit_too() {
    #[derive(Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
    struct Endless(Option<Box<Endless>>);

    let expected = "nested deeper than 512 levels of options and newtypes";
    assert_eq!(Value::from(1).to_content::<Endless>().unwrap_err().to_string(), expected);
    let as_key = Value::from([("a", 1)]).to_content::<BTreeMap<Endless, u8>>();
    assert_eq!(as_key.unwrap_err().to_string(), expected);
    assert_eq!(Value::Null.to_content::<Endless>().unwrap(), Endless(None));

    // Those beside each other do not add up.
    type Wrapped = Option<Box<Option<Box<u8>>>>;
    let wide = vec![Value::from(1); 1000].into_iter().collect::<Vec<_>>();
    assert_eq!(Value::Array(wide).to_content::<Vec<Wrapped>>().unwrap().len(), 1000);
}

#[test]
fn only_a_map_with_nothing_else_is_an_object() {
    let object = |data: Value| Value::from([("__type__", data)]);
    assert_eq!(object(vec![Value::from(3), "x".into()].into()).extra_type(), Some((3, &"x".into())));
    for other in [
        object(Value::Null),
        object(vec![3].into()),
        object(vec![3, 4, 5].into()),
        object(vec![-1, 0].into()),
        object(vec!["0", "x"].into()),
        Value::from([("__type__", Value::from(vec![0, 1])), ("more", Value::Null)]),
    ] {
        assert_eq!(other.extra_type(), None, "{other}");
        assert_eq!(other.to_content::<Value>().unwrap(), other);
    }
}

#[test]
fn values_may_go_to_other_threads() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    check::<Value>();
    check::<Bytes>();
    check::<foreground::channel::ContentError>();
    check::<foreground::channel::Serializers>();
}
