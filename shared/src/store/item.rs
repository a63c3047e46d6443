//! Items and their attributes.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::error::Error;
use crate::domain::account::Actor;
use crate::domain::time::Timestamp;

/// An item as DynamoDB has it.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn timestamp(value: Timestamp) -> AttributeValue {
    number(value.millis())
}

pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(super) fn actor(value: &Actor) -> AttributeValue {
    AttributeValue::M(HashMap::from([("id".to_owned(), text(&value.id)), ("name".to_owned(), text(&value.name))]))
}

/// An item's primary key.
pub(super) fn primary_key(partition: (&str, impl Into<String>), sort: (&str, impl Into<String>)) -> Item {
    HashMap::from([(partition.0.to_owned(), text(partition.1)), (sort.0.to_owned(), text(sort.1))])
}

/// Reads attributes of an item with their types checked. `table` names the item in errors.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) table: &'static str,
    pub(super) item: &'a Item,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'static str, item: &'a Item) -> Self {
        Self { table, item }
    }

    pub(super) fn text(self, name: &str) -> Result<String, Error> {
        self.optional_text(name)?.ok_or(Error::Malformed(self.table))
    }

    pub(super) fn optional_text(self, name: &str) -> Result<Option<String>, Error> {
        self.read(name, |value| value.as_s().ok().cloned())
    }

    pub(super) fn parsed<T: TryFrom<String>>(self, name: &str) -> Result<T, Error> {
        T::try_from(self.text(name)?).map_err(|_| Error::Malformed(self.table))
    }

    pub(super) fn number<T: std::str::FromStr>(self, name: &str) -> Result<T, Error> {
        self.optional_number(name)?.ok_or(Error::Malformed(self.table))
    }

    pub(super) fn optional_number<T: std::str::FromStr>(self, name: &str) -> Result<Option<T>, Error> {
        self.read(name, |value| value.as_n().ok()?.parse().ok())
    }

    pub(super) fn timestamp(self, name: &str) -> Result<Timestamp, Error> {
        self.number(name).map(Timestamp::from_millis)
    }

    pub(super) fn optional_timestamp(self, name: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.optional_number(name)?.map(Timestamp::from_millis))
    }

    pub(super) fn boolean(self, name: &str) -> Result<bool, Error> {
        self.read(name, |value| value.as_bool().ok().copied())?.ok_or(Error::Malformed(self.table))
    }

    pub(super) fn bytes(self, name: &str) -> Result<&'a [u8], Error> {
        self.item.get(name).and_then(|v| v.as_b().ok()).map(AsRef::as_ref).ok_or(Error::Malformed(self.table))
    }

    /// A map; absent is empty.
    pub(super) fn map(self, name: &str) -> Result<Item, Error> {
        Ok(self.read(name, |value| value.as_m().ok().cloned())?.unwrap_or_default())
    }

    /// A set of strings; absent is empty.
    pub(super) fn texts(self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.read(name, |value| value.as_ss().ok().cloned())?.unwrap_or_default())
    }

    pub(super) fn actor(self, name: &str) -> Result<Actor, Error> {
        let map = self.map(name)?;
        let inner = Reader::new(self.table, &map);
        Ok(Actor { id: inner.text("id")?, name: inner.text("name")? })
    }

    fn read<T>(self, name: &str, read: impl Fn(&AttributeValue) -> Option<T>) -> Result<Option<T>, Error> {
        match self.item.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or(Error::Malformed(self.table)),
        }
    }
}
