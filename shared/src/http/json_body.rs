//! A JSON body is read field by field, and every mistake is kept with its place, so that one answer names them all.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::json::Strict;

/// One mistake: where it is (a JSON Pointer, RFC 6901) and what is wrong there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mistake {
    /// The place.
    pub pointer: String,
    /// The sentence, without its subject.
    pub detail: String,
}

/// The field has a mistake, and it is noted: what [`Fields::finish`] will say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flawed;

/// The fields of one JSON object, taken out one by one.
pub struct Fields {
    left: Map<String, Value>,
    mistakes: Vec<Mistake>,
}

/// So many mistakes are named at most.
const MOST_MISTAKES: usize = 50;

impl Fields {
    /// The fields of a body, which must be a JSON object.
    pub fn of(body: &str) -> Result<Self, Vec<Mistake>> {
        let wrong = |detail: String| vec![Mistake { pointer: String::new(), detail }];
        match serde_json::from_str(body).map(|Strict(value)| value) {
            Ok(Value::Object(left)) => Ok(Self { left, mistakes: Vec::new() }),
            Ok(_) => Err(wrong("is not a JSON object".to_owned())),
            Err(e) if e.is_data() => Err(wrong(format!("has a field twice: line {}, column {}", e.line(), e.column()))),
            Err(e) => Err(wrong(format!("is not JSON: line {}, column {}", e.line(), e.column()))),
        }
    }

    /// A field that must be there.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Result<T, Flawed> {
        match self.optional(name, read)? {
            Some(value) => Ok(value),
            None => Err(self.flaw(name, "is required")),
        }
    }

    /// A field that may be absent. `null` is not absent.
    pub fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Option<T>, Flawed> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        read(value).map(Some).map_err(|detail| self.flaw(name, detail))
    }

    /// A field that may be absent (`None`), `null` (`Some(None)`) or there.
    pub fn nullable<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Result<Option<Option<T>>, Flawed> {
        self.optional(name, |value| if value.is_null() { Ok(None) } else { read(value).map(Some) })
    }

    /// A list that may be absent, with so many entries.
    pub fn list<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, Flawed> {
        self.entries(name, length, |value| read(value).map_err(|detail| vec![(String::new(), detail)]))
    }

    /// A list of objects that may be absent, with so many entries.
    pub fn objects<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl Fn(&mut Fields) -> Result<T, Flawed>,
    ) -> Result<Option<Vec<T>>, Flawed> {
        self.entries(name, length, |value| {
            Self::nested(value, &read).map_err(|mistakes| mistakes.into_iter().map(|m| (m.pointer, m.detail)).collect())
        })
    }

    /// An object that may be absent.
    pub fn object<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut Fields) -> Result<T, Flawed>,
    ) -> Result<Option<T>, Flawed> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        Self::nested(value, read).map(Some).map_err(|mistakes| {
            for Mistake { pointer, detail } in mistakes {
                self.note(&format!("{}{pointer}", token(name)), detail);
            }
            Flawed
        })
    }

    /// Notes that a field is wrong for a reason that only several fields together show.
    pub fn flaw(&mut self, name: &str, detail: impl Display) -> Flawed {
        self.note(&token(name), detail);
        Flawed
    }

    /// Whether a field is there, and was not taken out yet.
    pub fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// Ends the reading: what was not taken out is no field here. After `Ok`, no field was [`Flawed`].
    pub fn finish(mut self) -> Result<(), Vec<Mistake>> {
        for name in self.left.keys().take(MOST_MISTAKES).cloned().collect::<Vec<_>>() {
            self.flaw(&name, "is not a field here");
        }
        if self.mistakes.is_empty() { Ok(()) } else { Err(self.mistakes) }
    }

    fn entries<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        read: impl Fn(Value) -> Result<T, Vec<(String, String)>>,
    ) -> Result<Option<Vec<T>>, Flawed> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        let Value::Array(values) = value else {
            return Err(self.flaw(name, "is not a list"));
        };
        let mut flawed = !length.contains(&values.len());
        if flawed {
            self.flaw(name, format!("has {} to {} entries", length.start(), length.end()));
        }
        let mut entries = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            match read(value) {
                Ok(entry) => entries.push(entry),
                Err(mistakes) => {
                    flawed = true;
                    for (pointer, detail) in mistakes {
                        self.note(&format!("{}/{index}{pointer}", token(name)), detail);
                    }
                }
            }
        }
        if flawed { Err(Flawed) } else { Ok(Some(entries)) }
    }

    fn nested<T>(value: Value, read: impl Fn(&mut Fields) -> Result<T, Flawed>) -> Result<T, Vec<Mistake>> {
        let Value::Object(left) = value else {
            return Err(vec![Mistake { pointer: String::new(), detail: "is not an object".to_owned() }]);
        };
        let mut inner = Self { left, mistakes: Vec::new() };
        let value = read(&mut inner);
        inner.finish()?;
        value.map_err(|Flawed| Vec::new())
    }

    fn note(&mut self, below: &str, detail: impl Display) {
        if self.mistakes.len() < MOST_MISTAKES {
            self.mistakes.push(Mistake { pointer: below.to_owned(), detail: detail.to_string() });
        }
    }
}

