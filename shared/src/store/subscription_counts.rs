//! The approximate numbers of subscriptions, of a channel and of an account: they tell a delivery how to divide an audience.

use super::channels;
use super::counts::{self, Counted};
use super::error::Error;
use super::expression::Expression;
use super::item::{Reader, number, text};
use super::retry::retry_throttled;
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::channel::{ChannelId, Slug, Slugs};

impl Store {
    /// The approximate numbers of subscriptions of the existing ones of these channels.
    pub(super) async fn subscription_counts(&self, account: &Account, slugs: &Slugs) -> Result<Vec<u64>, Error> {
        let keys = slugs.iter().map(|slug| channels::item_key(account, slug)).collect();
        let items = self.batch_get(&self.tables.channels, keys).await?;
        items.iter().map(|item| channels::from_item(item).map(|channel| channel.subscriptions)).collect()
    }

    /// An account's number of these.
    pub(super) async fn total(&self, account: &Account, counted: Counted) -> Result<u64, Error> {
        let item = self.get(&self.tables.channels, counts::item_key(account, counted)).await?.unwrap_or_default();
        // The number of subscriptions is approximate, so it may be below zero.
        let count = Reader::new("channels", &item).optional_number::<i64>("n")?.unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Adjusts an account's approximate number of subscriptions. A lost response leaves it unchanged.
    pub(super) async fn adjust_total_subscriptions(&self, account: &Account, by: i64) {
        let call = self.client.update_item().table_name(&self.tables.channels);
        let update = Expression::default()
            .name("#n", "n")
            .add("#n :by")
            .value(":by", number(by))
            .update_item(call, counts::item_key(account, Counted::Subscriptions));
        if let Err(error) = retry_throttled(|| update.clone().send()).await.map_err(Error::from) {
            tracing::debug!(account = account.as_str(), cause = %error, "subscriptions not counted");
        }
    }

    /// Adjusts a channel's approximate subscription count. A deleted channel or a lost response leaves it unchanged.
    pub(super) async fn adjust_subscription_count(&self, account: &Account, slug: &Slug, id: &ChannelId, by: i64) {
        let call = self.client.update_item().table_name(&self.tables.channels);
        let update = Expression::when("attribute_exists(slug)")
            .and("id = :id")
            .value(":id", text(id.as_str()))
            .add("subscriptions :by")
            .value(":by", number(by))
            .update_item(call, channels::item_key(account, slug));
        if let Err(error) = retry_throttled(|| update.clone().send()).await.map_err(Error::from) {
            tracing::debug!(account = account.as_str(), slug = slug.as_str(), cause = %error, "subscriptions not counted");
        }
    }
}
