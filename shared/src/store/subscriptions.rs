//! Subscriptions and their memberships. A membership is an item of its own, `account#channel id#digit`, subscription id, and
//! has a copy of the target, so that a delivery reads nothing else.
//!
//! Both are spread over 16 partitions by the first digit of the subscription's id: one partition serves 3,000 read units and
//! 1,000 write units a second.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, primary_key, text, timestamp};
use super::tables::Store;
use super::transaction::TransactionOutcome;
use crate::domain::account::Account;
use crate::domain::audience::Audience;
use crate::domain::channel::{ChannelId, Channels, Slug};
use crate::domain::delivery_task::RecipientSource;
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

/// A subscription as a delivery reads it.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Its id.
    pub id: SubscriptionId,
    /// Where its pushes go.
    pub target: Target,
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
        self.write(account, &subscription.id, put, before, Some((&subscription.target, memberships))).await
    }

    /// Deletes a subscription with all its memberships. `false` if it was changed since it was read, and so still exists.
    pub async fn delete_subscription(&self, account: &Account, stored: &StoredSubscription) -> Result<bool, Error> {
        let id = &stored.subscription.id;
        let delete = Expression::when("revision = :before").value(":before", text(&stored.revision));
        let delete = delete.transact_delete(&self.tables.subscriptions, item_key(account, id))?;
        self.write(account, id, delete, Some(stored), None).await
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

    /// Writes the change of a subscription's record and of its memberships together, then adjusts the approximate counts.
    /// Without `after`, the subscription is deleted.
    async fn write(
        &self,
        account: &Account,
        id: &SubscriptionId,
        record: TransactWriteItem,
        before: Option<&StoredSubscription>,
        after: Option<(&Target, &Memberships)>,
    ) -> Result<bool, Error> {
        let none = Memberships::new();
        let memberships = before.map_or(&none, |stored| &stored.memberships);
        let remaining = after.map_or(&none, |(_, memberships)| memberships);
        let added: Vec<_> = remaining.iter().filter(|(channel, _)| !memberships.contains_key(channel)).collect();
        let removed: Vec<_> = memberships.iter().filter(|(channel, _)| !remaining.contains_key(channel)).collect();
        let mut items = vec![record];
        if let Some((target, after)) = after {
            // The copies of the target follow it.
            let changed = before.is_none_or(|stored| stored.subscription.target != *target);
            for channel in after.keys().filter(|channel| changed || !memberships.contains_key(channel)) {
                let mut membership = membership_key(account, channel, id);
                membership.extend(target_attributes(target));
                items.push(Expression::default().transact_put(&self.tables.subscriptions, membership)?);
            }
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
            let total = i64::from(after.is_some()) - i64::from(before.is_some());
            if total != 0 {
                self.adjust_total_subscriptions(account, total).await;
            }
        }
        Ok(written)
    }
}

/// The partition of an account's subscriptions whose ids have this first digit.
pub(super) fn record_partition(account: &Account, digit: char) -> String {
    format!("{account}#{digit}")
}

/// The partition of a channel's memberships of subscriptions whose ids have this first digit.
pub(super) fn membership_partition(account: &Account, channel: &ChannelId, digit: char) -> String {
    format!("{account}#{}#{digit}", channel.as_str())
}

fn membership_key(account: &Account, channel: &ChannelId, id: &SubscriptionId) -> Item {
    primary_key(("pk", membership_partition(account, channel, id.first_digit())), ("sk", id.as_str()))
}

fn item_key(account: &Account, id: &SubscriptionId) -> Item {
    primary_key(("pk", record_partition(account, id.first_digit())), ("sk", id.as_str()))
}

fn to_item(account: &Account, subscription: &Subscription, memberships: &Memberships) -> Item {
    let channels = memberships.iter().map(|(id, slug)| (id.as_str().to_owned(), text(slug.as_str()))).collect();
    let mut item = item_key(account, &subscription.id);
    item.extend(target_attributes(&subscription.target));
    item.extend([
        ("created_at".to_owned(), timestamp(subscription.created_at)),
        ("updated_at".to_owned(), timestamp(subscription.updated_at)),
        ("channels".to_owned(), AttributeValue::M(channels)),
        ("revision".to_owned(), text(random::base62(8))),
    ]);
    item
}

fn target_attributes(target: &Target) -> Item {
    let Target::WebPush(WebPush { endpoint, p256dh, auth, vapid_key }) = target;
    HashMap::from([
        ("kind".to_owned(), text(WEB_PUSH)),
        ("endpoint".to_owned(), text(endpoint)),
        ("p256dh".to_owned(), text(p256dh.clone())),
        ("auth".to_owned(), text(auth.clone())),
        ("vapid".to_owned(), text(vapid_key)),
    ])
}

/// The recipient of an item that a delivery read, with its id; `None` if it is not one of the audience, or of an unknown kind.
pub(super) fn read_recipient(
    item: &Item,
    source: RecipientSource,
    audience: &Audience,
) -> Result<(SubscriptionId, Option<Recipient>), Error> {
    let id: SubscriptionId = Reader::new(TABLE, item).parsed("sk")?;
    let in_audience = match source {
        RecipientSource::Memberships => true,
        RecipientSource::Subscriptions => audience.contains(memberships(item)?.keys()),
    };
    let recipient = if in_audience && has_known_kind(item) {
        Some(Recipient { id: id.clone(), target: target(item)? })
    } else {
        None
    };
    Ok((id, recipient))
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
    Ok(StoredSubscription {
        subscription: Subscription {
            id: reader.parsed("sk")?,
            target: target(item)?,
            created_at: reader.timestamp("created_at")?,
            updated_at: reader.timestamp("updated_at")?,
        },
        memberships: memberships(item)?,
        revision: reader.text("revision")?,
    })
}

fn target(item: &Item) -> Result<Target, Error> {
    let reader = Reader::new(TABLE, item);
    // Items from before there were kinds are of this one.
    Ok(match reader.optional_text("kind")?.as_deref().unwrap_or(WEB_PUSH) {
        WEB_PUSH => Target::WebPush(WebPush {
            endpoint: reader.text("endpoint")?,
            p256dh: reader.parsed("p256dh")?,
            auth: reader.parsed("auth")?,
            vapid_key: reader.text("vapid")?,
        }),
        _ => return Err(Error::Malformed(TABLE)),
    })
}

fn memberships(item: &Item) -> Result<Memberships, Error> {
    let membership = |(id, slug): (String, AttributeValue)| {
        let slug = slug.as_s().ok().and_then(|slug| Slug::try_from(slug.clone()).ok());
        Ok((ChannelId::from_stored(id), slug.ok_or(Error::Malformed(TABLE))?))
    };
    Reader::new(TABLE, item).map("channels")?.into_iter().map(membership).collect()
}
