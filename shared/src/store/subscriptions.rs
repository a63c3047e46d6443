//! Subscriptions and their memberships. A membership is an item of its own: `account#channel id`, subscription id.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, primary_key, text, timestamp};
use super::tables::Store;
use super::transaction::TransactionOutcome;
use crate::domain::account::Account;
use crate::domain::channel::{ChannelId, Channels, Slug};
use crate::domain::random;
use crate::domain::subscription::{Subscription, SubscriptionId, Target, WebPush};

const TABLE: &str = "subscriptions";

/// The stored kind of a Web Push target.
const WEB_PUSH: &str = "web_push";

/// The channels of a subscription: ids, each with the slug that it had when the subscription was added.
pub type Memberships = BTreeMap<ChannelId, Slug>;

/// A subscription as it was read, with the revision that a later write is conditional on.
#[derive(Clone, Debug)]
pub struct StoredSubscription {
    /// The subscription.
    pub subscription: Subscription,
    /// Its channels.
    pub memberships: Memberships,
    revision: String,
}

impl Store {
    /// The subscription of this id.
    pub async fn subscription(
        &self,
        account: &Account,
        id: &SubscriptionId,
    ) -> Result<Option<StoredSubscription>, Error> {
        let got = self.get(&self.tables.subscriptions, item_key(account, id)).await?;
        got.as_ref().map(from_item).transpose()
    }

    /// The existing ones of these subscriptions. One of an unknown kind, which a newer version wrote, is left out: it must
    /// not keep the others from their push.
    pub async fn subscriptions(
        &self,
        account: &Account,
        ids: &[SubscriptionId],
    ) -> Result<Vec<StoredSubscription>, Error> {
        let keys = ids.iter().map(|id| item_key(account, id)).collect();
        let items = self.batch_get(&self.tables.subscriptions, keys).await?;
        items.iter().filter(|item| has_known_kind(item)).map(from_item).collect()
    }

    /// Writes a subscription with these memberships. `false` if it was changed since it was read.
    pub async fn put_subscription(
        &self,
        account: &Account,
        before: Option<&StoredSubscription>,
        subscription: &Subscription,
        memberships: &Memberships,
    ) -> Result<bool, Error> {
        let put = match before {
            None => Expression::when("attribute_not_exists(pk)"),
            Some(stored) => Expression::when("attribute_exists(pk)")
                .and("revision = :before")
                .value(":before", text(&stored.revision)),
        };
        let put = put.transact_put(&self.tables.subscriptions, to_item(account, subscription, memberships))?;
        self.write(account, &subscription.id, put, before, memberships).await
    }

    /// Deletes a subscription with all its memberships. `false` if it was changed since it was read, and so still exists.
    pub async fn delete_subscription(&self, account: &Account, stored: &StoredSubscription) -> Result<bool, Error> {
        let id = &stored.subscription.id;
        let delete = Expression::when("revision = :before").value(":before", text(&stored.revision));
        let delete = delete.transact_delete(&self.tables.subscriptions, item_key(account, id))?;
        self.write(account, id, delete, Some(stored), &Memberships::new()).await
    }

    /// The memberships outside `own`, without those of deleted channels.
    pub async fn memberships_outside(
        &self,
        account: &Account,
        stored: &StoredSubscription,
        own: &Channels,
    ) -> Result<Memberships, Error> {
        let mut outside = stored.memberships.clone();
        outside.retain(|id, _| !own.values().any(|own| own == id));
        let existing = self.existing(account, &outside.values().cloned().collect()).await?;
        outside.retain(|id, slug| existing.get(slug) == Some(id));

        Ok(outside)
    }

