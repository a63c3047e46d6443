//! The parameters of a query or a form (RFC 6749, section 3.1).

use std::collections::{HashMap, hash_map::Entry};

use url::form_urlencoded;

/// Parameters by name. One without a value counts as omitted.
pub(super) struct Parameters {
    /// `None` for a parameter that is repeated, so that it has no value.
    values: HashMap<String, Option<String>>,
}

impl Parameters {
    pub(super) fn parse(form: &[u8]) -> Self {
        let mut values = HashMap::new();
        for (name, value) in form_urlencoded::parse(form).into_owned() {
            match values.entry(name) {
                Entry::Vacant(entry) => drop(entry.insert(Some(value))),
                Entry::Occupied(mut entry) => drop(entry.insert(None)),
            }
        }
        Self { values }
    }

    /// The value of a parameter that is present exactly once.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_deref().filter(|value| !value.is_empty())
    }

    /// Whether a parameter is present more than once.
    pub(super) fn has_repeated(&self) -> bool {
        self.values.values().any(Option::is_none)
    }
}
