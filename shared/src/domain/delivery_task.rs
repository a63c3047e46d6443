//! A delivery task: one page of a push's audience, in one message of the queue.

use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::domain::id::PushId;
use crate::domain::subscription::SubscriptionId;

/// One page of a push's audience, to be delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeliveryTask {
    /// The account that owns the push.
    pub account: Account,
    /// The push.
    pub push: PushId,
    /// The page's number, from 0.
    pub page: u32,
    /// The last subscription of the page before; `None` for the first page.
    pub after: Option<SubscriptionId>,
    /// 0 for the whole page; above, a retry of the recipients that the attempt before left.
    pub attempt: u32,
}

impl DeliveryTask {
    /// The first task of a push, from which the others follow.
    pub fn first(account: &Account, push: &PushId) -> Self {
        Self { account: account.clone(), push: push.clone(), page: 0, after: None, attempt: 0 }
    }
}
