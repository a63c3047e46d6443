//! The permissions of a key. A key never manages keys.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

/// One permission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Permission {
    /// Send pushes, and read their results.
    SendPush,
    /// Create and delete subscriptions. A key with only this permission is publishable: it may be part of a web page.
    WriteSubscriptions,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 2] = [Self::SendPush, Self::WriteSubscriptions];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendPush => "PushNotifications/Send",
            Self::WriteSubscriptions => "Subscriptions/Write",
        }
    }

    /// The name in a key's item, which is short because every write of the item is charged by its size.
    pub const fn stored_name(self) -> &'static str {
        match self {
            Self::SendPush => "send",
            Self::WriteSubscriptions => "subscribe",
        }
    }

    /// Parses a stored name.
    pub fn from_stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.stored_name() == name)
    }
}

impl TryFrom<String> for Permission {
    type Error = InvalidPermission;

    fn try_from(text: String) -> Result<Self, InvalidPermission> {
        Self::ALL.into_iter().find(|permission| permission.name() == text).ok_or(InvalidPermission)
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The text is not a permission.
#[derive(Debug, thiserror::Error)]
#[error("is not a permission: {}", Permission::ALL.map(Permission::name).join(" or "))]
pub struct InvalidPermission;

/// The permissions of one key; at least one, because `POST /keys` and `PATCH /keys/{id}` require one.
pub type Permissions = BTreeSet<Permission>;
