//! The recipients of a push, page by page, in the order of their ids: the memberships of all channels are merged, so that a
//! subscription in several channels comes once, whatever changes between two pages.

use std::collections::BTreeSet;

use super::error::Error;
use super::item::{Reader, text};
use super::page::one_more_than;
use super::subscriptions::membership_partition;
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::audience::Audience;
use crate::domain::subscription::SubscriptionId;

/// One page of an audience.
#[derive(Debug)]
pub struct Recipients {
    /// The subscriptions, in the order of their ids.
    pub ids: Vec<SubscriptionId>,
    /// Whether another page follows.
    pub more: bool,
}

impl Store {
    /// The first `limit` subscriptions of an audience after `after`.
    pub async fn recipients(
        &self,
        account: &Account,
        audience: &Audience,
        after: Option<&SubscriptionId>,
        limit: usize,
    ) -> Result<Recipients, Error> {
        let partitions = match audience {
            Audience::All => vec![account.to_string()],
            Audience::Channels(channels) => channels.values().map(|id| membership_partition(account, id)).collect(),
        };
        let mut ids = BTreeSet::new();
        for partition in partitions {
            ids.extend(self.subscription_ids(&partition, after, limit + 1).await?);
        }
        let more = ids.len() > limit;

        Ok(Recipients { ids: ids.into_iter().take(limit).collect(), more })
    }

    /// The first `limit` subscriptions of a partition after `after`.
    async fn subscription_ids(
        &self,
        partition: &str,
        after: Option<&SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<SubscriptionId>, Error> {
        let mut ids: Vec<SubscriptionId> = Vec::new();
        loop {
            // A response also ends at 1 MB, so the rest is queried again.
            let after = ids.last().or(after);
            let mut query = self
                .client
                .query()
                .table_name(&self.tables.subscriptions)
                .key_condition_expression(if after.is_some() { "pk = :pk AND sk > :sk" } else { "pk = :pk" })
                .expression_attribute_values(":pk", text(partition))
                .projection_expression("sk")
                .consistent_read(true)
                .limit(one_more_than(limit - ids.len() - 1));
            if let Some(id) = after {
                query = query.expression_attribute_values(":sk", text(id.as_str()));
            }
            let found = query.send().await?;
            for item in found.items() {
                ids.push(Reader::new("subscriptions", item).parsed("sk")?);
            }
            if ids.len() >= limit || found.last_evaluated_key.is_none() {
                return Ok(ids);
            }
        }
    }
}
