//! The authorizer's context: what it tells a handler about the key. Flat strings, because API Gateway passes nothing else.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::domain::account::Account;
use crate::domain::channel::Channels;
use crate::domain::id::KeyId;
use crate::domain::key::KeyName;
use crate::domain::limits::Quota;
use crate::domain::scope::Scope;

/// The version of the context's form. A handler rejects every other one, so a release that changes the form first needs one
/// whose handlers accept both.
const VERSION: &str = "1";

/// Why a context is not one of this request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidContext {
    /// A part is missing or malformed.
    #[error("the authorizer's context is missing or malformed")]
    Malformed,
    /// It is of another version.
    #[error("the authorizer's context is of another version")]
    Version,
    /// The authorizer made it for another request: API Gateway cached it, or mixed two requests.
    #[error("the authorizer's context is of another request")]
    Request,
}

/// The key of a request that the authorizer allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account that owns the key.
    pub account: Account,
    /// The key's id.
    pub key: KeyId,
    /// The key's name; `None` if an authorizer of an earlier release made the context.
    pub key_name: Option<KeyName>,
    /// The channels that it may reach.
    pub scope: Scope,
    /// Set if a rate limit is exhausted, in seconds until the key may be used again: the handler must answer 429 and do
    /// nothing else.
    pub retry_after: Option<i64>,
    /// The key's limits and what is left of them; empty without limits.
    pub quotas: Vec<Quota>,
}

impl Caller {
    /// The context of the authorizer's response to the request with this id.
    pub fn context(&self, request_id: &str) -> BTreeMap<&'static str, String> {
        let mut context = BTreeMap::from([
            ("version", VERSION.to_owned()),
            ("request_id", request_id.to_owned()),
            ("account", self.account.to_string()),
            ("key_id", self.key.to_string()),
            ("scope", self.scope.name().to_owned()),
            ("channels", serde_json::json!(self.scope.channels()).to_string()),
        ]);
        if let Some(name) = &self.key_name {
            context.insert("key_name", name.as_str().to_owned());
        }
        if let Some(seconds) = self.retry_after {
            context.insert("retry_after", seconds.to_string());
        }
        if !self.quotas.is_empty() {
            context.insert("quotas", serde_json::json!(self.quotas).to_string());
        }
        context
    }

    /// Parses the context of the request with this id. A context or a request without an id matches nothing.
    pub fn from_context(context: &HashMap<String, Value>, request_id: &str) -> Result<Self, InvalidContext> {
        let text = |name: &str| context.get(name).and_then(Value::as_str);
        if text("version").ok_or(InvalidContext::Malformed)? != VERSION {
            return Err(InvalidContext::Version);
        }
        if request_id.is_empty() || text("request_id") != Some(request_id) {
            return Err(InvalidContext::Request);
        }
        Self::from_parts(context).ok_or(InvalidContext::Malformed)
    }

    fn from_parts(context: &HashMap<String, Value>) -> Option<Self> {
        let text = |name: &str| context.get(name).and_then(Value::as_str);
        let channels: Channels = serde_json::from_str(text("channels")?).ok()?;
        let scope = match text("scope")? {
            "all" if channels.is_empty() => Scope::All,
            "channels" => Scope::Channels(channels),
            _ => return None,
        };
        let key_name = match context.get("key_name") {
            None => None,
            Some(_) => Some(KeyName::from_stored(text("key_name")?.to_owned())),
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
            key_name,
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
            key_name: Some(KeyName::from_stored("Sch\u{f6}n \u{1f514}".to_owned())),
            scope: Scope::Channels(Channels::from([(slug, ChannelId::generate())])),
            retry_after: Some(7),
            quotas: vec![Quota { period: Period::Minute, limit: 60, left: 0, resets_in: 7 }],
        };
        let context: HashMap<String, Value> =
            caller.context("r-1").into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();

        assert_eq!(Caller::from_context(&context, "r-1"), Ok(caller));
        for (part, missing, malformed) in [
            ("version", InvalidContext::Malformed, InvalidContext::Version),
            ("request_id", InvalidContext::Request, InvalidContext::Request),
            ("account", InvalidContext::Malformed, InvalidContext::Malformed),
            ("key_id", InvalidContext::Malformed, InvalidContext::Malformed),
            ("scope", InvalidContext::Malformed, InvalidContext::Malformed),
            ("channels", InvalidContext::Malformed, InvalidContext::Malformed),
        ] {
            let mut less = context.clone();
            less.remove(part);
            assert_eq!(Caller::from_context(&less, "r-1"), Err(missing), "without {part}");
            less.insert(part.to_owned(), Value::String("?".to_owned()));
            assert_eq!(Caller::from_context(&less, "r-1"), Err(malformed), "with a malformed {part}");
        }
    }

    #[test]
    fn a_context_is_valid_for_its_own_request_alone() {
        let caller = Caller {
            account: Account::try_from("acme".to_owned()).expect("an account"),
            key: KeyId::generate(Timestamp::from_millis(0)),
            key_name: None,
            scope: Scope::All,
            retry_after: None,
            quotas: Vec::new(),
        };
        for (made_for, used_in) in [("r-1", "r-2"), ("r-1", ""), ("", "r-1"), ("", ""), ("r-1", "R-1"), ("r-1", "r-1 ")]
        {
            let context = caller.context(made_for).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
            let parsed = Caller::from_context(&context.collect(), used_in);
            assert_eq!(parsed, Err(InvalidContext::Request), "{made_for:?} in {used_in:?}");
        }
    }
}
