//! Parsing of a JSON body field by field. Every error is recorded with its JSON Pointer, so that one response names them all.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::json::UniqueKeysJson;

/// The error of one field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FieldError {
    /// The field's JSON Pointer (RFC 6901).
    pub pointer: String,
    /// The sentence, of which the field is the subject.
    pub detail: String,
}

/// Marks an invalid field; its error is already recorded, and [`JsonBody::finish`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidField;

/// The fields of one JSON object, taken out one by one.
pub struct JsonBody {
    left: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// The maximum number of errors in one response.
const MAX_FIELD_ERRORS: usize = 50;

impl JsonBody {
    /// Parses a body, which must be a JSON object.
    pub fn parse(body: &str) -> Result<Self, Vec<FieldError>> {
        let wrong = |detail: String| vec![FieldError { pointer: String::new(), detail }];
        match serde_json::from_str(body).map(|UniqueKeysJson(value)| value) {
            Ok(Value::Object(left)) => Ok(Self { left, errors: Vec::new() }),
            Ok(_) => Err(wrong("is not a JSON object".to_owned())),
            Err(e) if e.is_data() => {
                Err(wrong(format!("has a duplicate field: line {}, column {}", e.line(), e.column())))
            }
            Err(e) => Err(wrong(format!("is not JSON: line {}, column {}", e.line(), e.column()))),
        }
    }

    /// A required field.
    pub fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<T, InvalidField> {
        match self.optional(name, read)? {
            Some(value) => Ok(value),
            None => Err(self.reject(name, "is required")),
        }
    }

    /// An optional field. `null` is not absent.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Option<T>, InvalidField> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        read(value).map(Some).map_err(|detail| self.reject(name, detail))
    }

    /// An optional, nullable field: absent is `None`, `null` is `Some(None)`.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Option<Option<T>>, InvalidField> {
        self.optional(name, |value| if value.is_null() { Ok(None) } else { read(value).map(Some) })
    }

    /// An optional list whose length is in this range.
    pub fn list<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, InvalidField> {
        self.entries(name, length, |value| read(value).map_err(|detail| vec![(String::new(), detail)]))
    }

    /// An optional list of objects whose length is in this range.
    pub fn objects<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl Fn(&mut JsonBody) -> Result<T, InvalidField>,
    ) -> Result<Option<Vec<T>>, InvalidField> {
        self.entries(name, length, |value| {
            Self::nested(value, &read).map_err(|errors| errors.into_iter().map(|e| (e.pointer, e.detail)).collect())
        })
    }

    /// An optional object.
    pub fn object<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut JsonBody) -> Result<T, InvalidField>,
    ) -> Result<Option<T>, InvalidField> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        Self::nested(value, read).map(Some).map_err(|errors| {
            for FieldError { pointer, detail } in errors {
                self.record(&format!("{}{pointer}", pointer_token(name)), detail);
            }
            InvalidField
        })
    }

    /// Rejects a field for a reason that only several fields together show.
    pub fn reject(&mut self, name: &str, detail: impl Display) -> InvalidField {
        self.record(&pointer_token(name), detail);
        InvalidField
    }

    /// Ends the parsing: fields that were not taken out are reported as unknown. After `Ok`, no field was [`InvalidField`].
    pub fn finish(mut self) -> Result<(), Vec<FieldError>> {
        for name in self.left.keys().take(MAX_FIELD_ERRORS).cloned().collect::<Vec<_>>() {
            self.reject(&name, "is not a field here");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    fn entries<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl Fn(Value) -> Result<T, Vec<(String, String)>>,
    ) -> Result<Option<Vec<T>>, InvalidField> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        let Value::Array(values) = value else {
            return Err(self.reject(name, "is not a list"));
        };
        let mut invalid = !length.contains(&values.len());
        if invalid {
            self.reject(name, format!("has {} to {} entries", length.start(), length.end()));
        }
        let mut entries = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            match read(value) {
                Ok(entry) => entries.push(entry),
                Err(errors) => {
                    invalid = true;
                    for (pointer, detail) in errors {
                        self.record(&format!("{}/{index}{pointer}", pointer_token(name)), detail);
                    }
                }
            }
        }
        if invalid { Err(InvalidField) } else { Ok(Some(entries)) }
    }

    fn nested<T>(value: Value, read: impl Fn(&mut JsonBody) -> Result<T, InvalidField>) -> Result<T, Vec<FieldError>> {
        let Value::Object(left) = value else {
            return Err(vec![FieldError { pointer: String::new(), detail: "is not an object".to_owned() }]);
        };
        let mut inner = Self { left, errors: Vec::new() };
        let value = read(&mut inner);
        inner.finish()?;
        value.map_err(|InvalidField| Vec::new())
    }

    fn record(&mut self, pointer: &str, detail: impl Display) {
        if self.errors.len() < MAX_FIELD_ERRORS {
            self.errors.push(FieldError { pointer: pointer.to_owned(), detail: detail.to_string() });
        }
    }
}

