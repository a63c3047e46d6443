//! What a key may do. A key never manages keys.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One permission. The names are part of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Permission {
    /// Send pushes, and read what became of them.
    #[serde(rename = "PushNotifications/Send")]
    Send,
    /// Add and remove subscriptions. A key with only this one may stand in a web page.
    #[serde(rename = "Subscriptions/Write")]
    Subscribe,
}

impl Permission {
    /// The name that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "PushNotifications/Send",
            Self::Subscribe => "Subscriptions/Write",
        }
    }
}

impl TryFrom<String> for Permission {
    type Error = NotAPermission;

    fn try_from(text: String) -> Result<Self, NotAPermission> {
        [Self::Send, Self::Subscribe].into_iter().find(|p| p.name() == text).ok_or(NotAPermission)
    }
}

/// The text names no permission.
#[derive(Debug, thiserror::Error)]
#[error("is not a permission: PushNotifications/Send or Subscriptions/Write")]
pub struct NotAPermission;

/// What one key may do; at least one permission, by the way it is made.
pub type Permissions = BTreeSet<Permission>;
