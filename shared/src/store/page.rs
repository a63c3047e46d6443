//! Pages of a partition: each list of the API is one query.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::error::Error;
use super::item::{Item, text};

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
}

/// The order of a page's entries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// The query of one page: the entries of a partition after a sort key, at most `limit`.
pub(super) struct PageQuery<'a> {
    pub(super) partition: (&'static str, &'a str),
    pub(super) sort: (&'static str, Option<&'a str>),
    pub(super) order: Order,
    pub(super) limit: usize,
}

impl PageQuery<'_> {
    /// Sends the query and parses its items. Items that `keep` rejects have expired: the table deletes them late.
    pub(super) async fn send<T>(
        self,
        query: QueryFluentBuilder,
        parse: impl Fn(&Item) -> Result<T, Error>,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, Error> {
        let (partition, partition_value) = self.partition;
        let (sort, after) = self.sort;
        let comparison = if self.order == Order::Ascending { ">" } else { "<" };
        let condition = match after {
            Some(_) => format!("{partition} = :{partition} AND {sort} {comparison} :{sort}"),
            None => format!("{partition} = :{partition}"),
        };
        let mut query = query
            .key_condition_expression(condition)
            .expression_attribute_values(format!(":{partition}"), text(partition_value))
            .scan_index_forward(self.order == Order::Ascending)
            .consistent_read(true)
            .limit(one_more_than(self.limit));
        if let Some(after) = after {
            query = query.expression_attribute_values(format!(":{sort}"), text(after));
        }
        let found = query.send().await?;
        let mut items = found.items().iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let read = items.len();
        items.retain(keep);
        // What expires first comes last, so all that follows an expired item has expired too.
        let more = items.len() > self.limit || (items.len() == read && found.last_evaluated_key.is_some());
        items.truncate(self.limit);

        Ok(Page { items, more })
    }
}

/// The query's limit for a page: one entry more tells whether another page follows.
pub(super) fn one_more_than(limit: usize) -> i32 {
    i32::try_from(limit + 1).unwrap_or(i32::MAX)
}
