//! The faults that can be planted: each leaves out one rule of the counting write, or one assumption about its
//! surroundings.

use crate::guarantees::{DELETED, EXACT_USAGE, RECOGNIZED, REVOCATION};

/// A planted fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The write does not compare its number with the slot's.
    NoNumberCheck,
    /// Concurrent requests of one environment have one slot.
    SharedSlot,
    /// Two environments have one slot, as if they had drawn the same name.
    SlotOfAnotherEnvironment,
    /// The number of a request is the clock's, also if the last request's was the same or greater.
    NumberDoesNotGrow,
    /// Each attempt of a request has a number of its own.
    NewNumberForEachAttempt,
    /// An attempt after a failed pruning has a number of its own.
    NewNumberAfterPruning,
    /// A slot is removed although it was written after it was read.
    UnconditionalPruning,
    /// A slot is prunable as soon as the clock has moved on.
    PrunesTooEarly,
    /// A repeat that finds its own write is evaluated by the key as it is now.
    RepeatEvaluatedAgain,
    /// A repeat that finds its own write is not recognized: it is renamed like one of another writer.
    RepeatNotRecognized,
    /// A request without a response is allowed.
    AllowedWithoutResponse,
    /// The write does not check the key's status.
    StatusNotChecked,
    /// The write does not check the secret.
    SecretNotChecked,
    /// The write creates an item if there is none.
    CreatesMissingKey,
    /// Assumption: a request ends long before the slots of its time are prunable.
    RequestWithoutTimeout,
    /// Assumption: the network does not deliver an attempt long after its request's timeout.
    DeliveredMuchLater,
    /// Assumption: clocks of environments differ by less than the age at which slots are pruned.
    ClockFarAhead,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 17] = [
        Self::NoNumberCheck,
        Self::SharedSlot,
        Self::SlotOfAnotherEnvironment,
        Self::NumberDoesNotGrow,
        Self::NewNumberForEachAttempt,
        Self::NewNumberAfterPruning,
        Self::UnconditionalPruning,
        Self::PrunesTooEarly,
        Self::RepeatEvaluatedAgain,
        Self::RepeatNotRecognized,
        Self::AllowedWithoutResponse,
        Self::StatusNotChecked,
        Self::SecretNotChecked,
        Self::CreatesMissingKey,
        Self::RequestWithoutTimeout,
        Self::DeliveredMuchLater,
        Self::ClockFarAhead,
    ];

    /// The guarantees of which it breaks one first.
    pub const fn breaks(self) -> &'static [&'static str] {
        match self {
            Self::NoNumberCheck
            | Self::SharedSlot
            | Self::SlotOfAnotherEnvironment
            | Self::NumberDoesNotGrow
            | Self::NewNumberForEachAttempt
            | Self::NewNumberAfterPruning
            | Self::UnconditionalPruning
            | Self::PrunesTooEarly
            | Self::AllowedWithoutResponse
            | Self::RequestWithoutTimeout
            | Self::DeliveredMuchLater
            | Self::ClockFarAhead => &[EXACT_USAGE],
            Self::StatusNotChecked | Self::SecretNotChecked => &[REVOCATION],
            Self::RepeatEvaluatedAgain => &[RECOGNIZED],
            Self::RepeatNotRecognized => &[EXACT_USAGE, RECOGNIZED],
            Self::CreatesMissingKey => &[REVOCATION, DELETED],
        }
    }

    /// The edits of the key that it takes to find it.
    pub fn edits(self) -> u8 {
        u8::from(self.breaks() != [EXACT_USAGE])
    }
}
