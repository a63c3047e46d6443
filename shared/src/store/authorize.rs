//! The one write that authorises a request and counts it, in one atomic step, repeated safely when an answer is lost.
//!
//! The write says who writes (a slot of this environment) and which request it is (a number that only grows). If it is
//! repeated although it was applied, its condition fails, the item shows its own number, and the request is allowed
//! without being counted again. A request is never judged twice: what its first write decided holds.

use std::time::Instant;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::item::{Item, bytes, moment, number, text};
use super::key_item::{self, day_attribute, minute_attribute, permission_word};
use super::writers::Stale;
use super::{Error, PATIENCE, REPEATS, Store, busy, failed, pause};
use crate::domain::caller::Caller;
use crate::domain::key::{Ask, AskedReach, Key, Refusal, Status, Which};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// So many attempts in a row may stay without an answer.
const UNANSWERED: u32 = 3;

/// What the store says of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It may pass, and was counted once. Over a limit it passes as far as the handler, uncounted, with the time to wait.
    Through(Caller),
    /// The key refuses it.
    Refused(Refusal),
    /// There is no such key, or the secret is not its own.
    Unknown,
}

/// How one attempt ended.
enum Attempt {
    Landed(Item),
    /// The condition failed; the item as it is, if there is one.
    Refused(Option<Item>),
    /// Applied or not: nobody knows.
    Unanswered(Error),
    /// Surely not applied, and worth repeating.
    NotApplied(Error),
}

impl Store {
    /// Judges a request with this secret and, if it may pass, counts it.
    pub async fn authorize(&self, secret: &Secret, ask: &Ask, now: Timestamp) -> Result<Verdict, Error> {
        let mut ambiguous = false;
        let judged = self.write_until_answered(secret, ask, now, &mut ambiguous).await;
        judged.map_err(|error| if ambiguous { Error::Ambiguous(error.into()) } else { error })
    }

    /// Repeats the write until it is answered. `ambiguous` is set by an attempt that never was.
    async fn write_until_answered(
        &self,
        secret: &Secret,
        ask: &Ask,
        now: Timestamp,
        ambiguous: &mut bool,
    ) -> Result<Verdict, Error> {
        let mut writer = self.writers.borrow();
        let mut stale = self.writers.take_stale(secret.key()).without(writer.name());
        let n = writer.next(now);
        let mut which = Which::Current;
        let (mut unanswered, mut repeats, began) = (0, 0, Instant::now());

        loop {
            let failure = match self.count((secret, which), ask, now, writer.name(), n, &stale).await? {
                Attempt::Landed(image) => {
                    self.writers.remember(secret.key(), &image, now);
                    return through(&image, None, now);
                }
                Attempt::Refused(None) => return Ok(Verdict::Unknown),
                Attempt::Refused(Some(image)) => {
                    let last_write = key_item::slots(&image).get(writer.name()).copied();
                    if last_write == Some(n) {
                        return through(&image, None, now);
                    }
                    match key_item::from_item(&image)?.judge(&secret.hash(), ask, now) {
                        Err(Refusal::WrongSecret) => return Ok(Verdict::Unknown),
                        Err(Refusal::RateLimited { retry_after }) => return through(&image, Some(retry_after), now),
                        Err(refusal) => return Ok(Verdict::Refused(refusal)),
                        // A rotated key's old secret: its use is noted, which is another write.
                        Ok(found) if found != which => (which, stale.old_until) = (found, None),
                        Ok(_) if last_write.is_some_and(|last| last > n) => writer.rename(),
                        // Only the pruning was refused: what the image showed has been written since.
                        Ok(_) => stale = Stale::default(),
                    }
                    (unanswered, repeats) = (0, repeats + 1);
                    Error::Unexpected("the counting write and the judgement differ".into())
                }
                Attempt::Unanswered(error) => {
                    unanswered += 1;
                    *ambiguous = true;
                    error
                }
                Attempt::NotApplied(error) => {
                    (unanswered, repeats) = (0, repeats + 1);
                    tokio::time::sleep(pause(repeats)).await;
                    error
                }
            };
            if unanswered == UNANSWERED || repeats == REPEATS || began.elapsed() > PATIENCE {
                return Err(failure);
            }
        }
    }

