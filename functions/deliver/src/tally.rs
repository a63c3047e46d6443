//! The results of a task: which recipients have one, and when the others are retried.

use shared::aws::queue::MAX_DELAY;
use shared::domain::push::{DeliveryCounts, Push};
use shared::domain::random;
use shared::domain::subscription::SubscriptionId;
use shared::domain::time::Timestamp;
use shared::store::PendingRetry;

use crate::transport::DeliveryResult;

/// The age of a push at which retries end, in seconds.
const MAX_RETRY_AGE: i64 = 86_400;

/// The result of an attempt.
#[derive(Debug)]
pub(crate) struct TaskResult {
    /// The counts to add.
    pub(crate) counts: DeliveryCounts,
    /// The recipients to retry.
    pub(crate) pending: Vec<PendingRetry>,
}

/// The requests after which a recipient is given up whose push service does not answer: about half an hour. One that answers
/// that it is overloaded is tried for as long as the push lives.
const MAX_SILENT_REQUESTS: u32 = 12;

/// The results of a task, added up.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: DeliveryCounts,
    /// Recipients to retry, each not before this many seconds, and with its requests that got no answer.
    retry: Vec<(SubscriptionId, u32, u32)>,
    /// Recipients whose retry is not due yet.
    not_due: Vec<PendingRetry>,
}

impl Tally {
    /// A tally without results, except for retries that are not due yet.
    pub(crate) fn new(not_due: Vec<PendingRetry>) -> Self {
        Self { not_due, ..Self::default() }
    }

    /// Adds the result of one recipient, of which this number of requests before got no answer.
    pub(crate) fn add(&mut self, id: &SubscriptionId, silent: u32, result: DeliveryResult) {
        match result {
            DeliveryResult::Delivered => self.counts.delivered += 1,
            DeliveryResult::Gone => self.counts.gone += 1,
            DeliveryResult::Failed | DeliveryResult::SignatureRejected => self.counts.failed += 1,
            DeliveryResult::NoAnswer if silent + 1 >= MAX_SILENT_REQUESTS => self.counts.failed += 1,
            DeliveryResult::NoAnswer => self.retry.push((id.clone(), 0, silent + 1)),
            DeliveryResult::Retry(after) => self.retry.push((id.clone(), after.unwrap_or(0).min(MAX_DELAY), silent)),
        }
    }

    /// Retries every recipient whose retry fits the time to live; the first retry always does.
    pub(crate) fn result(self, push: &Push, attempt: u32, now: Timestamp) -> TaskResult {
        let Self { mut counts, retry, not_due: mut pending } = self;
        let soonest = now.plus_seconds(i64::from(backoff(attempt)));
        let retry_until = push.created_at.plus_seconds(i64::from(push.ttl.seconds()).min(MAX_RETRY_AGE));
        for (id, after, silent) in retry {
            let not_before = now.plus_seconds(i64::from(after)).max(soonest);
            if not_before <= retry_until {
                pending.push(PendingRetry { id, not_before, silent });
            } else if attempt == 0 {
                pending.push(PendingRetry { id, not_before: soonest.max(retry_until), silent });
            } else {
                counts.failed += 1;
            }
        }
        TaskResult { counts, pending }
    }
}

/// Seconds until the next attempt: the earliest of these retries, so that no recipient waits for another one's `Retry-After`.
pub(crate) fn delay(pending: &[PendingRetry], now: Timestamp) -> u32 {
    let next = pending.iter().map(|pending| pending.not_before).min().unwrap_or(now);
    u32::try_from(now.seconds_until(next)).unwrap_or_default().min(MAX_DELAY)
}

/// Seconds before the next attempt: exponential backoff with up to 50 % jitter.
fn backoff(attempt: u32) -> u32 {
    let seconds = 1 << attempt.min(9);
    seconds + random::up_to(seconds / 2)
}

#[cfg(test)]
mod tests {
    use shared::domain::audience::Audience;
    use shared::domain::id::{KeyId, PushId};
    use shared::domain::notification::Urgency;
    use shared::domain::push::PushStatus;

    use super::*;

