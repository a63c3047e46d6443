//! The ledger: the outcome of each call as the fault proxy saw it, and the violations of the guarantees.

use shared::store::{Error, Verdict};
use tests::fault_proxy::SentRequest;

use super::scenario::Losses;

/// A broken guarantee.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Violation {
    /// A request was allowed and not counted.
    Uncounted,
    /// A request was counted twice.
    CountedTwice,
    /// A request was counted, a later response arrived, and it was not allowed.
    NotRecognized,
    /// A request was allowed although the key was disabled from before its start until its end.
    AllowedWhileDisabled,
    /// A request failed although at most two attempts in a row were lost.
    GaveUp,
    /// The key's counter does not match the calls.
    Drift {
        authorized: usize,
        counted: usize,
        /// The calls that were not allowed and had an attempt without a response: each may have been counted.
        ambiguous: usize,
    },
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Allowed.
    Authorized,
    /// Denied, or over a rate limit.
    Denied,
    /// Undecided: a 503.
    Failed,
    /// Canceled: the client is gone.
    Canceled,
}

/// The state of a call's write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WriteState {
    Unapplied,
    /// Applied, and no response has arrived since.
    Unconfirmed,
    /// Applied, and a response has arrived since: the call must be allowed.
    Confirmed,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) end: Option<End>,
    /// Whether the key was active at any time since the start.
    pub(super) was_active: bool,
    pub(super) lost_in_a_row: u32,
    lost_responses: u32,
    write: WriteState,
    seen: Seen,
}

impl Call {
    /// A call that starts while the key is active or inactive.
    pub(super) fn started(active: bool) -> Self {
        let seen = Seen::default();
        Self { end: None, was_active: active, lost_in_a_row: 0, lost_responses: 0, write: WriteState::Unapplied, seen }
    }

    /// Records that an attempt was applied, with the status of its response.
    pub(super) fn applied(&mut self, sent: &SentRequest, status: u16) -> Result<(), Violation> {
        if status != 200 {
            return Ok(());
        }
        self.seen.pruned += usize::from(prunes(sent));
        self.seen.with_previous_secret += usize::from(sent.request["ExpressionAttributeNames"]["#hash"] == "old_hash");
        if self.write != WriteState::Unapplied {
            return Err(Violation::CountedTwice);
        }
        self.write = WriteState::Unconfirmed;
        Ok(())
    }

    /// Records that the response to an attempt arrives.
    pub(super) fn response_arrived(&mut self, sent: &SentRequest, status: u16) {
        self.lost_in_a_row = 0;
        if self.write == WriteState::Unapplied {
            self.seen.prune_rejected += usize::from(prunes(sent));
        } else {
            self.seen.recognized += usize::from(status != 200);
            self.write = WriteState::Confirmed;
        }
    }

    /// Records that an attempt gets no response.
    pub(super) fn response_lost(&mut self) {
        self.lost_in_a_row += 1;
        self.lost_responses += 1;
    }

    /// Records the end of the call.
    pub(super) fn ended(&mut self, outcome: Result<Verdict, Error>, losses: Losses) -> Result<(), Violation> {
        let allowed = matches!(outcome, Ok(Verdict::Allowed(_)));
        let end = match outcome {
            Ok(Verdict::Allowed(caller)) if caller.retry_after.is_none() => End::Authorized,
            Ok(_) => End::Denied,
            Err(_) => End::Failed,
        };
        self.end = Some(end);
        if allowed && !self.was_active {
            return Err(Violation::AllowedWhileDisabled);
        }
        match end {
            End::Authorized if self.write == WriteState::Unapplied => Err(Violation::Uncounted),
            End::Denied | End::Failed if self.write == WriteState::Confirmed => Err(Violation::NotRecognized),
            End::Failed if losses == Losses::TwoInARow => Err(Violation::GaveUp),
            _ => Ok(()),
        }
    }

    /// Whether the call may have been counted although it was not allowed.
    fn ambiguous(&self) -> bool {
        self.end != Some(End::Authorized) && self.lost_responses > 0
    }
}

fn prunes(sent: &SentRequest) -> bool {
    sent.request["ExpressionAttributeNames"].get("#s0").is_some()
}

/// The number of occurrences of each event that the scenarios are there to produce.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Seen {
    pub(super) authorized: usize,
    pub(super) denied: usize,
    pub(super) failed: usize,
    pub(super) canceled: usize,
    pub(super) recognized: usize,
    pub(super) counted_not_allowed: usize,
    pub(super) pruned: usize,
    pub(super) prune_rejected: usize,
    pub(super) with_previous_secret: usize,
}

impl Seen {
    /// Compares the key's counter with the calls.
    pub(super) fn of(calls: &[Call], counted: usize, losses: Losses) -> Result<Self, Violation> {
        let number = |is: &dyn Fn(&Call) -> bool| calls.iter().filter(|call| is(call)).count();
        let ended = |end| number(&|call| call.end == Some(end));
        let authorized = ended(End::Authorized);
        let ambiguous = if losses == Losses::TwoInARow { 0 } else { number(&Call::ambiguous) };
        if !(authorized..=authorized + ambiguous).contains(&counted) {
            return Err(Violation::Drift { authorized, counted, ambiguous });
        }
        let all = calls.iter().fold(Self::default(), |all, call| all.and(call.seen));
        Ok(Self {
            authorized,
            denied: ended(End::Denied),
            failed: ended(End::Failed),
            canceled: ended(End::Canceled),
            counted_not_allowed: counted - authorized,
            ..all
        })
    }

    /// The sums of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            authorized: self.authorized + other.authorized,
            denied: self.denied + other.denied,
            failed: self.failed + other.failed,
            canceled: self.canceled + other.canceled,
            recognized: self.recognized + other.recognized,
            counted_not_allowed: self.counted_not_allowed + other.counted_not_allowed,
            pruned: self.pruned + other.pruned,
            prune_rejected: self.prune_rejected + other.prune_rejected,
            with_previous_secret: self.with_previous_secret + other.with_previous_secret,
        }
    }
}
