//! Idempotency keys: the first request claims the key, later requests with it get its result.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::conditional::conditional;
use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, bytes, number, primary_key, text, timestamp};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::id::{KeyId, PushId};
use crate::domain::idempotency::{Fingerprint, IDEMPOTENCY_WINDOW, IdempotencyKey};
use crate::domain::time::Timestamp;

const TABLE: &str = "sends";

/// How long a claim holds, in seconds: longer than the function may run.
const LEASE: i64 = 20;

/// A send with an idempotency key.
#[derive(Clone, Copy, Debug)]
pub struct IdempotentSend<'a> {
    /// The account.
    pub account: &'a Account,
    /// The API key that sends.
    pub key: &'a KeyId,
    /// The idempotency key.
    pub idempotency_key: &'a IdempotencyKey,
    /// The fingerprint of the send's body and audience.
    pub fingerprint: &'a Fingerprint,
}

/// The state of an idempotency key when a request claims it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdempotencyState {
    /// Not used before: claimed by this request.
    New,
    /// Claimed before with this push, but not known to be queued: taken over by this request.
    TakenOver(PushId),
    /// Used before: this push was queued.
    Completed(PushId),
    /// Used before with another fingerprint.
    Mismatch,
    /// Claimed by another request, for at most this number of seconds.
    InProgress(i64),
}

impl Store {
    /// Claims an idempotency key for this push.
    pub async fn claim_idempotency_key(
        &self,
        send: IdempotentSend<'_>,
        push: &PushId,
        now: Timestamp,
    ) -> Result<IdempotencyState, Error> {
        let claim = send
            .item_key()
            .into_iter()
            .chain([
                ("fingerprint".to_owned(), bytes(send.fingerprint.as_bytes())),
                ("push".to_owned(), text(push.as_str())),
                ("lease_ends".to_owned(), timestamp(now.plus_seconds(LEASE))),
                ("expires".to_owned(), number(now.plus_seconds(IDEMPOTENCY_WINDOW).seconds())),
            ])
            .collect();
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.pushes)
            .set_item(Some(claim))
            // The table deletes expired items late.
            .condition_expression("attribute_not_exists(pk) OR expires <= :now")
            .expression_attribute_values(":now", number(now.seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match conditional(put.send().await)? {
            Ok(_) => Ok(IdempotencyState::New),
            Err(Some(item)) => self.claimed_before(send, &item, push, now).await,
            Err(None) => Err(Error::Malformed(TABLE)),
        }
    }

    async fn claimed_before(
        &self,
        send: IdempotentSend<'_>,
        item: &Item,
        push: &PushId,
        now: Timestamp,
    ) -> Result<IdempotencyState, Error> {
        let reader = Reader::new(TABLE, item);
        let claimed: PushId = reader.parsed("push")?;
        let lease_ends = reader.timestamp("lease_ends")?;
        if claimed == *push {
            // This request's own claim, whose first response was lost.
            return Ok(IdempotencyState::New);
        }
        if reader.bytes("fingerprint")? != send.fingerprint.as_bytes() {
            return Ok(IdempotencyState::Mismatch);
        }
        if item.contains_key("sent") {
            return Ok(IdempotencyState::Completed(claimed));
        }
        if lease_ends > now {
            return Ok(IdempotencyState::InProgress(now.seconds_until(lease_ends)));
        }
        let take_over = Expression::when("attribute_not_exists(sent)")
            .and("lease_ends = :seen")
            .value(":seen", timestamp(lease_ends))
            .set("lease_ends = :ends")
            .value(":ends", timestamp(now.plus_seconds(LEASE)));
        match conditional(self.update_claim(send, take_over).send().await)? {
            Ok(_) => Ok(IdempotencyState::TakenOver(claimed)),
            Err(_) => Ok(IdempotencyState::InProgress(1)),
        }
    }

    /// Records that the push of this idempotency key is queued.
    pub async fn mark_queued(&self, send: IdempotentSend<'_>) -> Result<(), Error> {
        let mark =
            Expression::when("attribute_exists(pk)").set("sent = :yes").value(":yes", AttributeValue::Bool(true));
        self.update_claim(send, mark).send().await?;
        Ok(())
    }

    /// Releases an idempotency key; the next request with it takes over the push.
    pub async fn release_idempotency_key(&self, send: IdempotentSend<'_>) -> Result<(), Error> {
        let release = Expression::when("attribute_exists(pk)")
            .and("attribute_not_exists(sent)")
            .set("lease_ends = :over")
            .value(":over", number(0));
        // A failed condition says that the push is queued.
        conditional(self.update_claim(send, release).send().await).map(|_| ())
    }

    fn update_claim(&self, send: IdempotentSend<'_>, write: Expression) -> UpdateItemFluentBuilder {
        write.update_item(self.client.update_item().table_name(&self.tables.pushes), send.item_key())
    }
}

impl IdempotentSend<'_> {
    fn item_key(self) -> Item {
        let digest = self.idempotency_key.digest(self.key);
        primary_key(("pk", format!("{}#{digest}", self.account)), ("sk", "send"))
    }
}
