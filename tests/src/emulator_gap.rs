//! The known differences between an emulator and AWS, by name.

use serde::Deserialize;

/// A known gap of the emulator that the suite runs on. `deployment/skipped.toml` describes each.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum EmulatorGap {
    /// Gateway responses contain `$context.authorizer.*` unsubstituted.
    AuthorizerContext,
    /// The `x-amzn-RequestId` header of a function's response differs from the request id that the function saw.
    RequestId,
    /// Of a header that is sent twice, no value arrives as it was sent.
    RepeatedHeaders,
    /// The size of headers, URLs and bodies is not limited.
    SizeLimits,
    /// A path with an empty segment matches as if the segment were absent.
    Slashes,
}

impl EmulatorGap {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AuthorizerContext => "authorizer-context",
            Self::RequestId => "request-id",
            Self::RepeatedHeaders => "repeated-headers",
            Self::SizeLimits => "size-limits",
            Self::Slashes => "slashes",
        }
    }
}