/// A name as one token of a JSON Pointer, cut to a useful length.
fn pointer_token(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    format!("/{}", short.replace('~', "~0").replace('/', "~1"))
}

/// Parses a string.
pub fn parsed<T: TryFrom<String>>(value: Value) -> Result<T, String>
where
    T::Error: Display,
{
    match value {
        Value::String(text) => T::try_from(text).map_err(|e| e.to_string()),
        _ => Err("is not a string".to_owned()),
    }
}

/// Any string.
pub fn string(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("is not a string".to_owned()),
    }
}

/// Parses a whole number.
pub fn integer<T: TryFrom<u64>>(value: Value) -> Result<T, String>
where
    T::Error: Display,
{
    let number = as_integer(&value).ok_or("is not a whole number from 0")?;
    T::try_from(number).map_err(|e| e.to_string())
}

/// A whole number from 0. JSON does not tell `1.0` from `1` (RFC 8259, section 6), and some clients send the first.
pub fn as_integer(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let text = value.as_number()?.to_string();
        text.strip_suffix(".0")?.parse().ok()
    })
}

/// `true` or `false`.
pub fn boolean(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "is not true or false".to_owned())
}

/// Any JSON object.
pub fn object(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err("is not an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::Slug;
    use crate::domain::key::KeyName;

    #[test]
    fn every_error_is_named_with_its_pointer() {
        let body = r#"{"name": "", "target": {"channels": ["ops", "No", 3], "x/y": 1}, "list": 1, "extra": null}"#;
        let mut fields = JsonBody::parse(body).expect("an object");

        assert!(fields.required("name", parsed::<KeyName>).is_err());
        assert!(fields.required("title", string).is_err());
        assert!(fields.object("target", |target| target.list("channels", 1..=50, parsed::<Slug>)).is_err());
        assert!(fields.list("list", 0..=2, string).is_err());
        let errors = fields.finish().expect_err("errors");

        let shown: Vec<String> = errors.iter().map(|e| format!("{} {}", e.pointer, e.detail)).collect();
        let slug = "is not a channel slug: 1 to 64 of a-z, 0-9 and -, not beginning or ending with -";
        assert_eq!(
            shown,
            [
                "/name has 1 to 100 characters",
                "/title is required",
                &format!("/target/channels/1 {slug}"),
                "/target/channels/2 is not a string",
                "/target/x~1y is not a field here",
                "/list is not a list",
                "/extra is not a field here",
            ]
        );
    }

    #[test]
    fn a_list_that_is_too_long_has_the_errors_of_its_entries_too() {
        let mut fields = JsonBody::parse(r#"{"channels": ["ops", "news", 3]}"#).expect("an object");
        assert!(fields.list("channels", 1..=2, parsed::<Slug>).is_err());
        let errors = fields.finish().expect_err("errors");
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/channels", "/channels/2"]);
    }

    #[test]
    fn a_duplicate_field_is_an_error_at_any_depth() {
        for body in [r#"{"a": 1, "a": 1}"#, r#"{"a": {"b": [{"c": 1, "c": 2}]}}"#, r#"{"a": 1, "\u0061": 2}"#] {
            let errors = JsonBody::parse(body).err().expect(body);
            assert!(errors[0].detail.starts_with("has a duplicate field"), "{body}: {errors:?}");
        }
        assert!(JsonBody::parse(r#"{"a": {"b": 1}, "b": [1.5, -1, null, true, "x"]}"#).is_ok());
    }

    #[test]
    fn a_body_that_is_not_an_object_is_one_error() {
        for body in ["", "[]", "null", "3", "{", r#""x""#] {
            assert_eq!(JsonBody::parse(body).err().expect(body).len(), 1);
        }
    }
}
