//! The transitions: what can happen in a state, and what it does.

use crate::faults::Fault;
use crate::state::{
    CONCURRENT, ENVIRONMENTS, Events, MAX_UNANSWERED, REQUESTS, Request, SLOTS, START, Slots, State, Status, Write,
    number_at, time_of,
};

/// The ticks of the clock in all: as many as a request may pass. With a fault that lets it pass more, until its slot is
/// prunable.
const fn ticks(fault: Option<Fault>) -> u8 {
    match fault {
        Some(Fault::RequestWithoutTimeout | Fault::DeliveredMuchLater) => PRUNE_AFTER + 1,
        _ => 1,
    }
}

/// A slot is prunable if more than this many ticks have passed since its number.
const PRUNE_AFTER: u8 = 2;

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A request with this version of the secret begins in an environment.
    Begin {
        /// The environment.
        environment: usize,
        /// The version of the secret.
        secret: u8,
    },
    /// An attempt of the request of this id has this outcome.
    Attempt(usize, Outcome),
    /// A delayed write arrives; its response goes nowhere.
    Arrive(usize),
    /// An admin disables the key, and gets the response.
    Disable,
    /// An admin enables the key.
    Enable,
    /// An admin rotates the secret without an overlap.
    Rotate,
    /// An admin deletes the key.
    Delete,
    /// Time passes.
    Tick,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The request and the response arrive.
    Answered,
    /// The response never arrives. The write arrives at once, later, or never.
    Unanswered,
}

/// Every action that is possible.
pub(crate) fn possible(fault: Option<Fault>, state: &State, actions: &mut Vec<Action>) {
    if state.begun < REQUESTS {
        for environment in 0..ENVIRONMENTS {
            let busy = state.running.iter().filter(|request| request.environment == environment).count();
            if busy < CONCURRENT {
                let secrets = 0..=state.key.secret;
                actions.extend(secrets.map(|secret| Action::Begin { environment, secret }));
            }
        }
    }
    for request in &state.running {
        actions.extend([Outcome::Answered, Outcome::Unanswered].map(|outcome| Action::Attempt(request.id, outcome)));
    }
    actions.extend((0..state.delayed.len()).map(Action::Arrive));
    if state.edits_left > 0 {
        match state.key.status {
            Status::Active => {
                actions.extend([Action::Disable, Action::Delete]);
                if state.key.secret == 0 {
                    actions.push(Action::Rotate);
                }
            }
            Status::Inactive => actions.extend([Action::Enable, Action::Delete]),
            Status::Deleted => {}
        }
    }
    // A request passes one tick at most.
    let in_time = |request: &Request| request.write.began == state.now;
    let timeouts = fault != Some(Fault::RequestWithoutTimeout);
    if state.now < START + ticks(fault) && (!timeouts || state.running.iter().all(in_time)) {
        actions.push(Action::Tick);
    }
}

/// The state after an action.
pub(crate) fn applied(fault: Option<Fault>, before: &State, action: Action) -> State {
    let mut state = State { events: Events::default(), ..before.clone() };
    match action {
        Action::Begin { environment, secret } => begin(fault, &mut state, environment, secret),
        Action::Attempt(id, outcome) => {
            let index = state.running.iter().position(|request| request.id == id).unwrap_or_default();
            let request = state.running.remove(index);
            attempt(fault, &mut state, request, outcome);
        }
        Action::Arrive(index) => {
            if let Some(write) = state.delayed.iter().nth(index).cloned() {
                state.delayed.remove(&write);
                let written = write_to_key(fault, &mut state, &write);
                let ended = !state.running.iter().any(|request| request.write.n == write.n);
                state.events.arrived_late = ended && written == Written::Applied;
            }
        }
        Action::Disable => edit(&mut state, |state| state.key.status = Status::Inactive),
        Action::Rotate => edit(&mut state, |state| state.key.secret += 1),
        Action::Delete => edit(&mut state, |state| {
            state.key.status = Status::Deleted;
            state.key.slots = [0; SLOTS];
        }),
        Action::Enable => edit(&mut state, |state| {
            state.key.status = Status::Active;
            for request in &mut state.running {
                request.was_allowed |= request.write.secret == state.key.secret;
            }
        }),
        Action::Tick => {
            // The network drops what was sent for a request that is over.
            if fault != Some(Fault::DeliveredMuchLater) {
                state.delayed.retain(|write| write.began == state.now);
            }
            state.now += 1;
        }
    }
    state.running.sort_unstable();
    if state.begun == REQUESTS {
        // No request will read them.
        state.environments = Default::default();
    }
    state
}

fn edit(state: &mut State, change: impl FnOnce(&mut State)) {
    state.edits_left -= 1;
    change(state);
}