    fn push(ttl: u64) -> Push {
        let at = Timestamp::from_millis(0);
        Push {
            id: PushId::generate(at),
            key: KeyId::generate(at),
            key_name: None,
            notification: serde_json::from_str(r#"{"title": "Hi"}"#).expect("a notification"),
            audience: Audience::All,
            ttl: ttl.try_into().expect("a ttl"),
            urgency: Urgency::Normal,
            topic: None,
            request_id: String::new(),
            created_at: at,
            finished_at: None,
            status: PushStatus::Queued,
            counts: DeliveryCounts::default(),
        }
    }

    fn after_one_retry(ttl: u64, attempt: u32, now: i64, retry_after: Option<u32>) -> TaskResult {
        let mut tally = Tally::default();
        let id = SubscriptionId::try_from("0".repeat(32)).expect("an id");
        tally.add(&id, 0, DeliveryResult::Retry(retry_after));
        tally.result(&push(ttl), attempt, Timestamp::from_millis(now * 1000))
    }

    fn delay_after(result: &TaskResult, now: i64) -> u32 {
        delay(&result.pending, Timestamp::from_millis(now * 1000))
    }

    #[test]
    fn even_a_push_with_a_ttl_of_zero_is_retried_once() {
        assert_eq!(after_one_retry(0, 0, 5, None).pending.len(), 1);
        assert_eq!(after_one_retry(0, 1, 5, None).counts.failed, 1);
    }

    #[test]
    fn no_retry_starts_after_the_ttl_or_a_day() {
        assert_eq!(after_one_retry(600, 3, 100, None).pending.len(), 1);
        assert_eq!(after_one_retry(600, 3, 599, None).pending.len(), 0);
        assert_eq!(after_one_retry(2_000_000, 9, 86_399, None).counts.failed, 1);
    }

    #[test]
    fn a_retry_beyond_the_ttl_does_not_cost_the_others_theirs() {
        let mut tally = Tally::default();
        for (digit, after) in [("0", Some(900)), ("1", None), ("2", Some(30))] {
            tally.add(&SubscriptionId::try_from(digit.repeat(32)).expect("an id"), 0, DeliveryResult::Retry(after));
        }

        let result = tally.result(&push(600), 1, Timestamp::from_millis(300_000));

        assert_eq!((result.pending.len(), result.counts.failed), (2, 1));
        assert!((2..=3).contains(&delay_after(&result, 300)), "{result:?}");
    }

    #[test]
    fn no_recipient_waits_for_another_one_s_retry_after() {
        let ids = ["0", "1", "2"].map(|digit| SubscriptionId::try_from(digit.repeat(32)).expect("an id"));
        let still = PendingRetry { id: ids[2].clone(), not_before: Timestamp::from_millis(200_000), silent: 0 };
        let mut tally = Tally::new(vec![still.clone()]);
        tally.add(&ids[0], 0, DeliveryResult::Retry(Some(900)));
        tally.add(&ids[1], 0, DeliveryResult::Retry(None));

        let result = tally.result(&push(86_400), 2, Timestamp::from_millis(100_000));

        let when = |id: &SubscriptionId| {
            result.pending.iter().find(|it| it.id == *id).expect("it is tried again").not_before.millis()
        };
        assert_eq!((when(&ids[0]), when(&ids[2])), (1_000_000, 200_000));
        assert!((104_000..=106_000).contains(&when(&ids[1])), "{result:?}");
        assert!((4..=6).contains(&delay_after(&result, 100)), "{result:?}");
    }

    #[test]
    fn a_recipient_whose_push_service_does_not_answer_is_given_up() {
        let id = SubscriptionId::try_from("0".repeat(32)).expect("an id");
        for (silent, result, expected) in [
            (0, DeliveryResult::NoAnswer, Some(1)),
            (10, DeliveryResult::NoAnswer, Some(11)),
            (11, DeliveryResult::NoAnswer, None),
            (11, DeliveryResult::Retry(None), Some(11)),
        ] {
            let mut tally = Tally::default();
            tally.add(&id, silent, result);
            // However many attempts its page has had.
            let result = tally.result(&push(86_400), 30, Timestamp::from_millis(3_600_000));
            let left: Vec<u32> = result.pending.iter().map(|pending| pending.silent).collect();
            assert_eq!(left, Vec::from_iter(expected), "{silent}");
            assert_eq!(result.counts.failed, u64::from(expected.is_none()), "{silent}");
        }
    }

    #[test]
    fn the_first_retry_is_within_the_ttl_whatever_the_push_service_says() {
        let result = after_one_retry(300, 0, 10, Some(900));
        assert_eq!((result.pending[0].not_before, delay_after(&result, 10)), (Timestamp::from_millis(300_000), 290));
    }

    #[test]
    fn backoff_has_up_to_50_percent_jitter() {
        for attempt in [0, 3, 9, 40] {
            let least = 1 << attempt.min(9);
            let drawn: Vec<u32> = (0..200).map(|_| backoff(attempt)).collect();
            assert!(drawn.iter().all(|seconds| (least..=least + least / 2).contains(seconds)), "{drawn:?}");
            assert!(attempt == 0 || drawn.iter().any(|seconds| *seconds != drawn[0]), "{drawn:?}");
        }
    }

    #[test]
    fn retry_after_is_respected_up_to_the_queue_s_maximum_delay() {
        assert_eq!(delay_after(&after_one_retry(86_400, 0, 0, Some(120)), 0), 120);
        assert_eq!(delay_after(&after_one_retry(86_400, 0, 0, Some(100_000)), 0), MAX_DELAY);
    }
}
