//! The authorizer's context: what it tells a handler about the key. Flat strings, because API Gateway passes nothing else.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::domain::account::Account;
use crate::domain::channel::Channels;
use crate::domain::id::KeyId;
use crate::domain::limits::Quota;
use crate::domain::scope::Scope;

/// The key of a request that the authorizer allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account that owns the key.
    pub account: Account,
    /// The key's id.
    pub key: KeyId,
    /// The channels that it may reach.
    pub scope: Scope,
    /// Set if a rate limit is exhausted, in seconds until the key may be used again: the handler must answer 429 and do
    /// nothing else.
    pub retry_after: Option<i64>,
    /// The key's limits and what is left of them; empty without limits.
    pub quotas: Vec<Quota>,
}

impl Caller {
    /// The context of the authorizer's response.
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

    /// Parses a context; `None` if a part is missing or malformed.
    pub fn from_context(context: &HashMap<String, Value>) -> Option<Self> {
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
    use crate::domain::limits::Period;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_context_round_trips_and_is_rejected_without_any_of_its_parts() {
        let slug = Slug::try_from("ops".to_owned()).expect("a slug");
        let caller = Caller {
            account: Account::try_from("acme".to_owned()).expect("an account"),
            key: KeyId::generate(Timestamp::from_millis(0)),
            scope: Scope::Channels(Channels::from([(slug, ChannelId::generate())])),
            retry_after: Some(7),
            quotas: vec![Quota { period: Period::Minute, limit: 60, left: 0, resets_in: 7 }],
        };
        let context: HashMap<String, Value> =
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
