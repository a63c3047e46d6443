//! Which channels a key reaches: one pure function, the same in the authorizer and in the handler.

use crate::domain::channel::{Channels, Slugs, in_words};

/// A key's scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every recipient of the account.
    All,
    /// These channels and no others. Empty reaches nobody, and never everyone.
    Channels(Channels),
}

impl Scope {
    /// `all` or `channels`, as the API says it.
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

/// What a key may reach with one send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Every recipient of the account.
    Everyone,
    /// Channels that an `all` key asked for. Whether they exist is not decided yet.
    Requested(Slugs),
    /// Channels of the key's own, with their ids. `narrowed` says that the request chose among them.
    Assigned {
        /// The channels.
        channels: Channels,
        /// Whether the request named them.
        narrowed: bool,
    },
}

impl Reach {
    /// The rule that decided, in one word for a dry run.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Everyone => "all_recipients",
            Self::Requested(_) => "requested_channels",
            Self::Assigned { narrowed: false, .. } => "key_channels",
            Self::Assigned { narrowed: true, .. } => "requested_key_channels",
        }
    }
}

/// Why a key may not reach what was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The key is scoped to channels and has none: it reaches nobody.
    EmptyScope,
    /// Channels were asked for that are not the key's. Whether they exist is not said.
    Violation {
        /// The channels outside the scope.
        refused: Slugs,
        /// The key's channels.
        allowed: Slugs,
    },
}

impl Refusal {
    /// The channels outside the scope, separated by spaces.
    pub fn refused(&self) -> String {
        match self {
            Self::EmptyScope => String::new(),
            Self::Violation { refused, .. } => in_words(refused),
        }
    }

    /// The key's channels, separated by spaces.
    pub fn allowed(&self) -> String {
        match self {
            Self::EmptyScope => String::new(),
            Self::Violation { allowed, .. } => in_words(allowed),
        }
    }
}

/// Decides what a key of this scope reaches when these channels are asked for (`None`: none were named).
pub fn decide(scope: &Scope, requested: Option<&Slugs>) -> Result<Reach, Refusal> {
    match (scope, requested) {
        (Scope::All, None) => Ok(Reach::Everyone),
        (Scope::All, Some(slugs)) => Ok(Reach::Requested(slugs.clone())),
        (Scope::Channels(own), _) if own.is_empty() => Err(Refusal::EmptyScope),
        (Scope::Channels(own), None) => Ok(Reach::Assigned { channels: own.clone(), narrowed: false }),
        (Scope::Channels(own), Some(slugs)) => {
            let refused: Slugs = slugs.iter().filter(|slug| !own.contains_key(slug)).cloned().collect();
            if !refused.is_empty() {
                return Err(Refusal::Violation { refused, allowed: own.keys().cloned().collect() });
            }
            let channels = own.iter().filter(|(slug, _)| slugs.contains(slug));
            let channels = channels.map(|(slug, id)| (slug.clone(), id.clone())).collect();
            Ok(Reach::Assigned { channels, narrowed: true })
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
        slugs(words).into_iter().map(|slug| (slug.clone(), ChannelId::stored(format!("id-{slug}")))).collect()
    }

    #[test]
    fn the_scope_table() {
        let ops_news = Scope::Channels(channels(&["ops", "news"]));
        let assigned = |words, narrowed| Ok(Reach::Assigned { channels: channels(words), narrowed });
        let violation = |refused| Err(Refusal::Violation { refused: slugs(refused), allowed: slugs(&["news", "ops"]) });

        for (scope, requested, expected) in [
            (&Scope::All, None, Ok(Reach::Everyone)),
            (&Scope::All, Some(slugs(&["ops"])), Ok(Reach::Requested(slugs(&["ops"])))),
            (&ops_news, None, assigned(&["news", "ops"], false)),
            (&ops_news, Some(slugs(&["ops"])), assigned(&["ops"], true)),
            (&ops_news, Some(slugs(&["ops", "news"])), assigned(&["news", "ops"], true)),
            (&ops_news, Some(slugs(&["ops", "sales"])), violation(&["sales"])),
            (&ops_news, Some(slugs(&["op"])), violation(&["op"])),
            (&Scope::Channels(Channels::new()), None, Err(Refusal::EmptyScope)),
            (&Scope::Channels(Channels::new()), Some(slugs(&["ops"])), Err(Refusal::EmptyScope)),
        ] {
            assert_eq!(decide(scope, requested.as_ref()), expected, "{scope:?} asked for {requested:?}");
        }
    }
}
