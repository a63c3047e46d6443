//! The counting write: one conditional update that authorizes a request and counts it, and that is repeated safely when a
//! response is lost.
//!
//! The write records its writer (a slot of this environment) and its request (a number that only grows). When it is repeated
//! although it was applied, its condition fails, the item has its own number, and the request is allowed without being counted
//! again. A request is evaluated once: the decision of the write that was applied is final.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::conditional::ConditionalWrite as _;
use super::error::{Error, code, is_conflict, is_throttled};
use super::expression::Expression;
use super::item::{Item, bytes, number, primary_key, text, timestamp};
use super::key_item::{self, day_attribute, minute_attribute};
use super::retry::Retries;
use super::tables::Store;
use super::writers::Prunable;
use crate::domain::access::{AccessRequest, Denial, RequestedTarget, SecretVersion};
use crate::domain::caller::Caller;
use crate::domain::key::{Key, Status};
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::time::Timestamp;

/// The maximum number of consecutive attempts without a response.
const MAX_UNANSWERED: u32 = 3;

/// The store's decision on a request.
#[derive(Debug)]
pub enum Verdict {
    /// Allowed, and counted once. A rate-limited request is allowed too, uncounted and with `retry_after`; the handler
    /// answers 429.
    Allowed(Caller),
    /// Denied by the key.
    Denied(Denial),
    /// The key does not exist, or the secret is not its own.
    Unknown,
}

/// The outcome of one attempt.
enum Attempt {
    /// Applied; the new item.
    Applied(Item),
    /// The condition failed; the existing item, if there is one.
    ConditionFailed(Option<Item>),
    /// No response: applied or not.
    Ambiguous(Error),
    /// Not applied: an edit of the key holds its item.
    Conflict(Error),
    /// Not applied: DynamoDB throttles.
    Throttled(Error),
}

impl Store {
    /// Evaluates a request with this secret, and counts it if it is allowed.
    pub async fn authorize(&self, secret: &Secret, request: &AccessRequest, now: Timestamp) -> Result<Verdict, Error> {
        let mut ambiguous = false;
        let decided = self.write_until_answered(secret, request, now, &mut ambiguous).await;
        decided.map_err(|error| if ambiguous { Error::Ambiguous(error.into()) } else { error })
    }

    /// Repeats the write until it is answered. An attempt without a response sets `ambiguous`.
    async fn write_until_answered(
        &self,
        secret: &Secret,
        request: &AccessRequest,
        now: Timestamp,
        ambiguous: &mut bool,
    ) -> Result<Verdict, Error> {
        let mut writer = self.writers.borrow();
        let mut prunable = self.writers.take_prunable(secret.key()).without(writer.name());
        let n = writer.next(now);
        let (mut version, hash) = (SecretVersion::Current, secret.hash());
        let proven = self.proven.contains(&hash);
        let mut retries = if proven { Retries::start() } else { Retries::start_unproven() };
        let mut unanswered = 0;

        loop {
            let mut wait = false;
            let failure = match self.count((secret, &hash, version), request, now, writer.name(), n, &prunable).await? {
                Attempt::Applied(item) => {
                    self.writers.remember(secret.key(), &item, now);
                    self.proven.insert(&hash);
                    return allowed(&item, None, now);
                }
                Attempt::ConditionFailed(None) => return Ok(self.unknown(&hash)),
                Attempt::ConditionFailed(Some(item)) => {
                    let last_write = key_item::last_write(&item, writer.name());
                    if last_write == Some(n) {
                        return allowed(&item, None, now);
                    }
                    // Before the item is parsed, which takes longer for a larger key.
                    if !key_item::has_secret(&item, &hash, now) {
                        return Ok(self.unknown(&hash));
                    }
                    match key_item::from_item(&item)?.authorize(&hash, request, now) {
                        Err(Denial::WrongSecret) => return Ok(self.unknown(&hash)),
                        Err(Denial::RateLimited { retry_after }) => return allowed(&item, Some(retry_after), now),
                        Err(denial) => return Ok(Verdict::Denied(denial)),
                        // The previous secret matched: retry the write with its condition.
                        Ok(found) if found != version => (version, prunable.old_until) = (found, None),
                        Ok(_) if last_write.is_some_and(|last| last > n) => writer.rename(),
                        // Only the pruning failed: a prunable part has been written since.
                        Ok(_) => prunable = Prunable::default(),
                    }
                    unanswered = 0;
                    retries.allow_all();
                    retries.count();
                    Error::Unexpected("the counting write and the key's decision differ".into())
                }
                Attempt::Ambiguous(error) => {
                    unanswered += 1;
                    *ambiguous = true;
                    error
                }
                Attempt::Conflict(error) => {
                    // The key exists, and only an admin can cause this.
                    retries.allow_all();
                    wait = true;
                    error
                }
                Attempt::Throttled(error) => {
                    wait = true;
                    error
                }
            };
            if wait {
                unanswered = 0;
                retries.count();
            }
            if unanswered == MAX_UNANSWERED || retries.exhausted() {
                return Err(failure);
            }
            if wait {
                retries.backoff().await;
            }
        }
    }

    /// The verdict on a secret that is not the key's.
    fn unknown(&self, hash: &SecretHash) -> Verdict {
        self.proven.remove(hash);
        Verdict::Unknown
    }