    /// Writes the change of a subscription's record and of its memberships together, then adjusts the channels' counts.
    async fn write(
        &self,
        account: &Account,
        id: &SubscriptionId,
        record: TransactWriteItem,
        before: Option<&StoredSubscription>,
        after: &Memberships,
    ) -> Result<bool, Error> {
        let none = Memberships::new();
        let before = before.map_or(&none, |stored| &stored.memberships);
        let added: Vec<_> = after.iter().filter(|(channel, _)| !before.contains_key(channel)).collect();
        let removed: Vec<_> = before.iter().filter(|(channel, _)| !after.contains_key(channel)).collect();
        let mut items = vec![record];
        for (channel, _) in &added {
            let membership = membership_key(account, channel, id);
            items.push(Expression::default().transact_put(&self.tables.subscriptions, membership)?);
        }
        for (channel, _) in &removed {
            let membership = membership_key(account, channel, id);
            items.push(Expression::default().transact_delete(&self.tables.subscriptions, membership)?);
        }

        let written = self.transact(items).await? == TransactionOutcome::Committed;
        if written {
            for (channels, by) in [(added, 1), (removed, -1)] {
                for (channel, slug) in channels {
                    self.adjust_subscription_count(account, slug, channel, by).await;
                }
            }
        }
        Ok(written)
    }
}

/// The partition of a channel's memberships.
pub(super) fn membership_partition(account: &Account, channel: &ChannelId) -> String {
    format!("{account}#{}", channel.as_str())
}

fn membership_key(account: &Account, channel: &ChannelId, id: &SubscriptionId) -> Item {
    primary_key(("pk", membership_partition(account, channel)), ("sk", id.as_str()))
}

fn item_key(account: &Account, id: &SubscriptionId) -> Item {
    primary_key(("pk", account.as_str()), ("sk", id.as_str()))
}

fn to_item(account: &Account, subscription: &Subscription, memberships: &Memberships) -> Item {
    let channels = memberships.iter().map(|(id, slug)| (id.as_str().to_owned(), text(slug.as_str()))).collect();
    let target = match &subscription.target {
        Target::WebPush(WebPush { endpoint, p256dh, auth, vapid_key }) => [
            ("kind", text(WEB_PUSH)),
            ("endpoint", text(endpoint)),
            ("p256dh", text(p256dh.clone())),
            ("auth", text(auth.clone())),
            ("vapid", text(vapid_key)),
        ],
    };
    let record = [
        ("pk", text(account.as_str())),
        ("sk", text(subscription.id.as_str())),
        ("created_at", timestamp(subscription.created_at)),
        ("updated_at", timestamp(subscription.updated_at)),
        ("channels", AttributeValue::M(channels)),
        ("revision", text(random::base62(8))),
    ];
    record.into_iter().chain(target).map(|(name, value)| (name.to_owned(), value)).collect::<HashMap<_, _>>()
}

fn has_known_kind(item: &Item) -> bool {
    let known = item.get("kind").is_none_or(|kind| kind.as_s().is_ok_and(|kind| kind == WEB_PUSH));
    if !known {
        tracing::warn!("a subscription of an unknown kind is left out");
    }
    known
}

fn from_item(item: &Item) -> Result<StoredSubscription, Error> {
    let reader = Reader::new(TABLE, item);
    let membership = |(id, slug): (String, AttributeValue)| {
        let slug = slug.as_s().ok().and_then(|slug| Slug::try_from(slug.clone()).ok());
        Ok((ChannelId::from_stored(id), slug.ok_or(Error::Malformed(TABLE))?))
    };
    // Items from before there were kinds are of this one.
    let target = match reader.optional_text("kind")?.as_deref().unwrap_or(WEB_PUSH) {
        WEB_PUSH => Target::WebPush(WebPush {
            endpoint: reader.text("endpoint")?,
            p256dh: reader.parsed("p256dh")?,
            auth: reader.parsed("auth")?,
            vapid_key: reader.text("vapid")?,
        }),
        _ => return Err(Error::Malformed(TABLE)),
    };

    Ok(StoredSubscription {
        subscription: Subscription {
            id: reader.parsed("sk")?,
            target,
            created_at: reader.timestamp("created_at")?,
            updated_at: reader.timestamp("updated_at")?,
        },
        memberships: reader.map("channels")?.into_iter().map(membership).collect::<Result<_, Error>>()?,
        revision: reader.text("revision")?,
    })
}
