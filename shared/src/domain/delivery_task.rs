//! Delivery tasks: each is one message of the queue, and delivers a push to the recipients of one range of ids. A task whose
//! range has too many recipients for one function is split into parts, which are tasks of their own: the tasks of a push are
//! a tree.

use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::domain::id::PushId;
use crate::domain::id_range::IdRange;
use crate::domain::subscription::SubscriptionId;

/// The maximum number of parts of a task: the number of messages that one request puts on the queue.
pub const MAX_PARTS: u8 = 10;

/// The maximum depth of the tree: with ten parts each, far more tasks than subscriptions.
const MAX_DEPTH: usize = 12;

/// A push to be delivered to the recipients of a range.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliveryTask {
    /// The account that owns the push.
    pub account: Account,
    /// The push.
    pub push: PushId,
    /// The place in the push's tree of tasks.
    pub path: TaskPath,
    /// The ids of the recipients.
    pub range: IdRange,
    /// What the tasks above know of the audience; `None` for the first task, which finds it out.
    pub plan: Option<Plan>,
    /// A retry of recipients of one page; `None` for the range itself.
    pub retry: Option<RetryTask>,
}

/// How a range is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Where the recipients are read.
    pub source: RecipientSource,
    /// The estimated number of items to read.
    pub size: u64,
}

/// Where the recipients of a push are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipientSource {
    /// The memberships of the channels.
    Memberships,
    /// The subscriptions of the account, of which those outside the channels are left out: fewer items if many are in several
    /// of the channels.
    Subscriptions,
}

/// A retry of recipients of one page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RetryTask {
    /// The last recipient of the page, which names it.
    pub page: SubscriptionId,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// A task's place in the tree: a digit for the part that was taken at each split, so it is empty for the first task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskPath(String);

/// The text is not a path.
#[derive(Debug, thiserror::Error)]
#[error("is not the path of a task")]
pub struct InvalidTaskPath;

impl TaskPath {
    /// The path of the first task.
    pub const fn first() -> Self {
        Self(String::new())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of splits above.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// The path of a part.
    #[must_use]
    pub fn part(&self, part: u8) -> Self {
        Self(format!("{}{part}", self.0))
    }

    /// The path of the task that was split, and which of its parts this is; `None` for the first task.
    pub fn parent(&self) -> Option<(Self, u8)> {
        let (last, before) = self.0.as_bytes().split_last()?;
        Some((Self(self.0[..before.len()].to_owned()), last - b'0'))
    }
}

impl TryFrom<String> for TaskPath {
    type Error = InvalidTaskPath;

    fn try_from(text: String) -> Result<Self, InvalidTaskPath> {
        let fits = text.len() <= MAX_DEPTH && text.bytes().all(|b| b.is_ascii_digit());
        fits.then_some(Self(text)).ok_or(InvalidTaskPath)
    }
}

impl From<TaskPath> for String {
    fn from(path: TaskPath) -> Self {
        path.0
    }
}

impl DeliveryTask {
    /// The first task of a push, from which the others follow.
    pub fn first(account: &Account, push: &PushId) -> Self {
        let (account, push) = (account.clone(), push.clone());
        Self { account, push, path: TaskPath::first(), range: IdRange::ALL, plan: None, retry: None }
    }

    /// Whether the task can be split into parts.
    pub fn can_split(&self) -> bool {
        self.path.depth() < MAX_DEPTH
    }

    /// The tasks of this many parts of the range, which is read by this plan.
    pub fn split(&self, parts: u8, plan: Plan) -> Vec<Self> {
        let ranges = self.range.split(parts.min(MAX_PARTS));
        let plan = Plan { size: plan.size.div_ceil(ranges.len() as u64), ..plan };
        let part = |(part, range)| Self { path: self.path.part(part), range, plan: Some(plan), ..self.clone() };
        (0..).zip(ranges).map(part).collect()
    }

    /// A retry of recipients of one page.
    #[must_use]
    pub fn retry(&self, page: &SubscriptionId, attempt: u32) -> Self {
        Self { retry: Some(RetryTask { page: page.clone(), attempt }), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_back_to_the_first_task() {
        let path = TaskPath::first().part(3).part(0);
        assert_eq!((path.as_str(), path.depth()), ("30", 2));
        assert_eq!(path.parent(), Some((TaskPath::first().part(3), 0)));
        assert_eq!(TaskPath::first().part(9).parent(), Some((TaskPath::first(), 9)));
        assert_eq!(TaskPath::first().parent(), None);
        for invalid in ["a", "1.2", "0123456789012"] {
            assert!(TaskPath::try_from(invalid.to_owned()).is_err(), "{invalid}");
        }
    }

    #[test]
    fn the_parts_of_a_task_share_its_estimate() {
        let now = crate::domain::time::Timestamp::from_millis(0);
        let account = Account::try_from("acme".to_owned()).expect("an account");
        let task = DeliveryTask::first(&account, &PushId::generate(now));
        let plan = Plan { source: RecipientSource::Memberships, size: 10_500 };

        let parts = task.split(10, plan);

        assert_eq!(parts.len(), 10);
        assert_eq!((parts[4].path.as_str(), parts[4].plan.map(|plan| plan.size)), ("4", Some(1_050)));
        assert_eq!(parts[0].range.first(), IdRange::ALL.first());
    }
}
