//! Writer slots, by which a counting write recognizes its own repeat, and the parts of a key's item that can be pruned.
//!
//! A Lambda environment serves one request at a time, so it has one slot. Where requests run concurrently, each borrows a
//! slot of its own: two requests that shared one would let one through uncounted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::item::Item;
use super::key_item;
use crate::domain::id::KeyId;
use crate::domain::limits::DAYS_OF_USAGE;
use crate::domain::random;
use crate::domain::time::Timestamp;

/// Only what ended more than this many milliseconds ago is pruned: longer than any attempt, because a late duplicate would
/// count again, and than any clock skew between environments.
const PRUNE_AFTER: i64 = 60_000;

/// The maximum number of slots that one write prunes.
const MAX_PRUNED_SLOTS: usize = 8;

/// The maximum number of counters that one write prunes; they need no condition. A rarely used key leaves one each time.
const MAX_PRUNED_COUNTERS: usize = 32;

/// The maximum number of keys whose prunable parts are remembered.
const MAX_TRACKED_KEYS: usize = 1_024;

/// The slots of this environment.
#[derive(Default)]
pub(super) struct WriterPool {
    idle: Mutex<Vec<WriterSlot>>,
    prunable: Mutex<HashMap<KeyId, Prunable>>,
}

struct WriterSlot {
    name: String,
    last: i64,
}

/// A slot, borrowed for one request.
pub(super) struct SlotGuard<'a> {
    pool: &'a WriterPool,
    slot: WriterSlot,
}

/// The parts of a key's item that no request needs any more.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Prunable {
    /// Slots with the number that was read: a slot that was written since stays.
    pub(super) slots: Vec<(String, i64)>,
    /// Names of counters of past days and minutes.
    pub(super) counters: Vec<String>,
    /// The end of an expired previous secret, as it was read: a rotation may have replaced it since.
    pub(super) old_until: Option<i64>,
}

impl WriterPool {
    /// A slot that no other running request of this environment uses.
    pub(super) fn borrow(&self) -> SlotGuard<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        SlotGuard { pool: self, slot: idle.unwrap_or_else(WriterSlot::new) }
    }

    /// Takes the prunable parts of this key's item.
    pub(super) fn take_prunable(&self, key: &KeyId) -> Prunable {
        self.prunable.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default()
    }

    /// Remembers the parts of this item that a later write can prune.
    pub(super) fn remember(&self, key: &KeyId, item: &Item, now: Timestamp) {
        let prunable = Prunable::of(item, now);
        let mut known = self.prunable.lock().unwrap_or_else(PoisonError::into_inner);
        if prunable == Prunable::default() {
            known.remove(key);
            return;
        }
        if known.len() == MAX_TRACKED_KEYS {
            // Keys that are not used again would stay for ever; prunable parts are found again.
            known.clear();
        }
        known.insert(key.clone(), prunable);
    }
}

impl WriterSlot {
    fn new() -> Self {
        Self { name: random::base62(8), last: 0 }
    }
}

impl SlotGuard<'_> {
    /// The slot's name.
    pub(super) fn name(&self) -> &str {
        &self.slot.name
    }

    /// The number of a request: its milliseconds, but always greater than the last number.
    pub(super) fn next(&mut self, now: Timestamp) -> i64 {
        self.slot.last = now.millis().max(self.slot.last + 1);
        self.slot.last
    }

    /// Draws another name, because another environment has the same.
    pub(super) fn rename(&mut self) {
        self.slot.name = random::base62(8);
    }
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        let slot = std::mem::replace(&mut self.slot, WriterSlot { name: String::new(), last: 0 });
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }
}

impl Prunable {
    /// The prunable parts of an item. Past days and minutes stay past; a slot may have been written since.
    fn of(item: &Item, now: Timestamp) -> Self {
        let long_ago = now.millis() - PRUNE_AFTER;
        let unused = |(_, n): &(String, i64)| *n < long_ago;
        let mut slots: Vec<_> = key_item::slots(item).into_iter().filter(unused).collect();
        slots.truncate(MAX_PRUNED_SLOTS);
        let past = |name: &&String| {
            let older =
                |letter, than| name.strip_prefix(letter).and_then(|n| n.parse::<i64>().ok()).is_some_and(|n| n < than);
            older('d', now.day() - DAYS_OF_USAGE) || older('m', now.minute() - 1)
        };
        let counters = item.keys().filter(past).take(MAX_PRUNED_COUNTERS).cloned().collect();
        let old_until = key_item::old_until(item).filter(|until| *until < long_ago);

        Self { slots, counters, old_until }
    }

    /// The same without this writer's slot, which its write renews.
    pub(super) fn without(mut self, writer: &str) -> Self {
        self.slots.retain(|(name, _)| name != writer);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prunable_parts_are_found_however_many_keys_there_are() {
        let (pool, now) = (WriterPool::default(), Timestamp::from_millis(1_000 * 86_400_000));
        let item = Item::from([("m1".to_owned(), crate::store::item::number(1))]);
        let keys: Vec<KeyId> = (0..=MAX_TRACKED_KEYS).map(|_| KeyId::generate(now)).collect();
        for key in &keys {
            pool.remember(key, &item, now);
        }
        assert_eq!(pool.take_prunable(&keys[MAX_TRACKED_KEYS]).counters, ["m1"]);
        assert_eq!(pool.take_prunable(&keys[MAX_TRACKED_KEYS]), Prunable::default(), "once");
    }

    #[test]
    fn a_previous_secret_is_pruned_long_after_its_end() {
        let now = Timestamp::from_millis(1_000 * 86_400_000);
        let pruned = |ago: i64| {
            let item = Item::from([("old_until".to_owned(), crate::store::item::number(now.millis() - ago))]);
            Prunable::of(&item, now).old_until
        };
        assert_eq!([-1, 0, PRUNE_AFTER].map(pruned), [None; 3]);
        assert_eq!(pruned(PRUNE_AFTER + 1), Some(now.millis() - PRUNE_AFTER - 1));
    }
}
