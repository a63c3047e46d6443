//! One event is one line of the log, with the same names for the same things in every function. What it counts is a metric
//! of CloudWatch, which takes it from that line.

use std::time::Duration;

use crate::log::EVENT;

/// What happened. A part that is `None` is not written.
#[derive(Clone, Default)]
pub struct Event<'a> {
    /// The gateway's id of the request that led to it.
    pub request_id: Option<&'a str>,
    /// Whose data it was about.
    pub account: Option<&'a str>,
    /// The key that asked for it.
    pub key_id: Option<&'a str>,
    /// The person who asked for it: the subject of the token.
    pub person: Option<&'a str>,
    /// The route's path, as the API describes it.
    pub resource: Option<&'a str>,
    /// The push that it was about.
    pub push: Option<&'a str>,
    /// The page of the push's audience.
    pub page: Option<u32>,
    /// 0 for the whole page; above, for those who were tried before.
    pub attempt: Option<u32>,
    /// The push service's host. Its path is the subscriber's own secret and is never written.
    pub host: Option<&'a str>,
    /// The HTTP status that was answered.
    pub status: Option<u16>,
    /// So many times the same.
    pub times: Option<u64>,
    /// How it ended, in one word of a closed set: a problem's code, if it is one.
    pub outcome: &'static str,
    /// What is behind a failure on our side.
    pub cause: Option<String>,
    /// How long it took.
    pub millis: u64,
    /// What it counts.
    pub counts: Counts,
}

/// What one event adds to the metrics. A part that is `None` is no measurement.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Requests that the authorizer let through and counted.
    pub authorised: Option<u64>,
    /// Requests that were answered with a problem; the event's outcome is its code.
    pub refused: Option<u64>,
    /// Requests that the authorizer could not judge, because the store did not answer.
    pub undecided: Option<u64>,
    /// Of those, the ones that may have been counted.
    pub ambiguous: Option<u64>,
    /// Recipients whose push service took the push.
    pub delivered: Option<u64>,
    /// Recipients who are no more.
    pub gone: Option<u64>,
    /// Recipients who will not get the push.
    pub failed: Option<u64>,
    /// Of those, the ones whose push service accepts none of our signatures.
    pub signature_refused: Option<u64>,
    /// Recipients who are tried again.
    pub retried: Option<u64>,
}

impl Counts {
    /// A request that was answered with a problem.
    pub fn refused() -> Self {
        Self { refused: Some(1), ..Self::default() }
    }
}

impl Event<'_> {
    /// Writes the line, whatever the log's level. What happens is the message: `judged`, `answered`, `sent`.
    pub fn write(&self, message: &'static str) {
        // The level stands in the code of a log line, not in a variable.
        macro_rules! write_at {
            ($level:ident) => {
                tracing::$level!(
                    target: EVENT,
                    request_id = self.request_id,
                    account = self.account,
                    key_id = self.key_id,
                    person = self.person,
                    resource = self.resource,
                    push = self.push,
                    page = self.page,
                    attempt = self.attempt,
                    host = self.host,
                    status = self.status,
                    times = self.times,
                    outcome = self.outcome,
                    cause = self.cause,
                    millis = self.millis,
                    Authorized = self.counts.authorised,
                    Problems = self.counts.refused,
                    AuthorizerUnavailable = self.counts.undecided,
                    Ambiguous = self.counts.ambiguous,
                    Delivered = self.counts.delivered,
                    Gone = self.counts.gone,
                    Failed = self.counts.failed,
                    SignatureRejected = self.counts.signature_refused,
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

/// A length of time as events have it.
pub fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
