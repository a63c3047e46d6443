//! Requests for a secret with an idempotency key: each is recorded in the transaction that stores the secret's hash.
//!
//! The item is in the table of the history, which that transaction writes too: `account#digest`, `secret`.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, bytes, number, primary_key, text};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::id::KeyId;
use crate::domain::idempotency::{Fingerprint, IDEMPOTENCY_WINDOW, SecretRequest};
use crate::domain::key::Key;
use crate::domain::time::Timestamp;

const TABLE: &str = "secret requests";

/// The first request with an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstRequest {
    /// The key that got the secret.
    pub key: KeyId,
    /// The fingerprint of the request.
    pub fingerprint: Fingerprint,
}

impl Store {
    /// The first request with the idempotency key of this one, if that created a secret.
    pub async fn first_request(
        &self,
        account: &Account,
        request: &SecretRequest,
        now: Timestamp,
    ) -> Result<Option<FirstRequest>, Error> {
        let Some(item) = self.get(&self.tables.history, item_key(account, request)).await? else { return Ok(None) };
        let reader = Reader::new(TABLE, &item);
        let expires: i64 = reader.number("expires")?;
        let fingerprint = Fingerprint::from_bytes(reader.bytes("fingerprint")?).ok_or(Error::Malformed(TABLE))?;
        let first = FirstRequest { key: reader.parsed("key")?, fingerprint };
        // The table deletes expired items late.
        Ok(Some(first).filter(|_| expires > now.seconds()))
    }

    /// The put of a transaction that records this request, if it is the first with its idempotency key.
    pub(super) fn request_item(
        &self,
        key: &Key,
        request: &SecretRequest,
        now: Timestamp,
    ) -> Result<TransactWriteItem, Error> {
        let mut item = item_key(&key.account, request);
        item.extend([
            ("key".to_owned(), text(key.id.as_str())),
            ("fingerprint".to_owned(), bytes(request.fingerprint.as_bytes())),
            ("expires".to_owned(), number(now.plus_seconds(IDEMPOTENCY_WINDOW).seconds())),
        ]);
        Expression::when("attribute_not_exists(pk) OR expires <= :now")
            .value(":now", number(now.seconds()))
            .transact_put(&self.tables.history, item)
    }
}

fn item_key(account: &Account, request: &SecretRequest) -> Item {
    let digest = request.idempotency_key.digest_of_account();
    primary_key(("pk", format!("{account}#{digest}")), ("sk", "secret"))
}
