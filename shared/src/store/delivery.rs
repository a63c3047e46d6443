//! What keeps a delivery exact: a task is claimed before anything is sent, and its results are added to the push once.
//!
//! A claim is an item of its own, `account#push`, page and attempt. It holds for a lease, so that the work of a function
//! that was killed is taken up by the message's next delivery.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::audience::Recipients;
use super::item::{Item, Reader, key, moment, number, text};
use super::transaction::Transacted;
use super::{Error, Store, built, failed, patiently};
use crate::domain::account::Account;
use crate::domain::delivery_task::Task;
use crate::domain::push::{Counts, Progress, PushId};
use crate::domain::subscription::SubscriptionId;
use crate::domain::time::Timestamp;

const KIND: &str = "claims";

/// What became of the wish to do a task.
#[derive(Debug)]
pub enum Claim {
    /// It is ours until the lease ends. If somebody had it before, this is the page that he was at.
    Ours(Option<Recipients>),
    /// Somebody else is at it. If he was killed, the message must come again.
    Taken,
    /// It was done before.
    Done(Outcome),
}

/// Somebody who is to be tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Who.
    pub id: SubscriptionId,
    /// When at the earliest.
    pub not_before: Timestamp,
}

/// What a task leaves behind.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// To be added to the push's counts.
    pub counts: Counts,
    /// Whether this is the audience's last page.
    pub last_page: bool,
    /// Who is to be tried again, by a task of the next attempt.
    pub retry: Vec<Waiting>,
    /// After so many seconds, when the first of them may be.
    pub delay: u32,
}

/// What became of a task's results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finished {
    /// They are added.
    Added,
    /// Somebody else took the task over, and adds his.
    TakenOver,
}

impl Store {
    /// Claims a task for this owner until `lease_ends`.
    pub async fn claim(&self, task: &Task, owner: &str, now: Timestamp, lease_ends: Timestamp) -> Result<Claim, Error> {
        let (pk, sk) = claim_key(task);
        let claimed = self
            .client
            .update_item()
            .table_name(&self.tables.pushes)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .condition_expression(
                "attribute_not_exists(pk) OR (attribute_not_exists(finished_at) AND lease_ends < :now)",
            )
            .update_expression("SET #owner = :owner, lease_ends = :ends, expires = :expires")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":ends", moment(lease_ends))
            .expression_attribute_values(":expires", number(now.seconds() + crate::domain::push::DAYS_KEPT * 86_400))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match claimed {
            Ok(output) => return Ok(Claim::Ours(page_of(&output.attributes.unwrap_or_default())?)),
            Err(error) => error,
        };
        let SdkError::ServiceError(answer) = &error else {
            return Err(failed(error));
        };
        let UpdateItemError::ConditionalCheckFailedException(refused) = answer.err() else {
            return Err(failed(error));
        };
        let image = refused.item().ok_or(Error::Malformed(KIND))?;
        let reader = Reader::new(KIND, image);
        if reader.optional_moment("finished_at")?.is_some() {
            return Ok(Claim::Done(outcome_of(image)?));
        }
        // Our own claim, whose first answer was lost.
        Ok(if reader.text("owner")? == owner { Claim::Ours(page_of(image)?) } else { Claim::Taken })
    }

    /// Notes in the claim who is on its page, before anybody is sent to and before the next page begins after them: whoever
    /// takes the task over has the very same page, however memberships have changed. `false` if it was taken over.
    pub async fn note_page(&self, task: &Task, owner: &str, page: &Recipients) -> Result<bool, Error> {
        let (pk, sk) = claim_key(task);
        let noted = self
            .client
            .update_item()
            .table_name(&self.tables.pushes)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .condition_expression("#owner = :owner")
            .update_expression("SET page = :page, more = :more")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":page", ids_attribute(&page.ids))
            .expression_attribute_values(":more", AttributeValue::Bool(page.more))
            .send()
            .await;
        unless_refused(noted)
    }

    /// Those whom the attempt before left to be tried again.
    pub async fn left_by(&self, task: &Task) -> Result<Vec<Waiting>, Error> {
        let (pk, sk) = claim_key(&Task { attempt: task.attempt.saturating_sub(1), ..task.clone() });
        let got = self.get(&self.tables.pushes, key(("pk", pk), ("sk", sk))).await?;
        got.as_ref().map_or(Ok(Vec::new()), |item| Ok(outcome_of(item)?.retry))
    }

    /// Marks that a push is on its way. `false` if there is nothing to begin: it was forgotten, or all of it is done.
    pub async fn start_push(&self, account: &Account, id: &PushId) -> Result<bool, Error> {
        let condition = "attribute_exists(pk) AND attribute_not_exists(finished_at)";
        let values = [(":sending", text(Progress::Sending.name()))];
        self.progress(account, id, condition, "SET progress = :sending", &values).await
    }

    /// Adds a task's results to its push and closes the claim, both or neither, once.
    pub async fn finish(&self, task: &Task, owner: &str, outcome: &Outcome, now: Timestamp) -> Result<Finished, Error> {
        let (pk, sk) = claim_key(task);
        let close = Update::builder()
            .table_name(&self.tables.pushes)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .condition_expression("#owner = :owner AND attribute_not_exists(finished_at)")
            .update_expression("SET finished_at = :now, retry = :retry, delay = :delay REMOVE page, more")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":retry", waiting_attribute(&outcome.retry))
            .expression_attribute_values(":delay", number(outcome.delay))
            .build()
            .map_err(built)?;

        let Counts { recipients, delivered, gone, failed } = outcome.counts;
        let first_attempt = task.attempt == 0;
        let retries = i32::from(!outcome.retry.is_empty()) - i32::from(!first_attempt);
        let mut change =
            "ADD recipients :recipients, delivered :delivered, gone :gone, failed :failed, pages :pages, retries_open :retries"
                .to_owned();
        let mut add = Update::builder()
            .table_name(&self.tables.pushes)
            .key("pk", text(task.account.as_str()))
            .key("sk", text(task.push.as_str()))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":recipients", number(recipients))
            .expression_attribute_values(":delivered", number(delivered))
            .expression_attribute_values(":gone", number(gone))
            .expression_attribute_values(":failed", number(failed))
            .expression_attribute_values(":pages", number(u8::from(first_attempt)))
            .expression_attribute_values(":retries", number(retries));
        if outcome.last_page {
            change += " SET pages_in_all = :in_all";
            add = add.expression_attribute_values(":in_all", number(task.page + 1));
        }
        let add = add.update_expression(change).build().map_err(built)?;
        let parts = [close, add].map(|update| TransactWriteItem::builder().update(update).build());

        Ok(match self.transact(parts.into()).await? {
            Transacted::Done => Finished::Added,
            Transacted::Refused(_) => Finished::TakenOver,
        })
    }

    /// Marks a push as done if every page is, and nobody is to be tried again.
    pub async fn complete_push(&self, account: &Account, id: &PushId, now: Timestamp) -> Result<(), Error> {
        let condition = "attribute_exists(pk) AND pages = pages_in_all AND retries_open = :none AND attribute_not_exists(finished_at)";
        let values = [(":none", number(0)), (":done", text(Progress::Done.name())), (":now", moment(now))];
        self.progress(account, id, condition, "SET progress = :done, finished_at = :now", &values).await.map(|_| ())
    }

    /// Moves a push on, if it is where it can be moved on from. The pages of a push write to it in transactions meanwhile.
    async fn progress(
        &self,
        account: &Account,
        id: &PushId,
        condition: &str,
        change: &str,
        values: &[(&str, AttributeValue)],
    ) -> Result<bool, Error> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.pushes)
            .key("pk", text(account.as_str()))
            .key("sk", text(id.as_str()))
            .condition_expression(condition)
            .update_expression(change);
        for (name, value) in values {
            update = update.expression_attribute_values(*name, value.clone());
        }
        unless_refused(patiently(|| update.clone().send()).await)
    }
}

