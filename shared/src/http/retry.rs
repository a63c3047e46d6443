//! Retries of an edit that lost a race against another one.

use super::problem::Problem;

/// The maximum number of attempts of one edit.
const MAX_ATTEMPTS: u32 = 10;

/// Repeats an edit, each time on what the other edit left, until it is written. `None` says that it was not.
pub async fn retry_on_conflict<T>(mut edit: impl AsyncFnMut() -> Result<Option<T>, Problem>) -> Result<T, Problem> {
    for _ in 0..MAX_ATTEMPTS {
        if let Some(written) = edit().await? {
            return Ok(written);
        }
    }
    Err(Problem::EditConflict)
}
