//! JSON as it was sent. `serde_json::Value` reads an object whose first field has a certain name as something else, if any crate
//! of the build asks for that; what strangers send is read here instead, where no name has a meaning of its own.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Any JSON. Of a field that stands twice, the last counts.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

/// Any JSON, but no object with the same field twice: one reader would take the first, another the last.
pub(crate) struct Strict(pub(crate) Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Repeated::LastCounts.deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Repeated::Refused.deserialize(deserializer).map(Self)
    }
}

/// The fields of an object that may be absent, for `deserialize_with`.
pub(crate) fn optional_object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Map<String, Value>>, D::Error> {
    match Json::deserialize(deserializer)?.0 {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        _ => Err(D::Error::custom("not an object")),
    }
}

/// What becomes of a field that stands twice.
#[derive(Clone, Copy)]
enum Repeated {
    LastCounts,
    Refused,
}

impl<'de> DeserializeSeed<'de> for Repeated {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Repeated {
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
            if fields.insert(name, value).is_some() && matches!(self, Self::Refused) {
                return Err(A::Error::custom("a field twice"));
            }
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_has_a_meaning_of_its_own() {
        for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            for value in [r#""[1]""#, r#""no JSON""#, r#"["a"]"#, "1"] {
                let text = format!(r#"{{"a":{{"{name}":{value}}}}}"#);
                let Json(any) = serde_json::from_str(&text).expect(&text);
                let Strict(strict) = serde_json::from_str(&text).expect(&text);
                assert_eq!((any.to_string(), strict.to_string()), (text.clone(), text));
            }
        }
    }

    #[test]
    fn of_a_field_that_stands_twice_the_last_counts_or_none() {
        let text = r#"{"a": 1, "a": 2}"#;
        let Json(any) = serde_json::from_str(text).expect(text);
        assert_eq!(any["a"], 2);
        assert!(serde_json::from_str::<Strict>(text).is_err());
    }
}
