//! Subscriptions and their memberships. A membership hangs on the channel's id: `account#channel id`, subscription id.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};

use super::item::{Item, Reader, key, moment, text};
use super::transaction::Transacted;
use super::{Error, Store, built};
use crate::domain::account::Account;
use crate::domain::channel::{ChannelId, Channels, Slug};
use crate::domain::random;
use crate::domain::subscription::{Subscription, SubscriptionId};

const KIND: &str = "subscriptions";

/// The channels that a subscription is in: ids, each with the slug that it had when the subscription came to it.
pub type Memberships = BTreeMap<ChannelId, Slug>;

/// A subscription as it was read, with what is needed to write it if nobody else did meanwhile.
#[derive(Clone, Debug)]
pub struct Found {
    /// The subscription.
    pub subscription: Subscription,
    /// The channels that it is in.
    pub memberships: Memberships,
    revision: String,
}

impl Store {
    /// The subscription of this id.
    pub async fn subscription(&self, account: &Account, id: &SubscriptionId) -> Result<Option<Found>, Error> {
        let got = self.get(&self.tables.subscriptions, key(("pk", account.as_str()), ("sk", id.as_str()))).await?;
        got.as_ref().map(from_item).transpose()
    }

    /// Keeps a subscription with these memberships in place of what was found. `false` if it was changed meanwhile.
    pub async fn put_subscription(
        &self,
        account: &Account,
        before: Option<&Found>,
        subscription: &Subscription,
        memberships: &Memberships,
    ) -> Result<bool, Error> {
        let put = Put::builder().table_name(&self.tables.subscriptions).set_item(Some(to_item(
            account,
            subscription,
            memberships,
        )));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(found) => put
                .condition_expression("attribute_exists(pk) AND revision = :before")
                .expression_attribute_values(":before", text(&found.revision)),
        };
        let mut parts = vec![TransactWriteItem::builder().put(put.build().map_err(built)?).build()];
        let none = Memberships::new();
        let changes = self.membership_changes(
            account,
            &subscription.id,
            before.map_or(&none, |found| &found.memberships),
            memberships,
            &mut parts,
        )?;

        let done = self.transact(parts).await? == Transacted::Done;
        if done {
            self.count_changes(account, &changes).await;
        }
        Ok(done)
    }

    /// Removes a subscription with all its memberships. `false` if it was changed meanwhile, and so is still there.
    pub async fn remove_subscription(&self, account: &Account, found: &Found) -> Result<bool, Error> {
        let id = &found.subscription.id;
        let delete = Delete::builder()
            .table_name(&self.tables.subscriptions)
            .key("pk", text(account.as_str()))
            .key("sk", text(id.as_str()))
            .condition_expression("revision = :before")
            .expression_attribute_values(":before", text(&found.revision))
            .build()
            .map_err(built)?;
        let mut parts = vec![TransactWriteItem::builder().delete(delete).build()];
        let changes = self.membership_changes(account, id, &found.memberships, &Memberships::new(), &mut parts)?;

        let done = self.transact(parts).await? == Transacted::Done;
        if done {
            self.count_changes(account, &changes).await;
        }
        Ok(done)
    }

    /// The subscriptions of these ids that exist.
    pub async fn subscriptions(&self, account: &Account, ids: &[SubscriptionId]) -> Result<Vec<Found>, Error> {
        let wanted = ids.iter().map(|id| key(("pk", account.as_str()), ("sk", id.as_str()))).collect();
        let items = self.batch_get(&self.tables.subscriptions, wanted).await?;
        items.iter().map(from_item).collect()
    }

    /// The memberships that are none of these channels', and whose channel still exists: a slug made again is another one.
    pub async fn others(&self, account: &Account, found: &Found, own: &Channels) -> Result<Memberships, Error> {
        let mut others = found.memberships.clone();
        others.retain(|id, _| !own.values().any(|own| own == id));
        let existing = self.existing(account, &others.values().cloned().collect()).await?;
        others.retain(|id, slug| existing.get(slug) == Some(id));

        Ok(others)
    }

    /// Adds the parts that make the memberships of `before` those of `after`, and says which came and went.
    fn membership_changes(
        &self,
        account: &Account,
        subscription: &SubscriptionId,
        before: &Memberships,
        after: &Memberships,
        parts: &mut Vec<TransactWriteItem>,
    ) -> Result<Vec<(ChannelId, Slug, i64)>, Error> {
        let mut changes = Vec::new();
        for (id, slug) in after.iter().filter(|(id, _)| !before.contains_key(id)) {
            let put = Put::builder()
                .table_name(&self.tables.subscriptions)
                .item("pk", text(members_of(account, id)))
                .item("sk", text(subscription.as_str()));
            parts.push(TransactWriteItem::builder().put(put.build().map_err(built)?).build());
            changes.push((id.clone(), slug.clone(), 1));
        }
        for (id, slug) in before.iter().filter(|(id, _)| !after.contains_key(id)) {
            let delete = Delete::builder()
                .table_name(&self.tables.subscriptions)
                .key("pk", text(members_of(account, id)))
                .key("sk", text(subscription.as_str()));
            parts.push(TransactWriteItem::builder().delete(delete.build().map_err(built)?).build());
            changes.push((id.clone(), slug.clone(), -1));
        }
        Ok(changes)
    }

    async fn count_changes(&self, account: &Account, changes: &[(ChannelId, Slug, i64)]) {
        for (id, slug, by) in changes {
            self.count_subscriptions(account, slug, id, *by).await;
        }
    }
}

/// The partition that holds a channel's memberships.
pub(super) fn members_of(account: &Account, channel: &ChannelId) -> String {
    format!("{account}#{}", channel.as_str())
}

fn to_item(account: &Account, subscription: &Subscription, memberships: &Memberships) -> Item {
    let channels = memberships.iter().map(|(id, slug)| (id.as_str().to_owned(), text(slug.as_str()))).collect();
    HashMap::from([
        ("pk".to_owned(), text(account.as_str())),
        ("sk".to_owned(), text(subscription.id.as_str())),
        ("endpoint".to_owned(), text(&subscription.endpoint)),
        ("p256dh".to_owned(), text(subscription.p256dh.clone())),
        ("auth".to_owned(), text(subscription.auth.clone())),
        ("vapid".to_owned(), text(&subscription.vapid)),
        ("created_at".to_owned(), moment(subscription.created_at)),
        ("updated_at".to_owned(), moment(subscription.updated_at)),
        ("channels".to_owned(), AttributeValue::M(channels)),
        ("revision".to_owned(), text(random::base62(8))),
    ])
}

fn from_item(item: &Item) -> Result<Found, Error> {
    let reader = Reader::new(KIND, item);
    let membership = |(id, slug): (String, AttributeValue)| {
        let slug = slug.as_s().ok().and_then(|slug| Slug::try_from(slug.clone()).ok());
        Ok((ChannelId::stored(id), slug.ok_or(Error::Malformed(KIND))?))
    };

    Ok(Found {
        subscription: Subscription {
            id: reader.parsed("sk")?,
            endpoint: reader.text("endpoint")?,
            p256dh: reader.parsed("p256dh")?,
            auth: reader.parsed("auth")?,
            vapid: reader.text("vapid")?,
            created_at: reader.moment("created_at")?,
            updated_at: reader.moment("updated_at")?,
        },
        memberships: reader.map("channels")?.into_iter().map(membership).collect::<Result<_, Error>>()?,
        revision: reader.text("revision")?,
    })
}
