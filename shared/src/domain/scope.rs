//! The scope decision: which channels a key may reach. One pure function, called by the authorizer and by the handlers.

use crate::domain::channel::{Channels, Slugs, join_slugs};

/// A key's scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every recipient of the account.
    All,
    /// These channels alone. An empty scope reaches no recipient, never all of them.
    Channels(Channels),
}

impl Scope {
    /// The name in the API: `all` or `channels`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Channels(_) => "channels",
        }
    }

    /// The key's channels; none for `all`.
    pub fn channels(&self) -> &Channels {
        static NONE: Channels = Channels::new();
        match self {
            Self::All => &NONE,
            Self::Channels(channels) => channels,
        }
    }
}

/// The target that the scope allows for one send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AllowedTarget {
    /// Every recipient of the account.
    Everyone,
    /// The requested channels of a key with the scope `all`. Whether they exist is not known yet.
    Requested(Slugs),
    /// Channels of the key's scope, with their ids.
    Assigned {
        /// The channels.
        channels: Channels,
        /// Whether the request named them, instead of taking all.
        narrowed: bool,
    },
}

impl AllowedTarget {
    /// The name of the rule that decided, which a dry run shows.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Everyone => "all_recipients",
            Self::Requested(_) => "requested_channels",
            Self::Assigned { narrowed: false, .. } => "key_channels",
            Self::Assigned { narrowed: true, .. } => "requested_key_channels",
        }
    }
}

/// Why the scope denies a target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScopeError {
    /// The key is scoped to channels and has none.
    EmptyScope,
    /// A requested channel is not in the scope. The response does not reveal whether it exists.
    OutOfScope {
        /// The requested channels outside the scope.
        refused: Slugs,
        /// The key's channels.
        allowed: Slugs,
    },
}

impl ScopeError {
    /// The channels outside the scope, separated by spaces.
    pub fn refused(&self) -> String {
        match self {
            Self::EmptyScope => String::new(),
            Self::OutOfScope { refused, .. } => join_slugs(refused),
        }
    }

    /// The key's channels, separated by spaces.
    pub fn allowed(&self) -> String {
        match self {
            Self::EmptyScope => String::new(),
            Self::OutOfScope { allowed, .. } => join_slugs(allowed),
        }
    }
}

/// Decides which target a key of this scope may reach; `requested` is `None` if the request names no channels.
pub fn decide(scope: &Scope, requested: Option<&Slugs>) -> Result<AllowedTarget, ScopeError> {
    match (scope, requested) {
        (Scope::All, None) => Ok(AllowedTarget::Everyone),
        (Scope::All, Some(slugs)) => Ok(AllowedTarget::Requested(slugs.clone())),
        (Scope::Channels(own), _) if own.is_empty() => Err(ScopeError::EmptyScope),
        (Scope::Channels(own), None) => Ok(AllowedTarget::Assigned { channels: own.clone(), narrowed: false }),
        (Scope::Channels(own), Some(slugs)) => {
            let refused: Slugs = slugs.iter().filter(|slug| !own.contains_key(slug)).cloned().collect();
            if !refused.is_empty() {
                return Err(ScopeError::OutOfScope { refused, allowed: own.keys().cloned().collect() });
            }
            let channels = own.iter().filter(|(slug, _)| slugs.contains(slug));
            let channels = channels.map(|(slug, id)| (slug.clone(), id.clone())).collect();
            Ok(AllowedTarget::Assigned { channels, narrowed: true })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::{ChannelId, Slug};

    fn slugs(words: &[&str]) -> Slugs {
        words.iter().map(|word| Slug::try_from((*word).to_owned()).expect("a slug")).collect()
    }

    fn channels(words: &[&str]) -> Channels {
        slugs(words).into_iter().map(|slug| (slug.clone(), ChannelId::from_stored(format!("id-{slug}")))).collect()
    }

    #[test]
    fn the_scope_table() {
        let ops_news = Scope::Channels(channels(&["ops", "news"]));
        let assigned = |words, narrowed| Ok(AllowedTarget::Assigned { channels: channels(words), narrowed });
        let violation =
            |refused| Err(ScopeError::OutOfScope { refused: slugs(refused), allowed: slugs(&["news", "ops"]) });

        for (scope, requested, expected) in [
            (&Scope::All, None, Ok(AllowedTarget::Everyone)),
            (&Scope::All, Some(slugs(&["ops"])), Ok(AllowedTarget::Requested(slugs(&["ops"])))),
            (&ops_news, None, assigned(&["news", "ops"], false)),
            (&ops_news, Some(slugs(&["ops"])), assigned(&["ops"], true)),
            (&ops_news, Some(slugs(&["ops", "news"])), assigned(&["news", "ops"], true)),
            (&ops_news, Some(slugs(&["ops", "sales"])), violation(&["sales"])),
            (&ops_news, Some(slugs(&["op"])), violation(&["op"])),
            (&Scope::Channels(Channels::new()), None, Err(ScopeError::EmptyScope)),
            (&Scope::Channels(Channels::new()), Some(slugs(&["ops"])), Err(ScopeError::EmptyScope)),
        ] {
            assert_eq!(decide(scope, requested.as_ref()), expected, "{scope:?} asked for {requested:?}");
        }
    }

    #[test]
    fn a_decision_names_its_rule_and_its_channels() {
        let own = Scope::Channels(channels(&["news", "ops"]));
        let rule = |scope: &Scope, requested: Option<&Slugs>| decide(scope, requested).expect("a target").rule();
        let ops = slugs(&["ops"]);
        let rules = [rule(&Scope::All, None), rule(&Scope::All, Some(&ops)), rule(&own, None), rule(&own, Some(&ops))];
        assert_eq!(rules, ["all_recipients", "requested_channels", "key_channels", "requested_key_channels"]);

        let outside = decide(&own, Some(&slugs(&["a", "ops", "z"]))).expect_err("two channels outside");
        assert_eq!((outside.refused().as_str(), outside.allowed().as_str()), ("a z", "news ops"));
        assert_eq!(
            (ScopeError::EmptyScope.refused(), ScopeError::EmptyScope.allowed()),
            (String::new(), String::new())
        );
    }
}
