//! Channels: made, looked up, listed and deleted.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};

use super::item::{Item, Reader, author, key, moment, number, text};
use super::transaction::Transacted;
use super::{Error, Store, built, failed, page_limit, patiently};
use crate::domain::account::Account;
use crate::domain::channel::{Channel, ChannelId, Channels, Slug, Slugs};

const KIND: &str = "channels";

/// How the making of a channel ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// It is there.
    Done,
    /// There is one of this slug.
    Exists,
}

/// How the deletion of a channel ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    /// It is gone.
    Done,
    /// There is none of this slug.
    Absent,
    /// Keys name it.
    InUse,
}

impl Store {
    /// Keeps a new channel, if there is none of its slug.
    pub async fn add_channel(&self, account: &Account, channel: &Channel) -> Result<Added, Error> {
        let put = Put::builder()
            .table_name(&self.tables.channels)
            .item("account", text(account.as_str()))
            .item("slug", text(channel.slug.as_str()))
            .item("id", text(channel.id.as_str()))
            .item("created_at", moment(channel.created_at))
            .item("created_by", author(&channel.created_by))
            .item("subscriptions", number(channel.subscriptions))
            .item("keys", number(0))
            .condition_expression("attribute_not_exists(slug)")
            .build()
            .map_err(built)?;
        match self.transact(vec![TransactWriteItem::builder().put(put).build()]).await {
            Ok(Transacted::Done) => Ok(Added::Done),
            Ok(Transacted::Refused(_)) => Ok(Added::Exists),
            // Never answered: the channel itself tells.
            Err(error @ Error::Unavailable(_)) => {
                let kept = self.existing(account, &Slugs::from([channel.slug.clone()])).await?;
                if kept.get(&channel.slug) == Some(&channel.id) { Ok(Added::Done) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// The account's channels by slug, so many at most, those after `after`; and whether more follow.
    pub async fn channels(
        &self,
        account: &Account,
        after: Option<&Slug>,
        most: usize,
    ) -> Result<(Vec<Channel>, bool), Error> {
        let condition = if after.is_some() { "account = :account AND slug > :slug" } else { "account = :account" };
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.channels)
            .key_condition_expression(condition)
            .expression_attribute_values(":account", text(account.as_str()))
            .consistent_read(true)
            .limit(page_limit(most));
        if let Some(slug) = after {
            query = query.expression_attribute_values(":slug", text(slug.as_str()));
        }
        let found = query.send().await.map_err(failed)?;
        let mut channels = found.items().iter().map(from_item).collect::<Result<Vec<_>, _>>()?;
        let more = channels.len() > most || found.last_evaluated_key.is_some();
        channels.truncate(most);

        Ok((channels, more))
    }

    /// These channels with their ids, or those among them that do not exist.
    pub async fn resolve(&self, account: &Account, slugs: &Slugs) -> Result<Result<Channels, Slugs>, Error> {
        let found = self.existing(account, slugs).await?;
        let unknown: Slugs = slugs.iter().filter(|slug| !found.contains_key(slug)).cloned().collect();

        Ok(if unknown.is_empty() { Ok(found) } else { Err(unknown) })
    }

    /// Those of these channels that exist, with their ids.
    pub(super) async fn existing(&self, account: &Account, slugs: &Slugs) -> Result<Channels, Error> {
        let wanted = slugs.iter().map(|slug| key(("account", account.as_str()), ("slug", slug.as_str()))).collect();
        let items = self.batch_get(&self.tables.channels, wanted).await?;
        items.iter().map(|item| from_item(item).map(|channel| (channel.slug, channel.id))).collect()
    }

    /// Deletes a channel that no key names. Its memberships hang on its id, which nothing names any more.
    pub async fn delete_channel(&self, account: &Account, slug: &Slug) -> Result<Removed, Error> {
        loop {
            let delete = Delete::builder()
                .table_name(&self.tables.channels)
                .key("account", text(account.as_str()))
                .key("slug", text(slug.as_str()))
                .condition_expression("attribute_exists(slug) AND #keys = :zero")
                .expression_attribute_names("#keys", "keys")
                .expression_attribute_values(":zero", number(0))
                .build()
                .map_err(built)?;
            let unanswered = match self.transact(vec![TransactWriteItem::builder().delete(delete).build()]).await {
                Ok(Transacted::Done) => return Ok(Removed::Done),
                Ok(Transacted::Refused(_)) => None,
                Err(error @ Error::Unavailable(_)) => Some(error),
                Err(error) => return Err(error),
            };
            let named = key(("account", account.as_str()), ("slug", slug.as_str()));
            let item = match (self.get(&self.tables.channels, named).await?, unanswered) {
                (Some(_), Some(error)) => return Err(error),
                // Never answered, and it is gone.
                (None, Some(_)) => return Ok(Removed::Done),
                (None, None) => return Ok(Removed::Absent),
                (Some(item), None) => item,
            };
            // At 0 the last key has left since: then it can be deleted after all.
            let keys: u64 = Reader::new(KIND, &item).number("keys")?;
            if keys > 0 {
                return Ok(Removed::InUse);
            }
        }
    }

    /// Counts subscriptions that came to a channel or left it. The count is for people to look at; a channel that is no
    /// more, or a lost answer, leaves it as it is.
    pub(super) async fn count_subscriptions(&self, account: &Account, slug: &Slug, id: &ChannelId, by: i64) {
        let count = self
            .client
            .update_item()
            .table_name(&self.tables.channels)
            .key("account", text(account.as_str()))
            .key("slug", text(slug.as_str()))
            .condition_expression("attribute_exists(slug) AND id = :id")
            .update_expression("ADD subscriptions :by")
            .expression_attribute_values(":id", text(id.as_str()))
            .expression_attribute_values(":by", number(by));
        if let Err(error) = patiently(|| count.clone().send()).await.map_err(failed) {
            tracing::debug!(account = account.as_str(), slug = slug.as_str(), cause = %error, "subscriptions not counted");
        }
    }
}

/// The part of a transaction by which a channel counts a key more or less, if it still is this channel, and counted it.
pub(super) fn count_key(
    table: &str,
    account: &Account,
    slug: &Slug,
    id: &ChannelId,
    by: i64,
) -> Result<TransactWriteItem, Error> {
    let update = Update::builder()
        .table_name(table)
        .key("account", text(account.as_str()))
        .key("slug", text(slug.as_str()))
        .condition_expression("attribute_exists(slug) AND id = :id AND #keys >= :least")
        .expression_attribute_values(":least", number((-by).max(0)))
        .update_expression("ADD #keys :by")
        .expression_attribute_names("#keys", "keys")
        .expression_attribute_values(":id", text(id.as_str()))
        .expression_attribute_values(":by", number(by))
        .build()
        .map_err(built)?;

    Ok(TransactWriteItem::builder().update(update).build())
}

fn from_item(item: &Item) -> Result<Channel, Error> {
    let reader = Reader::new(KIND, item);
    // Counted apart, so it can be off, below zero too.
    let subscriptions: i64 = reader.number("subscriptions")?;

    Ok(Channel {
        slug: reader.parsed("slug")?,
        id: ChannelId::stored(reader.text("id")?),
        created_at: reader.moment("created_at")?,
        created_by: reader.author("created_by")?,
        subscriptions: u64::try_from(subscriptions).unwrap_or(0),
    })
}
