//! Parsing of untrusted JSON, in which no key is special. With the features `arbitrary_precision` or `raw_value`, which any
//! crate of the build may enable, `serde_json::Value` treats an object with a certain first key as something else.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Any JSON; of a duplicate key, the last value counts.
#[derive(Clone, Debug)]
pub struct LenientJson(pub Value);

/// Any JSON without duplicate keys, which one parser would resolve to the first value and another to the last.
pub(crate) struct UniqueKeysJson(pub(crate) Value);

impl<'de> Deserialize<'de> for LenientJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DuplicateKeys::LastWins.deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for UniqueKeysJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DuplicateKeys::Reject.deserialize(deserializer).map(Self)
    }
}

/// An optional object, for `deserialize_with`.
pub(crate) fn optional_object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    match LenientJson::deserialize(deserializer)?.0 {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(D::Error::custom("not an object")),
    }
}

/// The handling of duplicate keys.
#[derive(Clone, Copy)]
enum DuplicateKeys {
    LastWins,
    Reject,
}

impl<'de> DeserializeSeed<'de> for DuplicateKeys {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DuplicateKeys {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(self)?;
            if fields.insert(name, value).is_some() && matches!(self, Self::Reject) {
                return Err(A::Error::custom("a duplicate key"));
            }
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_special() {
        for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            for value in [r#""[1]""#, r#""no JSON""#, r#"["a"]"#, "1"] {
                let text = format!(r#"{{"a":{{"{name}":{value}}}}}"#);
                let LenientJson(any) = serde_json::from_str(&text).expect(&text);
                let UniqueKeysJson(strict) = serde_json::from_str(&text).expect(&text);
                assert_eq!((any.to_string(), strict.to_string()), (text.clone(), text));
            }
        }
    }

    #[test]
    fn of_a_duplicate_key_the_last_value_counts_or_it_is_rejected() {
        let text = r#"{"a": 1, "a": 2}"#;
        let LenientJson(any) = serde_json::from_str(text).expect(text);
        assert_eq!(any["a"], 2);
        assert!(serde_json::from_str::<UniqueKeysJson>(text).is_err());
    }
}
