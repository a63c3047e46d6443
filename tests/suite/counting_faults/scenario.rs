//! The scenarios: calls with one key from several environments, with losses, kills, edits, rotations and the passing of
//! time.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// The losses that the simulator permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Losses {
    /// Any attempt may be lost, and any call may be canceled.
    Any,
    /// At most two attempts of a call in a row are lost, and no call is canceled. An abandoned attempt arrives, if at
    /// all, before its call ends: a write whose sender is gone cannot be recognized.
    TwoInARow,
}

/// A scenario, from a new key to the end of the last call.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// The number of environments.
    pub(super) environments: usize,
    /// The key's limit per minute.
    pub(super) per_minute: Option<u32>,
    /// The steps.
    pub(super) steps: Vec<Step>,
}

/// A step. Its number selects among the environments, calls or attempts that exist then.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Starts a call in this environment, unless two are in progress there.
    Begin(usize),
    /// Starts a call with the previous secret.
    BeginWithPreviousSecret(usize),
    /// Ends the current attempt of a call with this fault.
    Attempt(usize, AttemptFault),
    /// Delivers an abandoned attempt.
    Arrive(usize),
    /// Ends the environment of a call. The flag says whether its attempts in flight still arrive later.
    Kill(usize, bool),
    /// Drops a call, as when its client hangs up; the environment goes on.
    Drop(usize, bool),
    /// Disables the key; the next step starts after the response.
    Disable,
    /// Enables the key.
    Enable,
    /// Rotates the secret. The previous secret stays valid; the one before it expires.
    Rotate,
    /// Lets this many milliseconds pass, at most until the first timeout of a call in progress.
    Wait(i64),
    /// Ends the calls in progress, then lets this many milliseconds pass.
    Rest(i64),
}

/// The fault of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AttemptFault {
    /// No fault: the request and the response arrive.
    None,
    /// The request never arrives.
    LoseRequest,
    /// The request is applied; the response never arrives.
    LoseResponse,
    /// The sender gives up, and the request arrives later.
    Late,
}

/// A strategy for scenarios.
pub(super) fn scenarios() -> impl Strategy<Value = Scenario> {
    (2..=3_usize, option::weighted(0.2, 1..5_u32), vec(step(), 5..40))
        .prop_map(|(environments, per_minute, steps)| Scenario { environments, per_minute, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..64_usize;
    let fault = prop_oneof![
        5 => Just(AttemptFault::None),
        2 => Just(AttemptFault::LoseResponse),
        1 => Just(AttemptFault::LoseRequest),
        1 => Just(AttemptFault::Late),
    ];
    prop_oneof![
        7 => which.clone().prop_map(Step::Begin),
        2 => which.clone().prop_map(Step::BeginWithPreviousSecret),
        14 => (which.clone(), fault).prop_map(|(call, fault)| Step::Attempt(call, fault)),
        2 => which.clone().prop_map(Step::Arrive),
        1 => (which.clone(), any::<bool>()).prop_map(|(call, arrives)| Step::Kill(call, arrives)),
        1 => (which, any::<bool>()).prop_map(|(call, arrives)| Step::Drop(call, arrives)),
        1 => Just(Step::Disable),
        2 => Just(Step::Enable),
        1 => Just(Step::Rotate),
        1 => (1..3_000_i64).prop_map(Step::Wait),
        // Longer than the age at which a slot is pruned.
        2 => (61_000..130_000_i64).prop_map(Step::Rest),
    ]
}
