//! Who writes: the slots that a Lambda environment signs its counting writes with, and what it has seen that can go.
//!
//! A Lambda environment serves one request at a time, so it has one slot. Where several requests run at once, each
//! borrows a slot of its own: two that shared one would let a request through uncounted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::item::Item;
use super::key_item;
use crate::domain::key::{DAYS_OF_USAGE, KeyId};
use crate::domain::random;
use crate::domain::time::Timestamp;

/// What was over for so many milliseconds can go: a slot, far longer than an attempt may take, or a late one would count
/// again; an old secret, whatever the clocks of two environments differ by.
const STALE_AFTER: i64 = 60_000;

/// So much is removed with one write.
const MOST_PRUNED: usize = 8;

/// So many counters, too: they need no condition. A key that is used once in a while leaves one each time.
const MOST_COUNTERS: usize = 32;

/// Of so many keys it is remembered what can go.
const MOST_KEYS: usize = 1_024;

/// The slots of this environment.
#[derive(Default)]
pub(super) struct Writers {
    idle: Mutex<Vec<Slot>>,
    stale: Mutex<HashMap<KeyId, Stale>>,
}

struct Slot {
    name: String,
    last: i64,
}

/// A slot, borrowed for one request.
pub(super) struct Lent<'a> {
    writers: &'a Writers,
    slot: Slot,
}

/// What an image of a key showed that no request needs any more.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Stale {
    /// Slots, with the number that was seen: one that was written since stays.
    pub(super) slots: Vec<(String, i64)>,
    /// Names of counters of days and minutes that are over.
    pub(super) counters: Vec<String>,
    /// The end of an old secret whose time is over, as it was seen: a rotation may have brought another.
    pub(super) old_until: Option<i64>,
}

impl Writers {
    /// A slot that no other request of this environment uses meanwhile.
    pub(super) fn borrow(&self) -> Lent<'_> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent { writers: self, slot: idle.unwrap_or_else(Slot::new) }
    }

    /// What was seen to be stale in this key's item, once.
    pub(super) fn take_stale(&self, key: &KeyId) -> Stale {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default()
    }

    /// Remembers what a later write can remove.
    pub(super) fn remember(&self, key: &KeyId, item: &Item, now: Timestamp) {
        let stale = Stale::seen_in(item, now);
        let mut known = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
        if stale == Stale::default() {
            known.remove(key);
            return;
        }
        if known.len() == MOST_KEYS {
            // Keys that are not used again would hold their places for ever; what can go is seen again.
            known.clear();
        }
        known.insert(key.clone(), stale);
    }
}

impl Slot {
    fn new() -> Self {
        Self { name: random::base62(8), last: 0 }
    }
}

impl Lent<'_> {
    /// The slot's name.
    pub(super) fn name(&self) -> &str {
        &self.slot.name
    }

    /// The number of a request: its milliseconds, but always more than the one before.
    pub(super) fn next(&mut self, now: Timestamp) -> i64 {
        self.slot.last = now.millis().max(self.slot.last + 1);
        self.slot.last
    }

    /// Draws another name: another environment has the same.
    pub(super) fn rename(&mut self) {
        self.slot.name = random::base62(8);
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let slot = std::mem::replace(&mut self.slot, Slot { name: String::new(), last: 0 });
        self.writers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }
}

impl Stale {
    /// What can go of this item. Days and minutes are over for everybody; a slot may have been written since.
    fn seen_in(item: &Item, now: Timestamp) -> Self {
        let long_ago = now.millis() - STALE_AFTER;
        let old_slot = |(_, n): &(String, i64)| *n < long_ago;
        let mut slots: Vec<_> = key_item::slots(item).into_iter().filter(old_slot).collect();
        slots.truncate(MOST_PRUNED);
        let over = |name: &&String| {
            let older =
                |letter, than| name.strip_prefix(letter).and_then(|n| n.parse::<i64>().ok()).is_some_and(|n| n < than);
            older('d', now.day() - DAYS_OF_USAGE) || older('m', now.minute() - 1)
        };
        let counters = item.keys().filter(over).take(MOST_COUNTERS).cloned().collect();
        let old_until = key_item::old_until(item).filter(|until| *until < long_ago);

        Self { slots, counters, old_until }
    }

    /// Without this writer's own slot, which its write renews.
    pub(super) fn without(mut self, writer: &str) -> Self {
        self.slots.retain(|(name, _)| name != writer);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_go_is_seen_however_many_keys_there_are() {
        let (writers, now) = (Writers::default(), Timestamp::from_millis(1_000 * 86_400_000));
        let item = Item::from([("m1".to_owned(), crate::store::item::number(1))]);
        let keys: Vec<KeyId> = (0..=MOST_KEYS).map(|_| KeyId::generate(now)).collect();
        for key in &keys {
            writers.remember(key, &item, now);
        }
        assert_eq!(writers.take_stale(&keys[MOST_KEYS]).counters, ["m1"]);
        assert_eq!(writers.take_stale(&keys[MOST_KEYS]), Stale::default(), "once");
    }

    #[test]
    fn an_old_secret_goes_long_after_its_end_by_any_clock() {
        let now = Timestamp::from_millis(1_000 * 86_400_000);
        let seen = |ago: i64| {
            let item = Item::from([("old_until".to_owned(), crate::store::item::number(now.millis() - ago))]);
            Stale::seen_in(&item, now).old_until
        };
        assert_eq!([-1, 0, STALE_AFTER].map(seen), [None; 3]);
        assert_eq!(seen(STALE_AFTER + 1), Some(now.millis() - STALE_AFTER - 1));
    }
}
