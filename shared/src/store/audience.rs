//! Whom a push reaches, page by page, in the order of the subscriptions' ids: the memberships of all its channels are
//! merged, so that a subscription in several of them comes once, whatever changes between two pages.

use std::collections::BTreeSet;

use super::item::{Reader, text};
use super::subscriptions::members_of;
use super::{Error, Store, failed, page_limit};
use crate::domain::account::Account;
use crate::domain::push::Audience;
use crate::domain::subscription::SubscriptionId;

/// One page of an audience.
#[derive(Debug)]
pub struct Recipients {
    /// The subscriptions, in the order of their ids.
    pub ids: Vec<SubscriptionId>,
    /// Whether more follow after the last of them.
    pub more: bool,
}

impl Store {
    /// The first `most` subscriptions of an audience after this one.
    pub async fn recipients(
        &self,
        account: &Account,
        audience: &Audience,
        after: Option<&SubscriptionId>,
        most: usize,
    ) -> Result<Recipients, Error> {
        let partitions = match audience {
            Audience::All => vec![account.to_string()],
            Audience::Channels(channels) => channels.values().map(|id| members_of(account, id)).collect(),
        };
        let mut ids = BTreeSet::new();
        for partition in partitions {
            ids.extend(self.partition(&partition, after, most + 1).await?);
        }
        let more = ids.len() > most;

        Ok(Recipients { ids: ids.into_iter().take(most).collect(), more })
    }

    /// The first `most` subscriptions of a partition after this one.
    async fn partition(
        &self,
        partition: &str,
        after: Option<&SubscriptionId>,
        most: usize,
    ) -> Result<Vec<SubscriptionId>, Error> {
        let mut ids: Vec<SubscriptionId> = Vec::new();
        loop {
            // An answer ends at 1 MB too, so what is missing is asked for again.
            let after = ids.last().or(after);
            let mut query = self
                .client
                .query()
                .table_name(&self.tables.subscriptions)
                .key_condition_expression(if after.is_some() { "pk = :pk AND sk > :sk" } else { "pk = :pk" })
                .expression_attribute_values(":pk", text(partition))
                .projection_expression("sk")
                .consistent_read(true)
                .limit(page_limit(most - ids.len() - 1));
            if let Some(id) = after {
                query = query.expression_attribute_values(":sk", text(id.as_str()));
            }
            let found = query.send().await.map_err(failed)?;
            for item in found.items() {
                ids.push(Reader::new("memberships", item).parsed("sk")?);
            }
            if ids.len() >= most || found.last_evaluated_key.is_none() {
                return Ok(ids);
            }
        }
    }
}
