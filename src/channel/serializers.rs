//! Extra serializers: objects that name their type, as `{"__type__": [id, data]}`.

#[cfg(test)]
mod tests;

use std::any::{Any, TypeId, type_name};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::codec::MAX_DEPTH;
use super::{ContentError, Value};

/// The only key of an object's map.
pub(super) const KEY: &str = "__type__";

/// The types that name themselves on the wire, each with its conversions.
///
/// An original peer can register serializers for classes of its own. An object of such a class then travels as
/// `{"__type__": [id, data]}`, where the id is the number of types that were registered before. So **the order of
/// registration is part of the protocol**: register the same types in the same order on both sides.
///
/// In Rust, such objects are [`Extra<T>`] wherever they stand in a content. Whoever does not know their types
/// reads a [`Value`], which has [`extra_type`](Value::extra_type).
///
/// The conversions run on the threads that send contents and ask for them.
///
/// # Examples
///
/// ```
/// use foreground::channel::Serializers;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
///
/// let serializers = Serializers::new()
///     .add::<Point>()? // has id 0
///     .add_with(
///         |text: &std::path::PathBuf| text.to_string_lossy().into_owned(),
///         |text: String| Ok::<_, std::convert::Infallible>(text.into()),
///     )?; // has id 1
/// assert_eq!(serializers.len(), 2);
/// # Ok::<(), foreground::channel::AddSerializerError>(())
/// ```
#[derive(Clone, Default)]
pub struct Serializers {
    types: Arc<Vec<Registered>>,
}

#[derive(Clone)]
struct Registered {
    type_id: TypeId,
    name: &'static str,
    /// A `Conversions<T>`.
    conversions: Arc<dyn Any + Send + Sync>,
}

type ToData<T> = dyn Fn(&T) -> Result<Value, ContentError> + Send + Sync;
type FromData<T> = dyn Fn(&Value) -> Result<T, ContentError> + Send + Sync;

struct Conversions<T> {
    to_data: Box<ToData<T>>,
    from_data: Box<FromData<T>>,
}

impl Serializers {
    /// Begins with no types.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(foreground::channel::Serializers::new().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a type whose data is what serde makes of it. Its id is the number of types before it.
    ///
    /// A class of the original that is decorated as `serializable` has as its data a map of its arguments: a struct
    /// with these fields.
    ///
    /// # Errors
    ///
    /// The type is registered already.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::Serializers;
    ///
    /// let serializers = Serializers::new().add::<u32>()?;
    /// let error = serializers.add::<u32>().unwrap_err();
    /// assert_eq!(error.to_string(), "the type u32 is registered already, with the id 0");
    /// # Ok::<(), foreground::channel::AddSerializerError>(())
    /// ```
    pub fn add<T: Serialize + DeserializeOwned + 'static>(self) -> Result<Self, AddSerializerError> {
        self.push::<T>(Value::from_content, Value::to_content)
    }

    /// Registers a type together with functions that turn it into its data and back.
    ///
    /// # Errors
    ///
    /// The type is registered already.
    ///
    /// # Examples
    ///
    /// ```
    /// use foreground::channel::Serializers;
    /// use std::time::Duration;
    ///
    /// let serializers = Serializers::new().add_with(
    ///     |duration: &Duration| duration.as_secs_f64(),
    ///     |seconds: f64| Duration::try_from_secs_f64(seconds),
    /// )?;
    /// # Ok::<(), foreground::channel::AddSerializerError>(())
    /// ```
    pub fn add_with<T, D, E>(
        self,
        to_data: impl Fn(&T) -> D + Send + Sync + 'static,
        from_data: impl Fn(D) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, AddSerializerError>
    where
        T: 'static,
        D: Serialize + DeserializeOwned,
        E: fmt::Display,
    {
        self.push::<T>(
            move |object| Value::from_content(&to_data(object)),
            move |data| from_data(data.to_content()?).map_err(|error| ContentError::new(error.to_string())),
        )
    }

    /// The number of types.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(foreground::channel::Serializers::new().len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are no types.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(foreground::channel::Serializers::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    fn push<T: 'static>(
        mut self,
        to_data: impl Fn(&T) -> Result<Value, ContentError> + Send + Sync + 'static,
        from_data: impl Fn(&Value) -> Result<T, ContentError> + Send + Sync + 'static,
    ) -> Result<Self, AddSerializerError> {
        if let Some((id, _)) = self.find::<T>() {
            return Err(AddSerializerError::AlreadyRegistered { type_name: type_name::<T>(), id });
        }
        Arc::make_mut(&mut self.types).push(Registered {
            type_id: TypeId::of::<T>(),
            name: type_name::<T>(),
            conversions: Arc::new(Conversions::<T> {
                to_data: Box::new(to_data),
                from_data: Box::new(from_data),
            }),
        });
        Ok(self)
    }

    fn find<T: 'static>(&self) -> Option<(u64, &Conversions<T>)> {
        let index = self.types.iter().position(|known| known.type_id == TypeId::of::<T>())?;
        Some((index as u64, self.types[index].conversions.downcast_ref()?))
    }

    /// Lists the types, for errors.
    fn known(&self) -> String {
        let names: Vec<_> =
            self.types.iter().enumerate().map(|(id, known)| format!("{id} = {}", known.name)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Lets [`Extra`] use these serializers on this thread until `encode_or_decode` returns or panics.
    pub(super) fn while_in_force<R>(&self, encode_or_decode: impl FnOnce() -> R) -> R {
        /// Puts back what was in force before.
        struct Restore(Option<Serializers>);

        impl Drop for Restore {
            fn drop(&mut self) {
                let before = self.0.take();
                drop(IN_FORCE.try_with(|in_force| in_force.replace(before)));
            }
        }

        let now = Some(self.clone());
        let _restore = Restore(IN_FORCE.try_with(|in_force| in_force.replace(now)).unwrap_or_default());
        encode_or_decode()
    }
}

impl fmt::Debug for Serializers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.types.iter().map(|known| known.name)).finish()
    }
}

