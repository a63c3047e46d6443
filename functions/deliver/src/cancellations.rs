//! When this function last looked whether a push is canceled. A push is one item, which every function that delivers it reads.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::domain::id::PushId;

/// The time after which a push is looked at again.
const INTERVAL: Duration = Duration::from_millis(500);

/// The maximum number of pushes that are remembered.
const MAX_PUSHES: usize = 1_000;

/// The times of the last looks.
#[derive(Default)]
pub(crate) struct Cancellations {
    looked_at: Mutex<BTreeMap<PushId, Instant>>,
}

impl Cancellations {
    /// Whether it is time to look at a push. If so, the caller does, and no other.
    pub(crate) fn is_due(&self, push: &PushId) -> bool {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_at.get(push).is_some_and(|at| at.elapsed() < INTERVAL) {
            return false;
        }
        if looked_at.len() == MAX_PUSHES {
            looked_at.clear();
        }
        looked_at.insert(push.clone(), Instant::now());
        true
    }

    /// Lets every other task of a push look at once, since it is canceled.
    pub(crate) fn found(&self, push: &PushId) {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(push);
    }
}
