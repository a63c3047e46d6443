//! Cancellation: of one push, by an attribute of its item, and of what a key has sent, by an item of the key. A delivery looks
//! before each attempt, and before a page if it has not looked for half a second.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, primary_key, timestamp};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::id::KeyId;
use crate::domain::push::Push;
use crate::domain::time::Timestamp;

const TABLE: &str = "cancellations";

impl Store {
    /// Cancels the pushes that a key has sent until now and that are not finished.
    pub async fn cancel_pushes_of(&self, account: &Account, key: &KeyId, now: Timestamp) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.tables.pushes).set_item(Some(to_item(account, key, now)));
        put.send().await?;
        Ok(())
    }

    /// The `Put` of a transaction that does the same.
    pub(super) fn cancellation(
        &self,
        account: &Account,
        key: &KeyId,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Error> {
        Expression::default().transact_put(&self.tables.pushes, to_item(account, key, now))
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

fn to_item(account: &Account, key: &KeyId, now: Timestamp) -> Item {
    let mut item = item_key(account, key);
    item.insert("canceled_at".to_owned(), timestamp(now));
    item
}
