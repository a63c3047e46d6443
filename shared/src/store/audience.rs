//! The recipients of a push, in the order of their ids: the memberships of all channels are merged, so that a subscription in
//! several channels comes once, whatever changes while they are read. Each item read has the target, so a recipient costs no
//! read of its own.

use std::collections::VecDeque;
use std::mem;

use futures::future::try_join_all;

use super::counts::Counted;
use super::error::Error;
use super::item::text;
use super::subscriptions::{Recipient, membership_partition, read_recipient, record_partition};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::audience::Audience;
use crate::domain::channel::Slugs;
use crate::domain::delivery_task::{Plan, RecipientSource};
use crate::domain::id_range::IdRange;

/// The number of partitions that the subscriptions of an account, or of a channel, are spread over.
const PARTITIONS: u64 = 16;

/// The recipients of an audience in a range of ids, read as they are needed.
pub struct Recipients<'a> {
    store: &'a Store,
    audience: &'a Audience,
    source: RecipientSource,
    /// The number of items of one query.
    limit: usize,
    /// By first digit of the ids, in their order: the partitions that hold such subscriptions.
    digits: VecDeque<Vec<Partition>>,
    started: bool,
}

/// What remains of one partition.
struct Partition {
    name: String,
    /// The ids that are not read yet.
    unread: Option<IdRange>,
    /// Read and not yet taken.
    buffer: VecDeque<Recipient>,
}

impl Store {
    /// How an audience is read with the least read units, and about how many items that is. The numbers of subscriptions are
    /// approximate.
    pub async fn plan(&self, account: &Account, audience: &Audience) -> Result<Plan, Error> {
        let Audience::Channels(channels) = audience else {
            let size = self.total(account, Counted::Subscriptions).await?;
            return Ok(Plan { source: RecipientSource::Subscriptions, size });
        };
        let slugs: Slugs = channels.keys().cloned().collect();
        let sizes = self.subscription_counts(account, &slugs).await?;
        let memberships: u64 = sizes.iter().sum();
        let by_memberships = Plan { source: RecipientSource::Memberships, size: memberships };
        if channels.len() == 1 {
            return Ok(by_memberships);
        }
        let total = self.total(account, Counted::Subscriptions).await?.max(sizes.into_iter().max().unwrap_or(0));
        // In hundreds of items, about 10 read units each; a query of an empty partition is one read unit.
        let queries = PARTITIONS * channels.len() as u64;
        let fewer = total / 10 + PARTITIONS < memberships / 10 + queries;

        Ok(if fewer { Plan { source: RecipientSource::Subscriptions, size: total } } else { by_memberships })
    }

    /// The recipients in a range. Each query reads `limit` items.
    pub fn recipients<'a>(
        &'a self,
        account: &Account,
        audience: &'a Audience,
        source: RecipientSource,
        range: IdRange,
        limit: usize,
    ) -> Recipients<'a> {
        let partition = |name, range| Partition { name, unread: Some(range), buffer: VecDeque::new() };
        let of_digit = |(digit, range)| match (source, audience) {
            (RecipientSource::Memberships, Audience::Channels(channels)) => {
                channels.values().map(|id| partition(membership_partition(account, id, digit), range)).collect()
            }
            _ => vec![partition(record_partition(account, digit), range)],
        };
        let digits = range.by_first_digit().into_iter().map(of_digit).collect();

        Recipients { store: self, audience, source, limit, digits, started: false }
    }
}

impl Recipients<'_> {
    /// The next recipients, at most `limit`, and whether more follow.
    pub async fn next(&mut self, limit: usize) -> Result<(Vec<Recipient>, bool), Error> {
        let mut taken = Vec::new();
        loop {
            self.fill().await?;
            let Some(partitions) = self.digits.front_mut() else { return Ok((taken, false)) };
            // Every partition that has more has something in its buffer, so the least of them all is the next recipient.
            while taken.len() < limit
                && let Some(next) = partitions.iter().filter_map(|it| Some(&it.buffer.front()?.id)).min().cloned()
            {
                for partition in partitions.iter_mut().filter(|it| it.buffer.front().is_some_and(|it| it.id == next)) {
                    let recipient = partition.buffer.pop_front();
                    if taken.last().is_none_or(|last: &Recipient| last.id != next) {
                        taken.extend(recipient);
                    }
                }
                if partitions.iter().any(Partition::must_be_read) {
                    break;
                }
            }
            if partitions.iter().all(Partition::is_done) {
                self.digits.pop_front();
            } else if taken.len() == limit && !partitions.iter().any(Partition::must_be_read) {
                return Ok((taken, true));
            }
        }
    }

    /// Reads the partitions that must be read: first those of every digit, concurrently; later those of the first digit.
    async fn fill(&mut self) -> Result<(), Error> {
        let digits = if mem::replace(&mut self.started, true) { 1 } else { self.digits.len() };
        let mut reads = Vec::new();
        for partition in self.digits.iter_mut().take(digits).flatten() {
            if partition.must_be_read() {
                reads.push(partition.read(self.store, self.source, self.audience, self.limit));
            }
        }
        try_join_all(reads).await.map(|_| ())
    }
}

impl Partition {
    fn must_be_read(&self) -> bool {
        self.buffer.is_empty() && self.unread.is_some()
    }

    fn is_done(&self) -> bool {
        self.buffer.is_empty() && self.unread.is_none()
    }

    /// Reads the next items.
    async fn read(
        &mut self,
        store: &Store,
        source: RecipientSource,
        audience: &Audience,
        limit: usize,
    ) -> Result<(), Error> {
        let Some(unread) = self.unread else { return Ok(()) };
        let _permit = store.audience_queries.acquire().await;
        let found = store
            .client
            .query()
            .table_name(&store.tables.subscriptions)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(&self.name))
            .expression_attribute_values(":first", text(unread.first().as_str()))
            .expression_attribute_values(":last", text(unread.last().as_str()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .send()
            .await?;
        let mut last = None;
        for item in found.items() {
            let (id, recipient) = read_recipient(item, source, audience)?;
            self.buffer.extend(recipient);
            last = Some(id);
        }
        let more = found.last_evaluated_key.is_some();
        self.unread = last.filter(|_| more).and_then(|id| unread.after(&id));
        Ok(())
    }
}
