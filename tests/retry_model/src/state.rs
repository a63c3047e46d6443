//! A state: the key's item, the environments with their slots, the requests in progress, and the delayed writes.

use std::collections::BTreeSet;

/// The environments.
pub(crate) const ENVIRONMENTS: usize = 2;
/// The concurrent requests of one environment, each with a slot of its own.
pub(crate) const CONCURRENT: usize = 2;
/// The requests in all.
pub(crate) const REQUESTS: usize = 3;
/// The consecutive attempts without a response after which a request ends; one fewer than the real ones.
pub(crate) const MAX_UNANSWERED: u8 = 2;
/// The numbers of one tick of the clock.
const NUMBERS_PER_TICK: u8 = 8;
/// The slots, with one more for each request that draws another name.
pub(crate) const SLOTS: usize = ENVIRONMENTS * CONCURRENT + REQUESTS;
/// The time at the start, at which a slot of time 0 is prunable.
pub(crate) const START: u8 = 3;

/// The number that the item has for each slot; 0 for none.
pub(crate) type Slots = [u8; SLOTS];

/// A state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    pub(crate) key: Key,
    pub(crate) now: u8,
    pub(crate) environments: [Environment; ENVIRONMENTS],
    pub(crate) begun: usize,
    /// Sorted, because the order means nothing.
    pub(crate) running: Vec<Request>,
    pub(crate) delayed: BTreeSet<Write>,
    pub(crate) edits_left: u8,
    /// The writes that were applied.
    pub(crate) counted: u8,
    pub(crate) allowed: u8,
    /// The requests that were not allowed, although one of their attempts was never answered.
    pub(crate) ambiguous: u8,
    pub(crate) events: Events,
}

/// What the last action did, for the properties.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one event")]
pub(crate) struct Events {
    pub(crate) allowed_after_revocation: bool,
    pub(crate) counted_and_denied: bool,
    pub(crate) revived: bool,
    pub(crate) recognized: bool,
    pub(crate) pruned: bool,
    pub(crate) arrived_late: bool,
}

/// The key's item.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) status: Status,
    /// The version of its secret.
    pub(crate) secret: u8,
    pub(crate) slots: Slots,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Status {
    Active,
    Inactive,
    Deleted,
}

#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Environment {
    pub(crate) slots: [OwnSlot; CONCURRENT],
    /// The slots that can be pruned, with the numbers that were read.
    pub(crate) prunable: Slots,
    /// Whether its clock is one tick behind.
    pub(crate) behind: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub(crate) struct OwnSlot {
    pub(crate) borrowed: bool,
    pub(crate) last: u8,
}

/// A request in progress.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Request {
    pub(crate) id: usize,
    pub(crate) environment: usize,
    /// The borrowed slot of the environment.
    pub(crate) own: usize,
    pub(crate) write: Write,
    /// The time by the environment's clock.
    pub(crate) reading: u8,
    pub(crate) unanswered: u8,
    /// Whether any attempt was not answered.
    pub(crate) ambiguous: bool,
    /// Whether the key allowed it at its beginning or at any time since.
    pub(crate) was_allowed: bool,
}

/// One attempt's write.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Write {
    pub(crate) slot: usize,
    pub(crate) n: u8,
    pub(crate) secret: u8,
    pub(crate) prunable: Slots,
    /// The time at which its request began.
    pub(crate) began: u8,
}

impl State {
    /// A new key.
    pub(crate) fn unused() -> Self {
        Self {
            key: Key { status: Status::Active, secret: 0, slots: [0; SLOTS] },
            now: START,
            environments: Default::default(),
            begun: 0,
            running: Vec::new(),
            delayed: BTreeSet::new(),
            edits_left: 0,
            counted: 0,
            allowed: 0,
            ambiguous: 0,
            events: Events::default(),
        }
    }

    /// A key that the first environment used long ago, as the second one has read.
    pub(crate) fn with_an_old_slot() -> Self {
        let mut state = Self::unused();
        let n = number_at(0);
        state.key.slots[0] = n;
        state.environments[0].slots[0].last = n;
        state.environments[1].prunable[0] = n;
        state
    }

    /// The same, after the first environment's clock went back.
    pub(crate) fn after_the_clock_went_back() -> Self {
        let mut state = Self::with_an_old_slot();
        let [first, _] = &mut state.environments;
        first.behind = true;
        first.slots[1].last = number_at(START);
        state
    }

    /// Whether the requests are counted exactly, as far as their attempts were answered.
    pub(crate) fn is_exact(&self) -> bool {
        let pending = self.running.iter().filter(|request| request.ambiguous).count();
        let ambiguous = usize::from(self.ambiguous) + pending;
        self.allowed <= self.counted && usize::from(self.counted) <= usize::from(self.allowed) + ambiguous
    }
}

impl Key {
    /// Whether the key allows requests with this secret.
    pub(crate) fn allows(&self, secret: u8) -> bool {
        self.status == Status::Active && self.secret == secret
    }
}

/// The first number of a time.
pub(crate) const fn number_at(time: u8) -> u8 {
    time * NUMBERS_PER_TICK + 1
}

/// The time of a number.
pub(crate) const fn time_of(n: u8) -> u8 {
    n / NUMBERS_PER_TICK
}
