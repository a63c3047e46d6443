//! What the authorizer tells a handler about the key: flat strings, because API Gateway passes nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::account::Account;
use crate::domain::channel::Channels;
use crate::domain::key::{KeyId, Quota};
use crate::domain::scope::Scope;

/// A request's key, as the authorizer judged it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Whose key it is.
    pub account: Account,
    /// The key.
    pub key: KeyId,
    /// Whom it may reach.
    pub scope: Scope,
    /// Set if the key was used as often as it may be: seconds until it may be used again. Nothing may be done for it.
    pub retry_after: Option<i64>,
    /// The key's limits and what is left of them; none if it has none.
    pub quotas: Vec<Quota>,
}

impl Caller {
    /// The context as the authorizer answers it.
    pub fn context(&self) -> BTreeMap<&'static str, String> {
        let mut context = BTreeMap::from([
            ("account", self.account.to_string()),
            ("key_id", self.key.to_string()),
            ("scope", self.scope.name().to_owned()),
            ("channels", serde_json::json!(self.scope.channels()).to_string()),
        ]);
        if let Some(seconds) = self.retry_after {
            context.insert("retry_after", seconds.to_string());
        }
        if !self.quotas.is_empty() {
            context.insert("quotas", serde_json::json!(self.quotas).to_string());
        }
        context
    }

    /// The caller that a context names, or `None` if a part is missing or malformed.
    pub fn from_context(context: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| context.get(name).and_then(Value::as_str);
        let channels: Channels = serde_json::from_str(text("channels")?).ok()?;
        let scope = match text("scope")? {
            "all" if channels.is_empty() => Scope::All,
            "channels" => Scope::Channels(channels),
            _ => return None,
        };
        let retry_after = match context.get("retry_after") {
            None => None,
            Some(_) => Some(text("retry_after")?.parse().ok()?),
        };

        let quotas = match context.get("quotas") {
            None => Vec::new(),
            Some(_) => serde_json::from_str(text("quotas")?).ok()?,
        };

        Some(Self {
            account: Account::try_from(text("account")?.to_owned()).ok()?,
            key: KeyId::try_from(text("key_id")?.to_owned()).ok()?,
            scope,
            retry_after,
            quotas,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::{ChannelId, Slug};
    use crate::domain::key::Period;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_context_reads_back_and_without_any_part_it_is_nobody() {
        let slug = Slug::try_from("ops".to_owned()).expect("a slug");
        let caller = Caller {
            account: Account::try_from("acme".to_owned()).expect("an account"),
            key: KeyId::generate(Timestamp::from_millis(0)),
            scope: Scope::Channels(Channels::from([(slug, ChannelId::generate())])),
            retry_after: Some(7),
            quotas: vec![Quota { period: Period::Minute, limit: 60, left: 0, resets_in: 7 }],
        };
        let context: Map<String, Value> =
            caller.context().into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();

        assert_eq!(Caller::from_context(&context), Some(caller));
        for part in ["account", "key_id", "scope", "channels"] {
            let mut less = context.clone();
            less.remove(part);
            assert_eq!(Caller::from_context(&less), None, "without {part}");
            less.insert(part.to_owned(), Value::String("?".to_owned()));
            assert_eq!(Caller::from_context(&less), None, "with a malformed {part}");
        }
    }
}
