//! Headers that every response of a route has: for its security, for browsers, and for keys with rate limits.

use lambda_http::http::HeaderName;
use lambda_http::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};

use super::request::{Extract as _, Request};
use crate::config::Config;
use crate::domain::caller::Caller;
use crate::domain::limits::Quota;

/// The headers that a page of another origin may read.
const EXPOSED_HEADERS: &str =
    "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate";

/// The headers that keep a browser from guessing a response's type, and from calling the API without TLS for two years.
/// Over plain HTTP, as on a laptop, a browser ignores the second (RFC 6797, section 8.1).
pub(super) fn security() -> [(HeaderName, String); 2] {
    [(X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()), (STRICT_TRANSPORT_SECURITY, "max-age=63072000".to_owned())]
}

/// The headers by which a browser lets a page read a response: any origin on the routes that a page calls with a
/// publishable key, the origin of a console of the owner's on all others, if there is one.
pub(super) fn cors(route: &str, config: &Config) -> impl Iterator<Item = (HeaderName, String)> {
    let origin = if route.starts_with("/subscriptions") { "*" } else { &config.console_origin };
    let allowed = (!origin.is_empty()).then(|| (ACCESS_CONTROL_ALLOW_ORIGIN, origin.to_owned()));
    let others = [(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS.to_owned()), (VARY, "Origin".to_owned())];
    allowed.into_iter().chain(others)
}

/// What is left of the rate limits of a request's key (draft-ietf-httpapi-ratelimit-headers-10); empty without limits.
pub(super) fn rate_limits(request: &Request) -> Vec<(HeaderName, String)> {
    let caller = Caller::from_context(request.authorizer(), request.request_id());
    let quotas = caller.map(|caller| caller.quotas).unwrap_or_default();
    if quotas.is_empty() {
        return Vec::new();
    }
    let list = |item: fn(&Quota) -> String| quotas.iter().map(item).collect::<Vec<_>>().join(", ");
    let policy = list(|quota| format!("\"{}\";q={};w={}", quota.period.name(), quota.limit, quota.period.seconds()));
    let left = list(|quota| format!("\"{}\";r={};t={}", quota.period.name(), quota.left, quota.resets_in));
    vec![(HeaderName::from_static("ratelimit-policy"), policy), (HeaderName::from_static("ratelimit"), left)]
}
