//! The item of a range task: its lease, how far its range is sent, and its counts.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, number, primary_key};
use crate::domain::account::Account;
use crate::domain::delivery_task::{DeliveryTask, TaskPath};
use crate::domain::id::PushId;
use crate::domain::push::{DeliveryCounts, RETENTION_DAYS};
use crate::domain::subscription::SubscriptionId;
use crate::domain::time::Timestamp;

pub(super) const TABLE: &str = "tasks";

/// A task's item.
pub(super) struct TaskItem {
    pub(super) owner: String,
    pub(super) lease_ends: Timestamp,
    pub(super) cursor: Option<SubscriptionId>,
    pub(super) sent: bool,
    open_retries: i64,
    /// The results of its own pages.
    pub(super) counts: DeliveryCounts,
    pub(super) parts: Option<u8>,
    /// What its parts have reported.
    reported: Vec<DeliveryCounts>,
}

impl TaskItem {
    pub(super) fn read(item: &Item) -> Result<Self, Error> {
        let reader = Reader::new(TABLE, item);
        let parts: Option<u8> = reader.optional_number("parts")?;
        let reported = (0..parts.unwrap_or(0)).map(part_attribute);
        let reported = reported.filter(|part| item.contains_key(part));
        let cursor = reader.optional_text("cursor")?.map(SubscriptionId::try_from).transpose();

        Ok(Self {
            owner: reader.text("owner")?,
            lease_ends: reader.timestamp("lease_ends")?,
            cursor: cursor.map_err(|_| Error::Malformed(TABLE))?,
            sent: item.contains_key("sent_at"),
            open_retries: reader.optional_number("open_retries")?.unwrap_or_default(),
            counts: read_counts(item)?,
            parts,
            reported: reported.map(|part| read_counts(&reader.map(&part)?)).collect::<Result<_, Error>>()?,
        })
    }

    /// Its own results and those that its parts have reported.
    pub(super) fn counts(&self) -> DeliveryCounts {
        self.reported.iter().copied().sum::<DeliveryCounts>() + self.counts
    }

    /// Its counts, if it has ended: every part has reported, or every recipient of its range has a result.
    pub(super) fn ended(&self) -> Option<DeliveryCounts> {
        let ended = match self.parts {
            Some(parts) => self.reported.len() == usize::from(parts),
            None => self.sent && self.open_retries == 0,
        };
        ended.then(|| self.counts())
    }
}

/// The key of a task's item. The tasks of a push are spread over partitions by the part of the first task that they are in.
pub(super) fn task_key(task: &DeliveryTask) -> Item {
    path_key(&task.account, &task.push, &task.path)
}

pub(super) fn path_key(account: &Account, push: &PushId, path: &TaskPath) -> Item {
    primary_key(("pk", partition(account, push, path)), ("sk", format!("{:02}#{}", path.depth(), path.as_str())))
}

pub(super) fn partition(account: &Account, push: &PushId, path: &TaskPath) -> String {
    format!("{account}#{}#{}", push.as_str(), path.as_str().get(..1).unwrap_or_default())
}

/// The epoch second at which a task's item expires.
pub(super) fn expires(now: Timestamp) -> i64 {
    now.seconds() + RETENTION_DAYS * 86_400
}

pub(super) fn part_attribute(part: u8) -> String {
    format!("part_{part}")
}

/// Adds results to a task, and to the number of its open retries.
pub(super) fn add_counts(write: Expression, counts: DeliveryCounts, open_retries: i32) -> Expression {
    let added = counts_attributes(counts).into_iter().chain([("open_retries".to_owned(), number(open_retries))]);
    added.fold(write, |write, (name, value)| {
        let placeholder = format!(":{name}");
        write.add(format!("{name} {placeholder}")).value(placeholder, value)
    })
}

pub(super) fn counts_attributes(counts: DeliveryCounts) -> HashMap<String, AttributeValue> {
    let DeliveryCounts { recipients, delivered, gone, failed } = counts;
    [("recipients", recipients), ("delivered", delivered), ("gone", gone), ("failed", failed)]
        .map(|(name, count)| (name.to_owned(), number(count)))
        .into()
}

pub(super) fn read_counts(item: &Item) -> Result<DeliveryCounts, Error> {
    let count = |name| Reader::new(TABLE, item).optional_number(name).map(Option::unwrap_or_default);
    Ok(DeliveryCounts {
        recipients: count("recipients")?,
        delivered: count("delivered")?,
        gone: count("gone")?,
        failed: count("failed")?,
    })
}
