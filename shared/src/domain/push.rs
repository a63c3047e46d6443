//! The record of one accepted send: its notification, its audience and its results.

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::domain::audience::Audience;
use crate::domain::id::{KeyId, PushId};
use crate::domain::key::KeyName;
use crate::domain::notification::{Notification, Topic, Ttl, Urgency};
use crate::domain::time::Timestamp;

/// The number of days for which a push is kept.
pub const RETENTION_DAYS: i64 = 30;

/// The status of a push's delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushStatus {
    /// Accepted, and nothing sent yet.
    Queued,
    /// Delivery has started.
    Sending,
    /// Every recipient has a result.
    Done,
    /// Canceled: nothing more is sent.
    Canceled,
}

impl PushStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Sending, Self::Done, Self::Canceled];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Done => "done",
            Self::Canceled => "canceled",
        }
    }
}

/// The results of a push, in recipients.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct DeliveryCounts {
    /// All recipients.
    pub recipients: u64,
    /// Accepted by the push service.
    pub delivered: u64,
    /// The push service reported that the subscription no longer exists; it was deleted.
    pub gone: u64,
    /// Given up.
    pub failed: u64,
}

impl Add for DeliveryCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            recipients: self.recipients + other.recipients,
            delivered: self.delivered + other.delivered,
            gone: self.gone + other.gone,
            failed: self.failed + other.failed,
        }
    }
}

impl Sum for DeliveryCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// A push as it is stored.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its id.
    pub id: PushId,
    /// The key that sent it.
    pub key: KeyId,
    /// The name that this key had then; `None` if it was sent before names were recorded.
    pub key_name: Option<KeyName>,
    /// What it says.
    pub notification: Notification,
    /// Its recipients.
    pub audience: Audience,
    /// How long delivery is tried.
    pub ttl: Ttl,
    /// Its urgency.
    pub urgency: Urgency,
    /// Its topic: it replaces an undelivered push of the same topic.
    pub topic: Option<Topic>,
    /// The request that sent it, which the log refers to.
    pub request_id: String,
    /// The time of acceptance.
    pub created_at: Timestamp,
    /// The time at which the last recipient had a result, or from which nothing more was sent.
    pub finished_at: Option<Timestamp>,
    /// The status of its delivery.
    pub status: PushStatus,
    /// Its results.
    pub counts: DeliveryCounts,
}
