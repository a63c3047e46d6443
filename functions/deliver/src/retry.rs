//! What follows from the answers of a task: who has it, who never will, and who is tried again and when.

use shared::aws::queue::LONGEST_DELAY;
use shared::domain::push::{Counts, Push};
use shared::domain::random;
use shared::domain::subscription::SubscriptionId;
use shared::domain::time::Timestamp;
use shared::store::{Outcome, Waiting};

use crate::transport::web_push::Answer;

/// Nobody is tried for longer, in seconds.
const LONGEST_TRY: i64 = 86_400;

/// The answers of a task, added up.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Who is to be tried again, each not before so many seconds.
    later: Vec<(SubscriptionId, u32)>,
    /// Who was to wait longer than until now.
    waiting: Vec<Waiting>,
}

impl Tally {
    /// Nothing yet, but for those who wait.
    pub(crate) fn of(waiting: Vec<Waiting>) -> Self {
        Self { waiting, ..Self::default() }
    }

    pub(crate) fn add(&mut self, id: &SubscriptionId, answer: Answer) {
        match answer {
            Answer::Delivered => self.counts.delivered += 1,
            Answer::Gone => self.counts.gone += 1,
            Answer::Failed | Answer::SignatureRefused => self.counts.failed += 1,
            Answer::Later(after) => self.later.push((id.clone(), after.unwrap_or(0).min(LONGEST_DELAY))),
        }
    }

    /// Those who can be tried again before the push's time is over are; the first repeat is never too late. The next attempt
    /// begins when the first of them may be tried: nobody waits for what another was told.
    pub(crate) fn outcome(self, push: &Push, attempt: u32, now: Timestamp) -> Outcome {
        let Self { mut counts, later, waiting: mut retry } = self;
        let soonest = now.plus_seconds(i64::from(backoff(attempt)));
        let try_until = push.created_at.plus_seconds(i64::from(push.ttl.seconds()).min(LONGEST_TRY));
        for (id, after) in later {
            let not_before = now.plus_seconds(i64::from(after)).max(soonest);
            if not_before <= try_until {
                retry.push(Waiting { id, not_before });
            } else if attempt == 0 {
                retry.push(Waiting { id, not_before: soonest.max(try_until) });
            } else {
                counts.failed += 1;
            }
        }
        let next = retry.iter().map(|waiting| waiting.not_before).min().unwrap_or(now);
        let delay = u32::try_from(now.seconds_until(next)).unwrap_or_default().min(LONGEST_DELAY);

        Outcome { counts, last_page: false, retry, delay }
    }
}

/// Seconds before the next attempt: twice as many each time, and by chance up to half as many more.
fn backoff(attempt: u32) -> u32 {
    let seconds = 1 << attempt.min(9);
    seconds + random::up_to(seconds / 2)
}

#[cfg(test)]
mod tests {
    use shared::domain::push::{self, Audience};

    use super::*;

    fn push(ttl: u64) -> Push {
        let at = Timestamp::from_millis(0);
        serde_json::from_str::<push::Content>(r#"{"title": "Hi"}"#)
            .map(|content| Push {
                id: push::PushId::generate(at),
                key: shared::domain::key::KeyId::generate(at),
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

        assert_eq!((outcome.retry.len(), outcome.counts.failed), (2, 1));
        assert!((2..=3).contains(&outcome.delay), "{outcome:?}");
    }

    #[test]
    fn nobody_waits_for_what_another_was_told() {
        let ids = ["0", "1", "2"].map(|digit| SubscriptionId::try_from(digit.repeat(32)).expect("an id"));
        let still = Waiting { id: ids[2].clone(), not_before: Timestamp::from_millis(200_000) };
        let mut tally = Tally::of(vec![still.clone()]);
        tally.add(&ids[0], Answer::Later(Some(900)));
        tally.add(&ids[1], Answer::Later(None));

        let outcome = tally.outcome(&push(86_400), 2, Timestamp::from_millis(100_000));

        let when = |id: &SubscriptionId| {
            outcome.retry.iter().find(|it| it.id == *id).expect("it is tried again").not_before.millis()
        };
        assert_eq!((when(&ids[0]), when(&ids[2])), (1_000_000, 200_000));
        assert!((104_000..=106_000).contains(&when(&ids[1])), "{outcome:?}");
        assert!((4..=6).contains(&outcome.delay), "{outcome:?}");
    }

    #[test]
    fn the_first_repeat_is_before_the_end_whatever_a_push_service_says() {
        let outcome = after_one_later(300, 0, 10, Some(900));
        assert_eq!((outcome.retry[0].not_before, outcome.delay), (Timestamp::from_millis(300_000), 290));
    }

    #[test]
    fn repeats_come_by_chance_up_to_half_as_late_again() {
        for attempt in [0, 3, 9, 40] {
            let least = 1 << attempt.min(9);
            let drawn: Vec<u32> = (0..200).map(|_| backoff(attempt)).collect();
            assert!(drawn.iter().all(|seconds| (least..=least + least / 2).contains(seconds)), "{drawn:?}");
            assert!(attempt == 0 || drawn.iter().any(|seconds| *seconds != drawn[0]), "{drawn:?}");
        }
    }

    #[test]
    fn retry_after_is_heeded_up_to_what_the_queue_can_hold_back() {
        assert_eq!(after_one_later(86_400, 0, 0, Some(120)).delay, 120);
        assert_eq!(after_one_later(86_400, 0, 0, Some(100_000)).delay, LONGEST_DELAY);
    }
}