/// A type could not be registered; see [`Serializers::add`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddSerializerError {
    /// The type is registered already. A second registration could never be reached, and would shift the ids of all
    /// that follow.
    AlreadyRegistered {
        /// The name of the type.
        type_name: &'static str,
        /// The id that it has.
        id: u64,
    },
}

impl fmt::Display for AddSerializerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRegistered { type_name, id } => {
                write!(f, "the type {type_name} is registered already, with the id {id}")
            }
        }
    }
}

impl Error for AddSerializerError {}

thread_local! {
    /// The serializers of the connection for which this thread encodes or decodes.
    static IN_FORCE: RefCell<Option<Serializers>> = const { RefCell::new(None) };
    /// How many conversions are on the stack of this thread. Each may begin anew with counting levels.
    static CONVERSIONS: Cell<usize> = const { Cell::new(0) };
}

fn in_force() -> Result<Serializers, ContentError> {
    let in_force = IN_FORCE.try_with(|in_force| in_force.borrow().clone());
    in_force.ok().flatten().ok_or_else(|| {
        ContentError::new(
            "extra serializers are those of a connection, and no connection encodes or decodes this",
        )
    })
}

/// Runs a conversion, unless too many are on the stack.
fn convert<R>(conversion: impl FnOnce() -> Result<R, ContentError>) -> Result<R, ContentError> {
    struct Leave;

    impl Drop for Leave {
        fn drop(&mut self) {
            CONVERSIONS.set(CONVERSIONS.get() - 1);
        }
    }

    if CONVERSIONS.get() == MAX_DEPTH {
        return Err(ContentError::new(format!("objects are nested deeper than {MAX_DEPTH} levels")));
    }
    CONVERSIONS.set(CONVERSIONS.get() + 1);
    let _leave = Leave;
    conversion()
}

/// An object that travels as `{"__type__": [id, data]}`, by the [`Serializers`] of its connection.
///
/// It may be a content itself, or stand anywhere inside of one. Elsewhere, it cannot be serialized or deserialized:
/// its id is a matter of the connection. Each object is two levels of the 128 that a content may be nested deep.
///
/// # Examples
///
/// ```
/// use foreground::channel::Extra;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Path {
///     points: Vec<Extra<Point>>,
/// }
///
/// let path = Path { points: vec![Extra(Point { x: 0.0, y: 1.5 })] };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extra<T>(pub T);

impl<T> Extra<T> {
    /// Takes the object out.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(foreground::channel::Extra(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Extra<T> {
    fn from(object: T) -> Self {
        Self(object)
    }
}

impl<T: 'static> Serialize for Extra<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (id, data) = to_data(&self.0).map_err(serde::ser::Error::custom)?;
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(KEY, &(id, data))?;
        map.end()
    }
}

impl<'de, T: 'static> Deserialize<'de> for Extra<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        from_data(&object).map(Self).map_err(serde::de::Error::custom)
    }
}

fn to_data<T: 'static>(object: &T) -> Result<(u64, Value), ContentError> {
    let serializers = in_force()?;
    let (id, conversions) = serializers.find::<T>().ok_or_else(|| not_registered::<T>(&serializers))?;
    Ok((id, convert(|| (conversions.to_data)(object))?))
}

fn from_data<T: 'static>(object: &Value) -> Result<T, ContentError> {
    let serializers = in_force()?;
    let (own_id, conversions) = serializers.find::<T>().ok_or_else(|| not_registered::<T>(&serializers))?;
    let name = type_name::<T>();
    let Some((id, data)) = object.extra_type() else {
        return Err(ContentError::new(format!(
            "expected an object of the type {own_id}, {name}, as {{\"{KEY}\": [{own_id}, data]}}"
        )));
    };
    if id != own_id {
        let whose = match usize::try_from(id).ok().and_then(|id| serializers.types.get(id)) {
            Some(other) => format!("which is {}", other.name),
            None => "which is not registered".to_owned(),
        };
        return Err(ContentError::new(format!(
            "expected an object of the type {own_id}, {name}, and it has the type {id}, {whose}; registered here: {}",
            serializers.known()
        )));
    }
    convert(|| (conversions.from_data)(data))
}

fn not_registered<T>(serializers: &Serializers) -> ContentError {
    ContentError::new(format!(
        "no extra serializer is registered for {}; registered here: {}",
        type_name::<T>(),
        serializers.known()
    ))
}
