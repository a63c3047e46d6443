//! What is still to be done for a push: a page of its audience, in one message of the queue.

use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::domain::push::PushId;
use crate::domain::subscription::SubscriptionId;

/// One page of a push's audience, to be delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Whose push.
    pub account: Account,
    /// Which push.
    pub push: PushId,
    /// The page's number, from 0.
    pub page: u32,
    /// The page begins after this subscription; the first begins with none.
    pub after: Option<SubscriptionId>,
    /// 0 for the whole page; above, the recipients that the attempt before could not deliver to yet.
    pub attempt: u32,
}

impl Task {
    /// The first task of a push, from which the others follow.
    pub fn first(account: &Account, push: &PushId) -> Self {
        Self { account: account.clone(), push: push.clone(), page: 0, after: None, attempt: 0 }
    }
}
