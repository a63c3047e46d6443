//! Cancellation: of one push, by an attribute of its item, and of what a key has sent, by an item of the key. A delivery looks
//! before each attempt, and before a page if it has not looked for half a second.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::conditional::conditional;
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, number, primary_key, timestamp};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::id::KeyId;
use crate::domain::push::{Push, RETENTION_DAYS};
use crate::domain::time::Timestamp;

const TABLE: &str = "cancellations";

/// A deleted key sends nothing more, so that a push that is accepted while it is deleted is canceled too.
const FOR_EVER: Timestamp = Timestamp::from_millis(i64::MAX);

impl Store {
    /// Cancels the pushes that a key has sent until now and that are not finished.
    pub async fn cancel_pushes_of(&self, account: &Account, key: &KeyId, now: Timestamp) -> Result<(), Error> {
        let put =
            self.client.put_item().table_name(&self.tables.pushes).set_item(Some(to_item(account, key, now, now)));
        // A later one includes this one.
        let put = put.condition_expression("attribute_not_exists(pk) OR canceled_at < :now");
        let put = put.expression_attribute_values(":now", timestamp(now));
        let _ = conditional(put.send().await)?;
        Ok(())
    }

    /// The `Put` of a transaction that cancels the pushes of a key until `canceled_at`; without it, all of them for ever.
    pub(super) fn cancellation(
        &self,
        account: &Account,
        key: &KeyId,
        canceled_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Error> {
        let canceled_at = canceled_at.unwrap_or(FOR_EVER);
        Expression::default().transact_put(&self.tables.pushes, to_item(account, key, canceled_at, now))
    }

    /// When a push was canceled together with others of its key.
    pub(super) async fn key_canceled_at(&self, account: &Account, push: &Push) -> Result<Option<Timestamp>, Error> {
        let item = self.get(&self.tables.pushes, item_key(account, &push.key)).await?.unwrap_or_default();
        let canceled_at = Reader::new(TABLE, &item).optional_timestamp("canceled_at")?;
        Ok(canceled_at.filter(|canceled_at| push.created_at <= *canceled_at))
    }
}

fn item_key(account: &Account, key: &KeyId) -> Item {
    primary_key(("pk", format!("{account}#canceled")), ("sk", key.as_str()))
}

fn to_item(account: &Account, key: &KeyId, canceled_at: Timestamp, now: Timestamp) -> Item {
    let mut item = item_key(account, key);
    item.insert("canceled_at".to_owned(), timestamp(canceled_at));
    // As long as the pushes that it is about.
    item.insert("expires".to_owned(), number(now.seconds() + (RETENTION_DAYS + 1) * 86_400));
    item
}