/// Where a task's claim is kept.
fn claim_key(task: &Task) -> (String, String) {
    (format!("{}#{}", task.account, task.push.as_str()), format!("{}#{}", task.page, task.attempt))
}

/// Whether an update was written, or its condition failed.
fn unless_refused(sent: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> Result<bool, Error> {
    match sent {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(answer))
            if matches!(answer.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
        {
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}

/// The page that a claim notes, if one does.
fn page_of(item: &Item) -> Result<Option<Recipients>, Error> {
    if !item.contains_key("page") {
        return Ok(None);
    }
    Ok(Some(Recipients { ids: ids_of(item, "page")?, more: Reader::new(KIND, item).flag("more")? }))
}

/// What a finished task left to do, as its claim remembers it.
fn outcome_of(item: &Item) -> Result<Outcome, Error> {
    let delay = Reader::new(KIND, item).optional_number("delay")?.unwrap_or_default();
    let waiting = |(id, not_before): (String, AttributeValue)| {
        let id = SubscriptionId::try_from(id).map_err(|_| Error::Malformed(KIND))?;
        let millis = not_before.as_n().ok().and_then(|millis| millis.parse().ok()).ok_or(Error::Malformed(KIND))?;
        Ok(Waiting { id, not_before: Timestamp::from_millis(millis) })
    };
    let retry = Reader::new(KIND, item).map("retry")?.into_iter().map(waiting).collect::<Result<_, Error>>()?;
    Ok(Outcome { retry, delay, ..Outcome::default() })
}

fn waiting_attribute(waiting: &[Waiting]) -> AttributeValue {
    AttributeValue::M(waiting.iter().map(|it| (it.id.as_str().to_owned(), moment(it.not_before))).collect())
}

fn ids_attribute(ids: &[SubscriptionId]) -> AttributeValue {
    AttributeValue::L(ids.iter().map(|id| text(id.as_str())).collect())
}

fn ids_of(item: &Item, name: &str) -> Result<Vec<SubscriptionId>, Error> {
    let malformed = || Error::Malformed(KIND);
    let list = item.get(name).and_then(|value| value.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
    let id = |value: &AttributeValue| {
        let text = value.as_s().map_err(|_| malformed())?;
        SubscriptionId::try_from(text.clone()).map_err(|_| malformed())
    };
    list.iter().map(id).collect()
}
