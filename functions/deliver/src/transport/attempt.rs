//! The result of sending a push to one device, in terms that every transport has.

/// What a push service's response means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeliveryResult {
    /// Accepted.
    Delivered,
    /// The subscription no longer exists.
    Gone,
    /// To be retried, not before these seconds if the push service gave them.
    Retry(Option<u32>),
    /// The push service did not answer.
    NoAnswer,
    /// Rejected for good.
    Failed,
    /// The push service accepts none of our signatures.
    SignatureRejected,
}

/// One attempt to send a push to a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attempt {
    /// Its result.
    pub(crate) result: DeliveryResult,
    /// The result as a word of a closed set, for the log.
    pub(crate) outcome: &'static str,
    /// The push service's host. The path of an endpoint is the subscriber's secret.
    pub(crate) host: Option<String>,
    /// The status of the response, if there was one.
    pub(crate) status: Option<u16>,
    /// The duration.
    pub(crate) millis: u64,
}

impl Attempt {
    /// An attempt that failed before a request was sent.
    pub(crate) fn skipped(outcome: &'static str) -> Self {
        Self { result: DeliveryResult::Failed, outcome, host: None, status: None, millis: 0 }
    }

    /// An attempt that is left for later, since the push service is left alone for these seconds, or has too much to do.
    pub(crate) fn left_for(seconds: u32) -> Self {
        Self { result: DeliveryResult::Retry(Some(seconds)), ..Self::skipped("paused") }
    }
}
