//! Why a task is not complete.

use shared::domain::time::Timestamp;
use shared::http::Problem;

/// Why a task is not complete. Its message comes again.
pub(crate) enum TaskError {
    /// Another worker holds the lease until this time.
    HeldByOther(Timestamp),
    /// A service failed.
    Failed(Problem),
}

impl<E: Into<Problem>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
