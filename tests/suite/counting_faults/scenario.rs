//! What can happen to one key: calls from several environments, losses, kills, switches, rotations and the passing of time.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// One history, from a new key to the last call's end.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// How many environments there are at a time.
    pub(super) environments: usize,
    /// The key's limit per minute.
    pub(super) per_minute: Option<u32>,
    /// What happens.
    pub(super) steps: Vec<Step>,
}

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A call begins in this environment, unless two are in progress there.
    Begin(usize),
    /// The same, with the secret before the current one.
    BeginOld(usize),
    /// A call in progress learns what becomes of its attempt.
    Attempt(usize, Turn),
    /// An attempt that was given up arrives.
    Arrive(usize),
    /// The environment of a call in progress ends. Whether the attempts on their way still arrive later is chosen.
    Kill(usize, bool),
    /// A call in progress is dropped, as when its client hangs up, but its environment goes on.
    Drop(usize, bool),
    /// An admin switches the key off; the next step comes after the admin's answer.
    Disable,
    /// An admin switches it on.
    Enable,
    /// An admin rotates its secret. The one before goes on working; the one before that ends.
    Rotate,
    /// So many milliseconds pass, or as many as the calls in progress may still take.
    Wait(i64),
    /// The calls in progress end, and then so many milliseconds pass.
    Rest(i64),
}

/// What becomes of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// It arrives, and so does its answer.
    Pass,
    /// It never arrives.
    LoseRequest,
    /// It is applied, and its answer does not arrive.
    LoseAnswer,
    /// Its sender gives it up, and it arrives later.
    Late,
}

/// Any history.
pub(super) fn history() -> impl Strategy<Value = History> {
    (2..=3_usize, option::weighted(0.2, 1..5_u32), vec(step(), 5..40))
        .prop_map(|(environments, per_minute, steps)| History { environments, per_minute, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..64_usize;
    let turn = prop_oneof![
        5 => Just(Turn::Pass),
        2 => Just(Turn::LoseAnswer),
        1 => Just(Turn::LoseRequest),
        1 => Just(Turn::Late),
    ];
    prop_oneof![
        7 => which.clone().prop_map(Step::Begin),
        2 => which.clone().prop_map(Step::BeginOld),
        14 => (which.clone(), turn).prop_map(|(call, turn)| Step::Attempt(call, turn)),
        2 => which.clone().prop_map(Step::Arrive),
        1 => (which.clone(), any::<bool>()).prop_map(|(call, arrives)| Step::Kill(call, arrives)),
        1 => (which, any::<bool>()).prop_map(|(call, arrives)| Step::Drop(call, arrives)),
        1 => Just(Step::Disable),
        2 => Just(Step::Enable),
        1 => Just(Step::Rotate),
        1 => (1..3_000_i64).prop_map(Step::Wait),
        // Beyond the age at which a slot is removed.
        2 => (61_000..130_000_i64).prop_map(Step::Rest),
    ]
}
