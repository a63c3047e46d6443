//! The recipients of a push.

use crate::domain::channel::{ChannelId, Channels};

/// The recipients of a push.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Every subscription of the account.
    All,
    /// The subscriptions of these channels, each once.
    Channels(Channels),
}

impl Audience {
    /// Whether a subscription that is in these channels belongs to the audience.
    pub fn contains<'a>(&self, mut channels: impl Iterator<Item = &'a ChannelId>) -> bool {
        match self {
            Self::All => true,
            Self::Channels(own) => channels.any(|id| own.values().any(|own| own == id)),
        }
    }
}
