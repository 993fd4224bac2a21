//! The registration of extra serializers, and what they do outside of a connection. Inside of one they are tested
//! beside the codecs.

use foreground::channel::{AddSerializerError, Extra, Serializers, Value};

#[test]
fn a_type_is_registered_once() {
    let serializers = Serializers::new().add::<u8>().unwrap().add::<String>().unwrap();
    let error = serializers.clone().add::<String>().unwrap_err();
    assert_eq!(error, AddSerializerError::AlreadyRegistered { type_name: "alloc::string::String", id: 1 });
    assert_eq!(error.to_string(), "the type alloc::string::String is registered already, with the id 1");
    let again = serializers.add_with(|number: &u8| *number, Ok::<u8, String>);
    assert_eq!(again.unwrap_err(), AddSerializerError::AlreadyRegistered { type_name: "u8", id: 0 });
}

#[test]
fn a_clone_is_not_changed_by_what_is_added_later() {
    let one = Serializers::new().add::<u8>().unwrap();
    let two = one.clone().add::<u16>().unwrap();
    assert_eq!((one.len(), two.len()), (1, 2));
    assert_eq!(format!("{two:?}"), r#"["u8", "u16"]"#);
}

#[test]
fn an_object_outside_of_a_connection_is_an_error() {
    let text = "extra serializers are those of a connection, and no connection encodes or decodes this";
    assert_eq!(Value::from_content(&Extra(7_u8)).unwrap_err().to_string(), text);
    let object = Value::from([("__type__", vec![0, 7])]);
    assert_eq!(object.to_content::<Extra<u8>>().unwrap_err().to_string(), text);
    assert_eq!(serde_json::to_string(&Extra(7_u8)).unwrap_err().to_string(), text);
}

#[test]
fn an_object_is_what_it_holds() {
    let object: Extra<u8> = 7.into();
    assert_eq!(object, Extra(7));
    assert_eq!(object.into_inner(), 7);
}
