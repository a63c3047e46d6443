//! The push services that may be called. An endpoint is a URL from an untrusted client, so it is accepted only if it leads
//! to one of them.

use sha2::{Digest, Sha256};
use url::{Host, Url};

use crate::domain::account::Account;
use crate::domain::subscription::SubscriptionId;

/// The maximum length of an endpoint, in bytes; the large push services stay under 1,000.
const MAX_ENDPOINT_LEN: usize = 2_048;

/// The allowed hosts: a host, `*.` and a host for its subdomains, and on a laptop an origin like `http://127.0.0.1:9000`.
#[derive(Clone, Debug)]
pub struct PushHosts(Vec<HostPattern>);

#[derive(Clone, Debug)]
enum HostPattern {
    Exact(String),
    Subdomains(String),
    Origin(url::Origin),
}

impl PushHosts {
    /// Parses a list that is separated by commas.
    pub fn parse(list: &str) -> Self {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Self(entries.map(HostPattern::parse).collect())
    }

    /// Parses an endpoint of an allowed host: https on port 443 without user information, or one of the origins. The parts
    /// of the parsed URL are compared, never its text.
    pub fn endpoint(&self, text: &str) -> Result<Endpoint, InvalidEndpoint> {
        if text.len() > MAX_ENDPOINT_LEN {
            return Err(InvalidEndpoint::TooLong);
        }
        // The parser would encode or drop other characters, and the subscription be another one than was sent.
        if !is_uri_text(text) {
            return Err(InvalidEndpoint::InvalidUrl);
        }
        let url = Url::parse(text).map_err(|_| InvalidEndpoint::InvalidUrl)?;
        // The length as it is stored: the parser encodes some characters of a query.
        if url.as_str().len() > MAX_ENDPOINT_LEN {
            return Err(InvalidEndpoint::TooLong);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(InvalidEndpoint::InvalidUrl);
        }
        let origin = url.origin();
        if self.0.iter().any(|pattern| matches!(pattern, HostPattern::Origin(allowed) if *allowed == origin)) {
            return Ok(Endpoint(url));
        }
        if url.scheme() != "https" || url.port_or_known_default() != Some(443) {
            return Err(InvalidEndpoint::NotHttps);
        }
        let Some(Host::Domain(host)) = url.host() else {
            return Err(InvalidEndpoint::UnknownService);
        };
        let allowed = self.0.iter().any(|pattern| match pattern {
            HostPattern::Exact(name) => host == name,
            HostPattern::Subdomains(parent) => {
                host.strip_suffix(parent.as_str()).and_then(|sub| sub.strip_suffix('.')).is_some_and(is_host_name)
            }
            HostPattern::Origin(_) => false,
        });
        allowed.then_some(Endpoint(url)).ok_or(InvalidEndpoint::UnknownService)
    }
}

/// Whether a text has only the characters of a URI without an IPv6 address, and each `%` begins an encoded byte (RFC 3986).
fn is_uri_text(text: &str) -> bool {
    let mut encoded = text.split('%').skip(1).map(|rest| rest.get(..2));
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte))
        && encoded.all(|digits| digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())))
}

/// Whether a text is labels of letters, digits and inner hyphens (RFC 1123). A URL's host may have other characters, which
/// resolvers and HTTP clients do not agree on.
fn is_host_name(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

impl HostPattern {
    fn parse(entry: &str) -> Self {
        match (entry.strip_prefix("*."), entry.strip_prefix("http://").and_then(|_| Url::parse(entry).ok())) {
            (_, Some(url)) => Self::Origin(url.origin()),
            (Some(parent), None) => Self::Subdomains(parent.to_owned()),
            (None, None) => Self::Exact(entry.to_owned()),
        }
    }
}

/// The URL at which a push service accepts pushes for one subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint(Url);

/// Why a text is not an endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// Not a URL, or one with user information or a fragment.
    #[error("is not a URL of a push service")]
    InvalidUrl,
    /// Over 2,048 bytes.
    #[error("has at most 2048 bytes")]
    TooLong,
    /// A scheme or port that is not allowed.
    #[error("is not https on port 443")]
    NotHttps,
    /// A host that is not allowed.
    #[error("does not lead to a known push service")]
    UnknownService,
}

impl Endpoint {
    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port: the audience of a VAPID token (RFC 8292).
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The id of the subscription with this endpoint: the same endpoint is the same subscription.
    pub fn subscription_id(&self, account: &Account) -> SubscriptionId {
        let digest = Sha256::digest(format!("{account}\n{}", self.0));
        let half = digest.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        SubscriptionId::from_digest(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_leads_to_an_allowed_push_service() {
        let hosts = PushHosts::parse("fcm.googleapis.com, *.push.apple.com,http://127.0.0.1:9000");

        for valid in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://fcm.googleapis.com:443/x",
            "https://FCM.googleapis.com/x",
            "https://web.push.apple.com/x",
            "https://a-1.web.push.apple.com/x",
            "http://127.0.0.1:9000/x",
        ] {
            assert!(hosts.endpoint(valid).is_ok(), "{valid}");
        }
        for invalid in [
            "",
            "fcm.googleapis.com/x",
            "http://fcm.googleapis.com/x",
            "https://fcm.googleapis.com:8443/x",
            "https://fcm.googleapis.com./x",
            "https://fcm.googleapis.com.evil.example/x",
            "https://fcm.googleapis.com@169.254.169.254/x",
            "https://user@fcm.googleapis.com/x",
            "https://169.254.169.254/fcm.googleapis.com/",
            "https://evil.example/https://fcm.googleapis.com/",
            "https://evil.example#fcm.googleapis.com",
            "https://push.apple.com/x",
            "https://.push.apple.com/x",
            "https://evilpush.apple.com/x",
            "https://fcm.googleapis.com/a b",
            " https://fcm.googleapis.com/x",
            "https://fcm.googleapis.com/x\n",
            "https://fcm.googleapis.com\\x",
            "https://fcm.googleapis.com/é",
            "https://fcm.googleapis.com/%zz",
            "https://fcm.googleapis.com/%4",
            "https://{web.push.apple.com/x",
            "https://web$.push.apple.com/x",
            "https://_web.push.apple.com/x",
            "https://-web.push.apple.com/x",
            "https://web..push.apple.com/x",
            "https://[::1]/x",
            "http://127.0.0.1:9001/x",
            "https://127.0.0.1:9000/x",
            "http://localhost:9000/x",
            "ftp://fcm.googleapis.com/x",
        ] {
            assert!(hosts.endpoint(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn an_endpoint_has_at_most_2048_bytes_as_it_is_stored() {
        let hosts = PushHosts::parse("fcm.googleapis.com");
        let endpoint =
            |path: &str, times| hosts.endpoint(&format!("https://fcm.googleapis.com/{}", path.repeat(times)));

        let longest = endpoint("x", MAX_ENDPOINT_LEN - 27).expect("2,048 bytes");
        assert!(hosts.endpoint(longest.url().as_str()).is_ok());
        assert_eq!(endpoint("x", MAX_ENDPOINT_LEN - 26), Err(InvalidEndpoint::TooLong));
        // Three bytes of the stored URL for each quote.
        assert_eq!(endpoint("?'", 600), Err(InvalidEndpoint::TooLong));
    }
}
