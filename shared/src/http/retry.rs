//! Retries of an edit that lost a race against another one.

use super::problem::Problem;

/// The maximum number of attempts of one edit.
const MAX_ATTEMPTS: u32 = 10;

/// The attempts of one edit: each reads what the other edit left, and writes again.
pub struct EditAttempts {
    left: u32,
}

impl EditAttempts {
    /// The first attempt.
    pub fn start() -> Self {
        Self { left: MAX_ATTEMPTS }
    }

    /// Starts another attempt, unless every attempt has lost.
    pub fn retry(&mut self) -> Result<(), Problem> {
        self.left -= 1;
        if self.left > 0 { Ok(()) } else { Err(Problem::EditConflict) }
    }
}