    /// One attempt. All attempts of a request are the same write, but for what they prune and which secret they take it for.
    async fn count(
        &self,
        (secret, which): (&Secret, Which),
        ask: &Ask,
        now: Timestamp,
        writer: &str,
        n: i64,
        stale: &Stale,
    ) -> Result<Attempt, Error> {
        let mut conditions: Vec<String> = [
            match which {
                Which::Current => "#hash = :hash",
                Which::Old => "#hash = :hash AND old_until > :now",
            },
            "#status = :active",
            "(attribute_not_exists(expires_at) OR expires_at > :now)",
            "contains(#permissions, :permission)",
            "(attribute_not_exists(per_minute) OR attribute_not_exists(#minute) OR #minute < per_minute)",
            "(attribute_not_exists(per_day) OR attribute_not_exists(#day) OR #day < per_day)",
            "(attribute_not_exists(slots.#writer) OR slots.#writer < :n)",
        ]
        .map(str::to_owned)
        .into();
        let mut update = self
            .once
            .update_item()
            .table_name(&self.tables.keys)
            .key("account", text(secret.account().as_str()))
            .key("id", text(secret.key().as_str()))
            .expression_attribute_names("#hash", if which == Which::Old { "old_hash" } else { "hash" })
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#permissions", "permissions")
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_names("#day", day_attribute(now.day()))
            .expression_attribute_names("#minute", minute_attribute(now.minute()))
            .expression_attribute_names("#writer", writer)
            .expression_attribute_values(":hash", bytes(secret.hash().as_bytes()))
            .expression_attribute_values(":active", text(Status::Active.name()))
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":permission", text(permission_word(ask.permission)))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":n", number(n));
        match &ask.reach {
            AskedReach::Nobody => {}
            AskedReach::InBody => {
                conditions.push("(#scope = :all OR size(channels) > :zero)".to_owned());
                update = update
                    .expression_attribute_names("#scope", "scope")
                    .expression_attribute_values(":all", text("all"))
                    .expression_attribute_values(":zero", number(0));
            }
            AskedReach::Channel(slug) => {
                conditions.push("(#scope = :all OR attribute_exists(channels.#channel))".to_owned());
                update = update
                    .expression_attribute_names("#scope", "scope")
                    .expression_attribute_values(":all", text("all"))
                    .expression_attribute_names("#channel", slug.as_str());
            }
        }
        let mut removed = Vec::new();
        for (index, (slot, seen)) in stale.slots.iter().enumerate() {
            conditions.push(format!("slots.#s{index} = :s{index}"));
            removed.push(format!("slots.#s{index}"));
            update = update
                .expression_attribute_names(format!("#s{index}"), slot)
                .expression_attribute_values(format!(":s{index}"), number(seen));
        }
        // A clock that was set back could count what it saw as over.
        let counted = [day_attribute(now.day()), minute_attribute(now.minute())];
        removed.extend(stale.counters.iter().filter(|counter| !counted.contains(counter)).cloned());
        if let Some(seen) = stale.old_until {
            conditions.push("old_until = :ended".to_owned());
            removed.extend(key_item::OLD_SECRET.map(str::to_owned));
            update = update.expression_attribute_values(":ended", number(seen));
        }
        let also = if which == Which::Old { ", old_used_at = :now" } else { "" };
        let change =
            format!("SET slots.#writer = :n, last_used_at = :now{also} ADD #uses :one, #day :one, #minute :one");
        let change = match removed.as_slice() {
            [] => change,
            removed => format!("{change} REMOVE {}", removed.join(", ")),
        };

        let sent = update
            .condition_expression(conditions.join(" AND "))
            .update_expression(change)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        attempt(sent)
    }

    /// Opens the connection before the first request needs it: a write to a key that cannot exist, which changes nothing.
    pub async fn prime(&self) {
        let primed = self
            .once
            .update_item()
            .table_name(&self.tables.keys)
            .key("account", text("-"))
            .key("id", text("-"))
            .condition_expression("attribute_exists(account)")
            .update_expression("REMOVE nothing")
            .send()
            .await;
        if let Err(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) = primed {
            tracing::warn!("the store did not answer at the start");
        }
    }
}

/// What the answer to one attempt means. Other 4xx than these say that we wrote a wrong call.
fn attempt(sent: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> Result<Attempt, Error> {
    let error = match sent {
        Ok(output) => return Ok(Attempt::Landed(output.attributes.unwrap_or_default())),
        Err(error) => error,
    };
    if let SdkError::ServiceError(answer) = &error {
        if let UpdateItemError::ConditionalCheckFailedException(refused) = answer.err() {
            return Ok(Attempt::Refused(refused.item().cloned()));
        }
        if busy(answer.err()) {
            return Ok(Attempt::NotApplied(failed(error)));
        }
    }
    match failed(error) {
        error @ Error::Unavailable(_) => Ok(Attempt::Unanswered(error)),
        error => Err(error),
    }
}

/// The verdict of a request that passes, by the item as the deciding write saw it.
fn through(image: &Item, retry_after: Option<i64>, now: Timestamp) -> Result<Verdict, Error> {
    let key = key_item::from_item(image)?;
    let quotas = key.quotas(now);
    let Key { account, id, scope, .. } = key;
    Ok(Verdict::Through(Caller { account, key: id, scope, retry_after, quotas }))
}
