//! The numbers of keys, channels and subscriptions of an account. An item per account and kind counts them.
//!
//! Those of keys and channels are limited, so that no script fills a table or a list: they are exact, since each is counted in
//! the transaction that adds or deletes it. The number of subscriptions is approximate.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, number, primary_key};
use crate::config::Config;
use crate::domain::account::Account;

/// The maximum number of either, unless the environment has `MAX_KEYS` and `MAX_CHANNELS`.
const MAX: u64 = 1_000;

/// The maximum numbers of this deployment.
pub(super) struct MaxCounts {
    pub(super) keys: u64,
    pub(super) channels: u64,
}

/// What is counted for an account.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    Keys,
    Channels,
    Subscriptions,
}

impl MaxCounts {
    /// The maximum numbers that the environment has.
    pub(super) fn from_config(config: &Config) -> Self {
        let max = |name| config.optional(name).and_then(|max| max.parse().ok()).unwrap_or(MAX);
        Self { keys: max("MAX_KEYS"), channels: max("MAX_CHANNELS") }
    }

    /// The update of a transaction that counts one more, if the account has less than the maximum.
    pub(super) fn add(&self, table: &str, account: &Account, counted: Counted) -> Result<TransactWriteItem, Error> {
        let max = match counted {
            Counted::Keys => self.keys,
            Counted::Channels => self.channels,
            Counted::Subscriptions => u64::MAX,
        };
        Expression::when("attribute_not_exists(#n) OR #n < :max")
            .value(":max", number(max))
            .name("#n", "n")
            .add("#n :one")
            .value(":one", number(1))
            .transact_update(table, item_key(account, counted))
    }
}

/// The update of a transaction that counts one less. It has no condition: an account whose count is wrong, as after a
/// restore of one table, must be able to revoke its keys.
pub(super) fn subtract(table: &str, account: &Account, counted: Counted) -> Result<TransactWriteItem, Error> {
    Expression::default()
        .name("#n", "n")
        .add("#n :less")
        .value(":less", number(-1))
        .transact_update(table, item_key(account, counted))
}

/// The counts of an account are not in the partition of its channels, which is listed.
pub(super) fn item_key(account: &Account, counted: Counted) -> Item {
    let name = match counted {
        Counted::Keys => "keys",
        Counted::Channels => "channels",
        Counted::Subscriptions => "subscriptions",
    };
    primary_key(("account", &format!("{account}#count")), ("slug", name))
}