    /// Sends one attempt. All attempts of a request are the same write, except for what they prune and for the secret's
    /// version.
    async fn count(
        &self,
        (secret, hash, version): (&Secret, &SecretHash, SecretVersion),
        request: &AccessRequest,
        now: Timestamp,
        writer: &str,
        n: i64,
        prunable: &Prunable,
    ) -> Result<Attempt, Error> {
        let mut write = match version {
            SecretVersion::Current => Expression::when("#hash = :hash").name("#hash", "hash"),
            SecretVersion::Previous => Expression::when("#hash = :hash AND old_until > :now").name("#hash", "old_hash"),
        }
        .value(":hash", bytes(hash.as_bytes()))
        .and("#status = :active")
        .name("#status", "status")
        .value(":active", text(Status::Active.name()))
        .and("(attribute_not_exists(expires_at) OR expires_at > :now)")
        .value(":now", timestamp(now))
        .and("contains(#permissions, :permission)")
        .name("#permissions", "permissions")
        .value(":permission", text(request.permission.stored_name()))
        .and("(attribute_not_exists(per_minute) OR attribute_not_exists(#minute) OR #minute < per_minute)")
        .name("#minute", minute_attribute(now.minute()))
        .and("(attribute_not_exists(per_day) OR attribute_not_exists(#day) OR #day < per_day)")
        .name("#day", day_attribute(now.day()))
        .and("(attribute_not_exists(slots.#writer) OR slots.#writer < :n)")
        .name("#writer", writer)
        .value(":n", number(n))
        .set("slots.#writer = :n")
        .set("last_used_at = :now")
        .add("#uses :one, #day :one, #minute :one")
        .name("#uses", "uses")
        .value(":one", number(1));
        if version == SecretVersion::Previous {
            write = write.set("old_used_at = :now");
        }
        write = match &request.target {
            RequestedTarget::None => write,
            RequestedTarget::InBody => write
                .and("(#scope = :all OR size(channels) > :zero)")
                .name("#scope", "scope")
                .value(":all", text("all"))
                .value(":zero", number(0)),
            RequestedTarget::Channel(slug) => write
                .and("(#scope = :all OR attribute_exists(channels.#channel))")
                .name("#scope", "scope")
                .value(":all", text("all"))
                .name("#channel", slug.as_str()),
        };
        let key = primary_key(("account", secret.account().as_str()), ("id", secret.key().as_str()));
        let call = self.no_retry_client.update_item().table_name(&self.tables.keys);
        let sent = pruning(write, prunable, now)
            .update_item(call, key)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        attempt(sent)
    }

    /// Opens the connection before the first request needs it, by a write to a key that cannot exist.
    pub async fn warm_up(&self) {
        let key = primary_key(("account", "-"), ("id", "-"));
        let call = self.no_retry_client.update_item().table_name(&self.tables.keys);
        let write = Expression::when("attribute_exists(account)").remove("nothing");
        let sent = write.update_item(call, key).send().await;
        if let Err(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) = sent {
            tracing::warn!("the store did not respond at the start");
        }
    }
}

/// The write that also removes the prunable parts, on the condition that they are still as they were read.
fn pruning(mut write: Expression, prunable: &Prunable, now: Timestamp) -> Expression {
    for (index, (slot, seen)) in prunable.slots.iter().enumerate() {
        write = write
            .and(format!("slots.#s{index} = :s{index}"))
            .remove(format!("slots.#s{index}"))
            .name(format!("#s{index}"), slot)
            .value(format!(":s{index}"), number(seen));
    }
    // Never the counters that this write increments: after the clock went back they may look past.
    let incremented = [day_attribute(now.day()), minute_attribute(now.minute())];
    for counter in prunable.counters.iter().filter(|counter| !incremented.contains(counter)) {
        write = write.remove(counter);
    }
    if let Some(seen) = prunable.old_until {
        write = write.and("old_until = :ended").value(":ended", number(seen));
        write = key_item::PREVIOUS_SECRET.into_iter().fold(write, Expression::remove);
    }
    write
}

/// The outcome of a response. Another 4xx than these means that the call is wrong.
fn attempt(sent: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> Result<Attempt, Error> {
    let error = match sent {
        Ok(output) => return Ok(Attempt::Applied(output.attributes.unwrap_or_default())),
        Err(error) => error,
    };
    if let SdkError::ServiceError(response) = &error {
        if let Some(existing) = response.err().condition_failed() {
            return Ok(Attempt::ConditionFailed(existing.cloned()));
        }
        let code = code(response.err());
        if is_conflict(code) {
            return Ok(Attempt::Conflict(error.into()));
        }
        if is_throttled(code) {
            return Ok(Attempt::Throttled(error.into()));
        }
    }
    match Error::from(error) {
        error @ Error::Unavailable(_) => Ok(Attempt::Ambiguous(error)),
        error => Err(error),
    }
}

/// The verdict on an allowed request, by the item as the deciding write saw it.
fn allowed(item: &Item, retry_after: Option<i64>, now: Timestamp) -> Result<Verdict, Error> {
    let key = key_item::from_item(item)?;
    let quotas = key.quotas(now);
    let Key { account, id, name, scope, .. } = key;
    Ok(Verdict::Allowed(Caller { account, key: id, key_name: Some(name), scope, retry_after, quotas }))
}
