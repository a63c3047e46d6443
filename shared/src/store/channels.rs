//! Channels: created, looked up, listed and deleted.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::counts::{self, Counted};
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, actor, number, primary_key, text, timestamp};
use super::page::{Order, Page, PageQuery};
use super::tables::Store;
use super::transaction::TransactionOutcome;
use crate::domain::account::Account;
use crate::domain::channel::{Channel, ChannelId, Channels, Slug, Slugs};

const TABLE: &str = "channels";

/// The outcome of the creation of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateOutcome {
    /// Created.
    Created,
    /// A channel with this slug exists.
    Exists,
    /// The account already has the maximum number of channels.
    LimitReached {
        /// The maximum.
        max: u64,
    },
}

/// The outcome of the deletion of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeleteOutcome {
    /// Deleted.
    Deleted,
    /// No channel has this slug.
    Absent,
    /// A key has the channel in its scope.
    InUse,
}

impl Store {
    /// Adds a channel, if no channel has its slug and the account has less than the maximum.
    pub async fn add_channel(&self, account: &Account, channel: &Channel) -> Result<CreateOutcome, Error> {
        let put = Expression::when("attribute_not_exists(slug)");
        let put = put.transact_put(&self.tables.channels, to_item(account, channel))?;
        match self.transact(vec![put, self.max_counts.add(&self.tables.channels, account, Counted::Channels)?]).await {
            Ok(TransactionOutcome::Committed) => Ok(CreateOutcome::Created),
            Ok(TransactionOutcome::ConditionFailed(0)) => Ok(CreateOutcome::Exists),
            Ok(TransactionOutcome::ConditionFailed(_)) => {
                Ok(CreateOutcome::LimitReached { max: self.max_counts.channels })
            }
            // No response: the channel itself tells.
            Err(error @ Error::Unavailable(_)) => {
                let existing = self.existing(account, &Slugs::from([channel.slug.clone()])).await?;
                if existing.get(&channel.slug) == Some(&channel.id) { Ok(CreateOutcome::Created) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// A page of the account's channels by slug, those after `after`.
    pub async fn channels(
        &self,
        account: &Account,
        after: Option<&Slug>,
        limit: usize,
    ) -> Result<Page<Channel>, Error> {
        let page = PageQuery {
            partition: ("account", account.as_str()),
            sort: ("slug", after.map(Slug::as_str)),
            order: Order::Ascending,
            limit,
        };
        page.send(self.client.query().table_name(&self.tables.channels), from_item, |_| true).await
    }

    /// These channels with their ids, or the slugs that do not exist.
    pub async fn resolve(&self, account: &Account, slugs: &Slugs) -> Result<Result<Channels, Slugs>, Error> {
        let existing = self.existing(account, slugs).await?;
        let unknown: Slugs = slugs.iter().filter(|slug| !existing.contains_key(slug)).cloned().collect();

        Ok(if unknown.is_empty() { Ok(existing) } else { Err(unknown) })
    }

    /// The existing ones of these channels, with their ids.
    pub(super) async fn existing(&self, account: &Account, slugs: &Slugs) -> Result<Channels, Error> {
        let keys = slugs.iter().map(|slug| item_key(account, slug)).collect();
        let items = self.batch_get(&self.tables.channels, keys).await?;
        items.iter().map(|item| from_item(item).map(|channel| (channel.slug, channel.id))).collect()
    }

    /// Deletes a channel that no key has in its scope. Its memberships refer to its id, which nothing refers to any longer.
    pub async fn delete_channel(&self, account: &Account, slug: &Slug) -> Result<DeleteOutcome, Error> {
        loop {
            let delete = Expression::when("attribute_exists(slug)")
                .and("#keys = :zero")
                .name("#keys", "keys")
                .value(":zero", number(0))
                .transact_delete(&self.tables.channels, item_key(account, slug))?;
            let no_response = match self
                .transact(vec![delete, counts::subtract(&self.tables.channels, account, Counted::Channels)?])
                .await
            {
                Ok(TransactionOutcome::Committed) => return Ok(DeleteOutcome::Deleted),
                Ok(TransactionOutcome::ConditionFailed(_)) => None,
                Err(error @ Error::Unavailable(_)) => Some(error),
                Err(error) => return Err(error),
            };
            let item = match (self.get(&self.tables.channels, item_key(account, slug)).await?, no_response) {
                (Some(_), Some(error)) => return Err(error),
                (None, Some(_)) => return Ok(DeleteOutcome::Deleted),
                (None, None) => return Ok(DeleteOutcome::Absent),
                (Some(item), None) => item,
            };
            // With a count of 0, the last key has left since the delete failed: try again.
            let keys: u64 = Reader::new(TABLE, &item).number("keys")?;
            if keys > 0 {
                return Ok(DeleteOutcome::InUse);
            }
        }
    }
}

/// The update of a transaction that adjusts a channel's key count, if the slug still has this id.
pub(super) fn adjust_key_count(
    table: &str,
    account: &Account,
    slug: &Slug,
    id: &ChannelId,
    by: i64,
) -> Result<TransactWriteItem, Error> {
    Expression::when("attribute_exists(slug)")
        .and("id = :id")
        .value(":id", text(id.as_str()))
        .and("#keys >= :least")
        .name("#keys", "keys")
        .value(":least", number((-by).max(0)))
        .add("#keys :by")
        .value(":by", number(by))
        .transact_update(table, item_key(account, slug))
}

pub(super) fn item_key(account: &Account, slug: &Slug) -> Item {
    primary_key(("account", account.as_str()), ("slug", slug.as_str()))
}

fn to_item(account: &Account, channel: &Channel) -> Item {
    HashMap::from([
        ("account".to_owned(), text(account.as_str())),
        ("slug".to_owned(), text(channel.slug.as_str())),
        ("id".to_owned(), text(channel.id.as_str())),
        ("created_at".to_owned(), timestamp(channel.created_at)),
        ("created_by".to_owned(), actor(&channel.created_by)),
        ("subscriptions".to_owned(), number(channel.subscriptions)),
        ("keys".to_owned(), number(channel.keys)),
    ])
}

pub(super) fn from_item(item: &Item) -> Result<Channel, Error> {
    let reader = Reader::new(TABLE, item);
    // Approximate, so it may be below zero.
    let subscriptions: i64 = reader.number("subscriptions")?;

    Ok(Channel {
        slug: reader.parsed("slug")?,
        id: ChannelId::from_stored(reader.text("id")?),
        created_at: reader.timestamp("created_at")?,
        created_by: reader.actor("created_by")?,
        keys: reader.number("keys")?,
        subscriptions: u64::try_from(subscriptions).unwrap_or(0),
    })
}
