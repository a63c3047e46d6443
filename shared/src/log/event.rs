//! Log events: one line each, with the same field names in every function. CloudWatch takes the metrics from the line.

use std::time::Duration;

/// The target of events. They are written at any level, because metrics are taken from them.
pub const EVENT_TARGET: &str = "event";

/// One event. A field that is `None` is not written.
#[derive(Clone, Default)]
pub struct LogEvent<'a> {
    /// API Gateway's id of the request that caused it.
    pub request_id: Option<&'a str>,
    /// The account.
    pub account: Option<&'a str>,
    /// The key that made the request.
    pub key_id: Option<&'a str>,
    /// The user who made the request: the subject of the token.
    pub user: Option<&'a str>,
    /// The route's path in the API.
    pub resource: Option<&'a str>,
    /// The push.
    pub push: Option<&'a str>,
    /// The path of the delivery task in the tree of its push: `/` for the first one.
    pub task: Option<&'a str>,
    /// The delivery attempt: 0 for the range, above for retries.
    pub attempt: Option<u32>,
    /// The push service's host. The path of an endpoint is the subscriber's secret and is never written.
    pub host: Option<&'a str>,
    /// The HTTP status of the response.
    pub status: Option<u16>,
    /// The number of identical results that the line reports.
    pub times: Option<u64>,
    /// The outcome, one of a closed set: a problem's code, if there is a problem.
    pub outcome: &'static str,
    /// The cause of a failure on the server's side.
    pub cause: Option<String>,
    /// The duration.
    pub millis: u64,
    /// The metrics.
    pub counts: MetricCounts,
}

/// What one event adds to the metrics. `None` is no measurement.
#[derive(Clone, Copy, Default)]
pub struct MetricCounts {
    /// Requests that the authorizer allowed and counted.
    pub authorized: Option<u64>,
    /// Requests that ended in a problem; the event's outcome is its code.
    pub problems: Option<u64>,
    /// Requests that the authorizer could not evaluate, because the store did not respond.
    pub authorizer_unavailable: Option<u64>,
    /// Of those, requests that may have been counted.
    pub ambiguous: Option<u64>,
    /// Events that a function must not carry out: of another function's route, or with the context of another request.
    pub event_mismatch: Option<u64>,
    /// Recipients whose push service accepted the push.
    pub delivered: Option<u64>,
    /// Recipients whose subscription no longer exists.
    pub gone: Option<u64>,
    /// Recipients that were given up.
    pub failed: Option<u64>,
    /// Of those, recipients whose push service accepts none of our signatures.
    pub signature_rejected: Option<u64>,
    /// Recipients that are retried.
    pub retried: Option<u64>,
}

impl MetricCounts {
    /// One request that ended in a problem.
    pub fn problem() -> Self {
        Self { problems: Some(1), ..Self::default() }
    }
}

impl LogEvent<'_> {
    /// Writes the line, at any log level. The message says what happened: `evaluated`, `answered`, `sent`.
    pub fn write(&self, message: &'static str) {
        // The level of a log line is a constant of its call site, not a variable.
        macro_rules! write_at {
            ($level:ident) => {
                tracing::$level!(
                    target: EVENT_TARGET,
                    request_id = self.request_id,
                    account = self.account,
                    key_id = self.key_id,
                    user = self.user,
                    resource = self.resource,
                    push = self.push,
                    task = self.task,
                    attempt = self.attempt,
                    host = self.host,
                    status = self.status,
                    times = self.times,
                    outcome = self.outcome,
                    cause = self.cause,
                    millis = self.millis,
                    Authorized = self.counts.authorized,
                    Problems = self.counts.problems,
                    AuthorizerUnavailable = self.counts.authorizer_unavailable,
                    Ambiguous = self.counts.ambiguous,
                    EventMismatch = self.counts.event_mismatch,
                    Delivered = self.counts.delivered,
                    Gone = self.counts.gone,
                    Failed = self.counts.failed,
                    SignatureRejected = self.counts.signature_rejected,
                    Retried = self.counts.retried,
                    "{message}"
                )
            };
        }
        if self.cause.is_some() {
            write_at!(error);
        } else {
            write_at!(info);
        }
    }
}

/// A duration in the unit of events.
pub fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