fn begin(fault: Option<Fault>, state: &mut State, environment: usize, secret: u8) {
    let ahead = fault == Some(Fault::ClockFarAhead) && environment == 1;
    let reading =
        state.now - u8::from(state.environments[environment].behind) + if ahead { PRUNE_AFTER + 1 } else { 0 };
    let was_allowed = state.key.allows(secret);
    let own = match fault {
        Some(Fault::SharedSlot) => 0,
        _ => state.environments[environment].slots.iter().position(|slot| !slot.borrowed).unwrap_or_default(),
    };
    let slot = match fault {
        Some(Fault::SlotOfAnotherEnvironment) => own,
        _ => environment * CONCURRENT + own,
    };
    let n = draw(fault, state, environment, own, reading);
    state.environments[environment].slots[own].borrowed = true;
    let mut prunable = std::mem::take(&mut state.environments[environment].prunable);
    prunable[slot] = 0;
    let write = Write { slot, n, secret, prunable, began: state.now };
    let id = state.begun;
    state.begun += 1;
    let (unanswered, ambiguous) = (0, false);
    state.running.push(Request { id, environment, own, write, reading, unanswered, ambiguous, was_allowed });
}

/// The number of a request: its time, but always greater than the last number.
fn draw(fault: Option<Fault>, state: &mut State, environment: usize, own: usize, reading: u8) -> u8 {
    let last = &mut state.environments[environment].slots[own].last;
    *last = match fault {
        Some(Fault::NumberDoesNotGrow) => number_at(reading),
        _ => number_at(reading).max(*last + 1),
    };
    *last
}

/// The outcome of a write at the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Applied,
    ConditionFailed,
}

/// Applies a write if its condition holds.
fn write_to_key(fault: Option<Fault>, state: &mut State, write: &Write) -> Written {
    let has = |planted| fault == Some(planted);
    let key = &mut state.key;
    if key.status == Status::Deleted {
        if has(Fault::CreatesMissingKey) {
            key.status = Status::Active;
            state.events.revived = true;
            state.counted += 1;
            return Written::Applied;
        }
        return Written::ConditionFailed;
    }
    let active = key.status == Status::Active || has(Fault::StatusNotChecked);
    let secret = key.secret == write.secret || has(Fault::SecretNotChecked);
    let unwritten = key.slots[write.slot] < write.n || has(Fault::NoNumberCheck);
    let pruned: Vec<usize> = (0..SLOTS).filter(|slot| write.prunable[*slot] != 0).collect();
    let still_old =
        pruned.iter().all(|slot| key.slots[*slot] == write.prunable[*slot]) || has(Fault::UnconditionalPruning);
    if !(active && secret && unwritten && still_old) {
        return Written::ConditionFailed;
    }
    for slot in pruned {
        key.slots[slot] = 0;
        state.events.pruned = true;
    }
    key.slots[write.slot] = write.n;
    state.counted += 1;
    Written::Applied
}

fn attempt(fault: Option<Fault>, state: &mut State, mut request: Request, outcome: Outcome) {
    if outcome == Outcome::Answered {
        return answered(fault, state, request);
    }
    state.delayed.insert(request.write.clone());
    request.unanswered += 1;
    request.ambiguous = true;
    if request.unanswered == MAX_UNANSWERED {
        let allowed = fault == Some(Fault::AllowedWithoutResponse);
        return if allowed { allow(state, &request) } else { end(state, &request) };
    }
    if fault == Some(Fault::NewNumberForEachAttempt) {
        request.write.n += 1;
    }
    state.running.push(request);
}

/// The reaction to a response.
fn answered(fault: Option<Fault>, state: &mut State, mut request: Request) {
    let has = |planted| fault == Some(planted);
    if write_to_key(fault, state, &request.write) == Written::Applied {
        state.environments[request.environment].prunable = prunable(fault, state.key.slots, request.reading);
        return allow(state, &request);
    }
    if state.key.status == Status::Deleted {
        return end(state, &request);
    }
    let in_slot = state.key.slots[request.write.slot];
    let own_write = in_slot == request.write.n;
    let evaluates = has(Fault::RepeatEvaluatedAgain) || has(Fault::RepeatNotRecognized);
    if own_write && !evaluates {
        state.events.recognized = true;
        return allow(state, &request);
    }
    if !state.key.allows(request.write.secret) {
        state.events.counted_and_denied |= own_write;
        return end(state, &request);
    }
    if own_write && has(Fault::RepeatEvaluatedAgain) {
        return allow(state, &request);
    }
    if in_slot >= request.write.n {
        // Another environment has the same name.
        request.write.slot = ENVIRONMENTS * CONCURRENT + request.id;
    } else {
        // Only the pruning failed.
        request.write.prunable = [0; SLOTS];
        if has(Fault::NewNumberAfterPruning) {
            request.write.n += 1;
        }
    }
    request.unanswered = 0;
    state.running.push(request);
}

/// The slots that a later write can prune.
fn prunable(fault: Option<Fault>, slots: Slots, reading: u8) -> Slots {
    let age = if fault == Some(Fault::PrunesTooEarly) { 0 } else { PRUNE_AFTER };
    slots.map(|n| if n != 0 && time_of(n) + age < reading { n } else { 0 })
}

fn allow(state: &mut State, request: &Request) {
    state.allowed += 1;
    state.events.allowed_after_revocation |= !request.was_allowed;
    release(state, request);
}

/// Ends a request that is not allowed.
fn end(state: &mut State, request: &Request) {
    state.ambiguous += u8::from(request.ambiguous);
    release(state, request);
}

fn release(state: &mut State, request: &Request) {
    state.environments[request.environment].slots[request.own].borrowed = false;
}
