//! Transactions: several items written together or not at all. The client token makes a repeat of an applied transaction
//! succeed without being applied again.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::{Error, code, is_throttled};
use super::retry::Retries;
use super::tables::Store;
use crate::domain::random;

/// The outcome of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TransactionOutcome {
    /// Every item was written.
    Committed,
    /// No item was written: the condition of the item with this index failed.
    ConditionFailed(usize),
}

impl Store {
    /// Writes these items together, with retries on conflicts and throttling.
    pub(super) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<TransactionOutcome, Error> {
        let token = random::base62(32);
        let mut retries = Retries::start();
        loop {
            let call = self.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = call.client_request_token(&token).send().await else {
                return Ok(TransactionOutcome::Committed);
            };
            let retryable = match &error {
                SdkError::ServiceError(response) => match response.err() {
                    TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                        let codes: Vec<&str> = cancelled
                            .cancellation_reasons()
                            .iter()
                            .map(|reason| reason.code().unwrap_or_default())
                            .collect();
                        if let Some(index) = codes.iter().position(|code| *code == "ConditionalCheckFailed") {
                            return Ok(TransactionOutcome::ConditionFailed(index));
                        }
                        codes.into_iter().any(is_throttled)
                    }
                    other => is_throttled(code(other)),
                },
                _ => false,
            };
            retries.count();
            if !retryable || retries.exhausted() {
                return Err(if retryable { Error::Unavailable(error.into()) } else { error.into() });
            }
            retries.backoff().await;
        }
    }
}
