//! Named sends: the first of a name claims it, and all others of that name learn what became of it.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::item::{self, Item, Reader, bytes, moment, number, text};
use super::{Error, Store, failed};
use crate::domain::account::Account;
use crate::domain::idempotency::{Fingerprint, IdempotencyKey, REMEMBERED};
use crate::domain::key::KeyId;
use crate::domain::push::PushId;
use crate::domain::time::Timestamp;

const KIND: &str = "sends";

/// A claim holds so many seconds: longer than the function may run.
const LEASE: i64 = 20;

/// A send that its sender named.
#[derive(Clone, Copy, Debug)]
pub struct NamedSend<'a> {
    /// Whose it is.
    pub account: &'a Account,
    /// The key that sends.
    pub key: &'a KeyId,
    /// The name.
    pub name: &'a IdempotencyKey,
    /// What is asked for.
    pub fingerprint: &'a Fingerprint,
}

/// What a name stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendClaim {
    /// Nothing until now: the send is ours.
    Ours,
    /// This push, which whoever had it before has not brought to the queue, as far as is known. It is ours now.
    TakenOver(PushId),
    /// This push, which is on its way.
    Sent(PushId),
    /// Something else than what is asked for now.
    Another,
    /// Somebody is at it, for so many seconds at most.
    InFlight(i64),
}

impl Store {
    /// Claims a name for this push.
    pub async fn claim_send(&self, send: NamedSend<'_>, push: &PushId, now: Timestamp) -> Result<SendClaim, Error> {
        let claim = send
            .item_key()
            .into_iter()
            .chain([
                ("fingerprint".to_owned(), bytes(send.fingerprint.as_bytes())),
                ("push".to_owned(), text(push.as_str())),
                ("lease_ends".to_owned(), moment(now.plus_seconds(LEASE))),
                ("expires".to_owned(), number(now.plus_seconds(REMEMBERED).seconds())),
            ])
            .collect();
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.pushes)
            .set_item(Some(claim))
            // The table deletes late.
            .condition_expression("attribute_not_exists(pk) OR expires <= :now")
            .expression_attribute_values(":now", number(now.seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(SendClaim::Ours) };
        let found = match &error {
            SdkError::ServiceError(answer) => match answer.err() {
                PutItemError::ConditionalCheckFailedException(refused) => refused.item().cloned(),
                _ => None,
            },
            _ => None,
        };
        match found {
            None => Err(failed(error)),
            Some(item) => self.claimed_before(send, &item, push, now).await,
        }
    }

    async fn claimed_before(
        &self,
        send: NamedSend<'_>,
        item: &Item,
        push: &PushId,
        now: Timestamp,
    ) -> Result<SendClaim, Error> {
        let reader = Reader::new(KIND, item);
        let claimed: PushId = reader.parsed("push")?;
        let lease_ends = reader.moment("lease_ends")?;
        if claimed == *push {
            // This very claim, whose first answer was lost.
            return Ok(SendClaim::Ours);
        }
        if reader.bytes("fingerprint")? != send.fingerprint.as_bytes() {
            return Ok(SendClaim::Another);
        }
        if item.contains_key("sent") {
            return Ok(SendClaim::Sent(claimed));
        }
        if lease_ends > now {
            return Ok(SendClaim::InFlight(now.seconds_until(lease_ends)));
        }
        let taken = self
            .change_send(send, "SET lease_ends = :ends", "attribute_not_exists(sent) AND lease_ends = :seen")
            .expression_attribute_values(":ends", moment(now.plus_seconds(LEASE)))
            .expression_attribute_values(":seen", moment(lease_ends))
            .send()
            .await;
        match taken {
            Ok(_) => Ok(SendClaim::TakenOver(claimed)),
            Err(SdkError::ServiceError(answer)) if is_refusal(answer.err()) => Ok(SendClaim::InFlight(1)),
            Err(error) => Err(failed(error)),
        }
    }

    /// Notes that the push of this name is on the queue.
    pub async fn note_sent(&self, send: NamedSend<'_>) -> Result<(), Error> {
        let noted = self
            .change_send(send, "SET sent = :yes", "attribute_exists(pk)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        noted.send().await.map(|_| ()).map_err(failed)
    }

    /// Gives a name free for whoever tries it next: he takes its push over.
    pub async fn release_send(&self, send: NamedSend<'_>) -> Result<(), Error> {
        let released = self
            .change_send(send, "SET lease_ends = :over", "attribute_exists(pk) AND attribute_not_exists(sent)")
            .expression_attribute_values(":over", number(0));
        match released.send().await {
            Err(SdkError::ServiceError(answer)) if is_refusal(answer.err()) => Ok(()),
            other => other.map(|_| ()).map_err(failed),
        }
    }

    fn change_send(&self, send: NamedSend<'_>, change: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.tables.pushes)
            .set_key(Some(send.item_key()))
            .update_expression(change)
            .condition_expression(condition)
    }
}

impl NamedSend<'_> {
    fn item_key(self) -> Item {
        item::key(("pk", format!("{}#{}", self.account, self.name.digest(self.key))), ("sk", "send"))
    }
}

fn is_refusal(error: &UpdateItemError) -> bool {
    matches!(error, UpdateItemError::ConditionalCheckFailedException(_))
}
