//! What follows from the answers of a task: who has it, who never will, and who is tried again and when.

use shared::push::{Counts, Push};
use shared::queue::LONGEST_DELAY;
use shared::random;
use shared::store::Outcome;
use shared::subscription::SubscriptionId;
use shared::time::Timestamp;

use crate::sender::Answer;

/// Nobody is tried for longer, in seconds.
const LONGEST_TRY: i64 = 86_400;

/// The answers of a task, added up.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Who is to be tried again, each not before so many seconds.
    later: Vec<(SubscriptionId, u32)>,
}

impl Tally {
    pub(crate) fn add(&mut self, id: &SubscriptionId, answer: Answer) {
        match answer {
            Answer::Delivered => self.counts.delivered += 1,
            Answer::Gone => self.counts.gone += 1,
            Answer::Failed | Answer::SignatureRefused => self.counts.failed += 1,
            Answer::Later(after) => self.later.push((id.clone(), after.unwrap_or(0).min(LONGEST_DELAY))),
        }
    }

    /// Those who can be tried again before the push's time is over are; the first repeat is never too late.
    pub(crate) fn outcome(mut self, push: &Push, attempt: u32, now: Timestamp) -> Outcome {
        let backoff = backoff(attempt);
        let try_until = push.created_at.plus_seconds(i64::from(push.ttl.seconds()).min(LONGEST_TRY));
        let in_time = |after: u32| attempt == 0 || now.plus_seconds(i64::from(after.max(backoff))) <= try_until;
        let all = self.later.len();
        self.later.retain(|(_, after)| in_time(*after));
        self.counts.failed += (all - self.later.len()) as u64;
        let delay = self.later.iter().map(|(_, after)| *after).fold(backoff, u32::max).min(LONGEST_DELAY);
        let retry = self.later.into_iter().map(|(id, _)| id).collect();

        Outcome { counts: self.counts, last_page: false, retry, delay }
    }
}

/// Seconds before the next attempt: twice as many each time, and by chance up to half as many more.
fn backoff(attempt: u32) -> u32 {
    let seconds = 1u32 << attempt.min(9);
    let chance = u32::from(random::base62(1).as_bytes()[0]) % (seconds / 2 + 1);
    seconds + chance
}

#[cfg(test)]
mod tests {
    use shared::push::{self, Audience};

    use super::*;

    fn push(ttl: u64) -> Push {
        let at = Timestamp::from_millis(0);
        serde_json::from_str::<push::Content>(r#"{"title": "Hi"}"#)
            .map(|content| Push {
                id: push::PushId::generate(at),
                key: shared::key::KeyId::generate(at),
                content,
                audience: Audience::All,
                ttl: ttl.try_into().expect("a ttl"),
                urgency: push::Urgency::Normal,
                topic: None,
                request_id: String::new(),
                created_at: at,
                finished_at: None,
                progress: push::Progress::Queued,
                counts: Counts::default(),
            })
            .expect("content")
    }

    fn after_one_later(ttl: u64, attempt: u32, now: i64, retry_after: Option<u32>) -> Outcome {
        let mut tally = Tally::default();
        let id = SubscriptionId::try_from("0".repeat(32)).expect("an id");
        tally.add(&id, Answer::Later(retry_after));
        tally.outcome(&push(ttl), attempt, Timestamp::from_millis(now * 1000))
    }

    #[test]
    fn even_a_push_without_time_is_tried_twice() {
        assert_eq!(after_one_later(0, 0, 5, None).retry.len(), 1);
        assert_eq!(after_one_later(0, 1, 5, None).counts.failed, 1);
    }

    #[test]
    fn nobody_is_tried_after_the_time_or_a_day() {
        assert_eq!(after_one_later(600, 3, 100, None).retry.len(), 1);
        assert_eq!(after_one_later(600, 3, 599, None).retry.len(), 0);
        assert_eq!(after_one_later(2_000_000, 9, 86_399, None).counts.failed, 1);
    }

    #[test]
    fn one_who_must_wait_too_long_does_not_cost_the_others_their_repeat() {
        let mut tally = Tally::default();
        for (digit, after) in [("0", Some(900)), ("1", None), ("2", Some(30))] {
            tally.add(&SubscriptionId::try_from(digit.repeat(32)).expect("an id"), Answer::Later(after));
        }

        let outcome = tally.outcome(&push(600), 1, Timestamp::from_millis(300_000));

        assert_eq!((outcome.retry.len(), outcome.counts.failed, outcome.delay), (2, 1, 30));
    }

    #[test]
    fn retry_after_is_heeded_up_to_what_the_queue_can_hold_back() {
        assert_eq!(after_one_later(86_400, 0, 0, Some(120)).delay, 120);
        assert_eq!(after_one_later(86_400, 0, 0, Some(100_000)).delay, LONGEST_DELAY);
    }
}