/// A name as one token of a JSON Pointer, not longer than is useful.
fn token(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    format!("/{}", short.replace('~', "~0").replace('/', "~1"))
}

/// Reads a string that parses itself.
pub fn text<T: TryFrom<String>>(value: Value) -> Result<T, String>
where
    T::Error: Display,
{
    match value {
        Value::String(text) => T::try_from(text).map_err(|e| e.to_string()),
        _ => Err("is not a string".to_owned()),
    }
}

/// Reads any string.
pub fn any_text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("is not a string".to_owned()),
    }
}

/// Reads a whole number that parses itself.
pub fn whole<T: TryFrom<u64>>(value: Value) -> Result<T, String>
where
    T::Error: Display,
{
    let number = whole_number(&value).ok_or("is not a whole number from 0")?;
    T::try_from(number).map_err(|e| e.to_string())
}

/// A whole number from 0. JSON does not tell `1.0` from `1` (RFC 8259, section 6), and some writers send the first.
pub fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let text = value.as_number()?.to_string();
        text.strip_suffix(".0")?.parse().ok()
    })
}

/// Reads `true` or `false`.
pub fn flag(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "is not true or false".to_owned())
}

/// Reads any JSON object.
pub fn any_object(value: Value) -> Result<Map<String, Value>, String> {
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
    fn every_mistake_is_named_with_its_place() {
        let body = r#"{"name": "", "target": {"channels": ["ops", "No", 3], "x/y": 1}, "list": 1, "extra": null}"#;
        let mut fields = Fields::of(body).expect("an object");

        assert!(fields.required("name", text::<KeyName>).is_err());
        assert!(fields.required("title", any_text).is_err());
        assert!(fields.object("target", |target| target.list("channels", 1..=50, text::<Slug>)).is_err());
        assert!(fields.list("list", 0..=2, any_text).is_err());
        let mistakes = fields.finish().expect_err("mistakes");

        let shown: Vec<String> = mistakes.iter().map(|m| format!("{} {}", m.pointer, m.detail)).collect();
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
    fn a_list_that_is_too_long_has_its_entries_mistakes_too() {
        let mut fields = Fields::of(r#"{"channels": ["ops", "news", 3]}"#).expect("an object");
        assert!(fields.list("channels", 1..=2, text::<Slug>).is_err());
        let mistakes = fields.finish().expect_err("mistakes");
        let places: Vec<&str> = mistakes.iter().map(|mistake| mistake.pointer.as_str()).collect();
        assert_eq!(places, ["/channels", "/channels/2"]);
    }

    #[test]
    fn a_field_that_stands_twice_is_a_mistake_at_any_depth() {
        for body in [r#"{"a": 1, "a": 1}"#, r#"{"a": {"b": [{"c": 1, "c": 2}]}}"#, r#"{"a": 1, "\u0061": 2}"#] {
            let mistakes = Fields::of(body).err().expect(body);
            assert!(mistakes[0].detail.starts_with("has a field twice"), "{body}: {mistakes:?}");
        }
        assert!(Fields::of(r#"{"a": {"b": 1}, "b": [1.5, -1, null, true, "x"]}"#).is_ok());
    }

    #[test]
    fn a_body_that_is_no_object_is_one_mistake() {
        for body in ["", "[]", "null", "3", "{", r#""x""#] {
            assert_eq!(Fields::of(body).err().expect(body).len(), 1);
        }
    }
}
