//! Rate limits of a key, and the usage that counts toward them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The number of days for which a key shows its usage.
pub const DAYS_OF_USAGE: i64 = 30;

/// The maximum number of requests of a key; `None` is unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Limits {
    /// Per minute of the clock.
    pub per_minute: Option<u32>,
    /// Per UTC day.
    pub per_day: Option<u32>,
}

/// One of a key's limits, and how much of it is left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quota {
    /// The period that the limit is for.
    pub period: Period,
    /// The maximum number of requests in the period.
    pub limit: u32,
    /// The requests left in the current period.
    pub left: u32,
    /// Seconds until the next period begins, at least 1.
    pub resets_in: i64,
}

/// The period that a limit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// A UTC day.
    Day,
}

impl Period {
    /// The name in the `RateLimit` headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }

    /// The length in seconds.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Minute => 60,
            Self::Day => 86_400,
        }
    }
}

/// The number of allowed requests of a key.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Since the key was created.
    pub total: u64,
    /// By the number of the UTC day.
    pub days: BTreeMap<i64, u64>,
    /// By the number of the minute; only recent minutes are kept.
    pub minutes: BTreeMap<i64, u64>,
}
