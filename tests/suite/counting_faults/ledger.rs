//! What became of each call, as the wire saw it, and what must never be.

use shared::store::{Error, Verdict};
use tests::fault_proxy::Sent;

use super::simulator::Losses;

/// A broken promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Violation {
    /// A request was let through that was not counted.
    Uncounted,
    /// A request was counted twice.
    CountedTwice,
    /// A request was counted, the store answered it after that, and it was not let through.
    NotRecognised,
    /// A request was let through although the key was off from before it began until its end.
    BeganDisabled,
    /// A request failed although it lost no more than two attempts in a row.
    GaveUp,
    /// The key's counter is outside of what the calls allow.
    Drift {
        authorised: usize,
        counted: usize,
        /// Calls that were not let through although one of their attempts was never answered.
        excused: usize,
    },
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Let through.
    Authorised,
    /// Refused, or over a limit.
    Refused,
    /// Not decided: 503.
    Failed,
    /// Nobody waits for it any more.
    CutOff,
}

/// Whether a call's write was applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Landed {
    No,
    /// It was, and no answer has come since.
    Unseen,
    /// It was, and an answer came after that: the call must be let through.
    Answered,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) end: Option<End>,
    /// Whether the key was active at some moment since it began.
    pub(super) was_active: bool,
    pub(super) lost_in_a_row: u32,
    unanswered: u32,
    landed: Landed,
    seen: Seen,
}

impl Call {
    /// A call that begins while the key is active, or is not.
    pub(super) fn begun(active: bool) -> Self {
        let seen = Seen::default();
        Self { end: None, was_active: active, lost_in_a_row: 0, unanswered: 0, landed: Landed::No, seen }
    }

    /// An attempt arrived.
    pub(super) fn applied(&mut self, sent: &Sent, status: u16) -> Result<(), Violation> {
        if status != 200 {
            return Ok(());
        }
        self.seen.pruned += usize::from(prunes(sent));
        self.seen.with_old_secret += usize::from(sent.request["ExpressionAttributeNames"]["#hash"] == "old_hash");
        if self.landed != Landed::No {
            return Err(Violation::CountedTwice);
        }
        self.landed = Landed::Unseen;
        Ok(())
    }

    /// The answer to an attempt is about to be seen.
    pub(super) fn answered(&mut self, sent: &Sent, status: u16) {
        self.lost_in_a_row = 0;
        if self.landed == Landed::No {
            self.seen.prune_refused += usize::from(prunes(sent));
        } else {
            self.seen.recognised += usize::from(status != 200);
            self.landed = Landed::Answered;
        }
    }

    /// An attempt will never be answered.
    pub(super) fn unanswered(&mut self) {
        self.lost_in_a_row += 1;
        self.unanswered += 1;
    }

    /// It is decided.
    pub(super) fn ended(&mut self, outcome: Result<Verdict, Error>, losses: Losses) -> Result<(), Violation> {
        let through = matches!(outcome, Ok(Verdict::Through(_)));
        let end = match outcome {
            Ok(Verdict::Through(caller)) if caller.retry_after.is_none() => End::Authorised,
            Ok(_) => End::Refused,
            Err(_) => End::Failed,
        };
        self.end = Some(end);
        if through && !self.was_active {
            return Err(Violation::BeganDisabled);
        }
        match end {
            End::Authorised if self.landed == Landed::No => Err(Violation::Uncounted),
            End::Refused | End::Failed if self.landed == Landed::Answered => Err(Violation::NotRecognised),
            End::Failed if losses == Losses::TwoInARow => Err(Violation::GaveUp),
            _ => Ok(()),
        }
    }

    /// Whether it may have been counted although it was not let through.
    fn excused(&self) -> bool {
        self.end != Some(End::Authorised) && self.unanswered > 0
    }
}

fn prunes(sent: &Sent) -> bool {
    sent.request["ExpressionAttributeNames"].get("#s0").is_some()
}

/// How often a history showed what it is there to show.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Seen {
    pub(super) authorised: usize,
    pub(super) refused: usize,
    pub(super) failed: usize,
    pub(super) cut_off: usize,
    pub(super) recognised: usize,
    pub(super) counted_for_nobody: usize,
    pub(super) pruned: usize,
    pub(super) prune_refused: usize,
    pub(super) with_old_secret: usize,
}

impl Seen {
    /// Weighs the key's counter against the calls.
    pub(super) fn of(calls: &[Call], counted: usize, losses: Losses) -> Result<Self, Violation> {
        let number = |is: &dyn Fn(&Call) -> bool| calls.iter().filter(|call| is(call)).count();
        let ended = |end| number(&|call| call.end == Some(end));
        let authorised = ended(End::Authorised);
        let excused = if losses == Losses::TwoInARow { 0 } else { number(&Call::excused) };
        if !(authorised..=authorised + excused).contains(&counted) {
            return Err(Violation::Drift { authorised, counted, excused });
        }
        let all = calls.iter().fold(Self::default(), |all, call| all.and(call.seen));
        Ok(Self {
            authorised,
            refused: ended(End::Refused),
            failed: ended(End::Failed),
            cut_off: ended(End::CutOff),
            counted_for_nobody: counted - authorised,
            ..all
        })
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            authorised: self.authorised + other.authorised,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
            cut_off: self.cut_off + other.cut_off,
            recognised: self.recognised + other.recognised,
            counted_for_nobody: self.counted_for_nobody + other.counted_for_nobody,
            pruned: self.pruned + other.pruned,
            prune_refused: self.prune_refused + other.prune_refused,
            with_old_secret: self.with_old_secret + other.with_old_secret,
        }
    }
}
