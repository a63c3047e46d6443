//! One browser or device that receives pushes. Its endpoint is a URL that a stranger gave us, so it is believed only
//! where it leads to a push service that we know.

use aws_lc_rs::agreement;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use crate::domain::account::Account;
use crate::domain::time::Timestamp;

/// At most so many channels in one `PUT`.
pub const MOST_CHANNELS: usize = 20;

/// The longest endpoint, in bytes; the large push services stay under 1,000.
const LONGEST_ENDPOINT: usize = 2_048;

/// The push services that may be called: hosts, `*.` before a host for those below it, and for a laptop whole origins
/// like `http://127.0.0.1:9000`.
#[derive(Clone, Debug)]
pub struct PushHosts(Vec<Known>);

#[derive(Clone, Debug)]
enum Known {
    Host(String),
    Below(String),
    Origin(url::Origin),
}

impl PushHosts {
    /// Reads the list, separated by commas.
    pub fn parse(list: &str) -> Self {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Self(entries.map(Known::parse).collect())
    }

    /// The endpoint that this text is, if it leads to one of these: https on port 443 without a user, or exactly one of
    /// the origins. The parts of the parsed URL are compared, never its text.
    pub fn endpoint(&self, text: &str) -> Result<Endpoint, NotAnEndpoint> {
        let url = Url::parse(text).map_err(|_| NotAnEndpoint::NotAUrl)?;
        // As it is kept: what a URL must not hold is longer there.
        if url.as_str().len() > LONGEST_ENDPOINT {
            return Err(NotAnEndpoint::TooLong);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(NotAnEndpoint::NotAUrl);
        }
        let origin_known = self.0.iter().any(|known| matches!(known, Known::Origin(origin) if *origin == url.origin()));
        if origin_known {
            return Ok(Endpoint(url));
        }
        if url.scheme() != "https" || url.port_or_known_default() != Some(443) {
            return Err(NotAnEndpoint::NotHttps);
        }
        let Some(Host::Domain(host)) = url.host() else {
            return Err(NotAnEndpoint::UnknownService);
        };
        let known = self.0.iter().any(|known| match known {
            Known::Host(name) => host == name,
            Known::Below(parent) => {
                host.strip_suffix(parent.as_str()).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
            }
            Known::Origin(_) => false,
        });
        known.then_some(Endpoint(url)).ok_or(NotAnEndpoint::UnknownService)
    }
}

impl Known {
    fn parse(entry: &str) -> Self {
        match (entry.strip_prefix("*."), entry.strip_prefix("http://").and_then(|_| Url::parse(entry).ok())) {
            (_, Some(url)) => Self::Origin(url.origin()),
            (Some(parent), None) => Self::Below(parent.to_owned()),
            (None, None) => Self::Host(entry.to_owned()),
        }
    }
}

/// Where a push service takes pushes for one subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint(Url);

/// Why a text is not an endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEndpoint {
    /// No URL, or one with a user or a fragment.
    #[error("is not a URL of a push service")]
    NotAUrl,
    /// Over 2,048 bytes.
    #[error("has at most 2048 bytes")]
    TooLong,
    /// Another scheme or port.
    #[error("is not https on port 443")]
    NotHttps,
    /// A host that nobody allowed.
    #[error("does not lead to a known push service")]
    UnknownService,
}

impl Endpoint {
    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port: what a signature is made for (RFC 8292).
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The id of the subscription with this endpoint: the same endpoint is the same subscription.
    pub fn subscription_id(&self, account: &Account) -> SubscriptionId {
        let digest = Sha256::digest(format!("{account}\n{}", self.0));
        let half = digest.iter().take(16).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        SubscriptionId(format!("{half:032x}"))
    }
}

/// A subscription's id: 32 hexadecimal digits that come from its endpoint. Who knows it knew the endpoint.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a subscription's id.
#[derive(Debug, thiserror::Error)]
#[error("is not a subscription's id: 32 hexadecimal digits")]
pub struct NotASubscriptionId;

impl TryFrom<String> for SubscriptionId {
    type Error = NotASubscriptionId;

    fn try_from(text: String) -> Result<Self, NotASubscriptionId> {
        let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then_some(Self(text)).ok_or(NotASubscriptionId)
    }
}

/// The subscriber's public key: an uncompressed point of P-256, base64url (RFC 8291).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct P256dh([u8; 65]);

impl P256dh {
    /// The 65 bytes.
    pub fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }
}

/// The text is not a public key.
#[derive(Debug, thiserror::Error)]
#[error("is not a P-256 public key: 65 bytes as base64url")]
pub struct NotAPublicKey;

impl TryFrom<String> for P256dh {
    type Error = NotAPublicKey;

    fn try_from(text: String) -> Result<Self, NotAPublicKey> {
        let point: [u8; 65] = decoded(&text).ok_or(NotAPublicKey)?;
        let key = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &point);
        agreement::ParsedPublicKey::try_from(key).map_err(|_| NotAPublicKey)?;
        // The library takes other encodings of a point too; the RFC knows this one.
        (point[0] == 4).then_some(Self(point)).ok_or(NotAPublicKey)
    }
}

impl From<P256dh> for String {
    fn from(key: P256dh) -> Self {
        URL_SAFE_NO_PAD.encode(key.0)
    }
}

/// The secret that the subscriber shares with us: 16 bytes, base64url (RFC 8291).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuthSecret([u8; 16]);

impl AuthSecret {
    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for AuthSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthSecret(…)")
    }
}

/// The text is not such a secret.
#[derive(Debug, thiserror::Error)]
#[error("is not an authentication secret: 16 bytes as base64url")]
pub struct NotAnAuthSecret;

impl TryFrom<String> for AuthSecret {
    type Error = NotAnAuthSecret;

    fn try_from(text: String) -> Result<Self, NotAnAuthSecret> {
        decoded(&text).map(Self).ok_or(NotAnAuthSecret)
    }
}

impl From<AuthSecret> for String {
    fn from(secret: AuthSecret) -> Self {
        URL_SAFE_NO_PAD.encode(secret.0)
    }
}

/// Base64url, with padding or without, of exactly so many bytes.
fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

/// A subscription as it is kept, but for its memberships.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Where its push service takes pushes, as it was given; checked again before each send.
    pub endpoint: String,
    /// The subscriber's public key.
    pub p256dh: P256dh,
    /// The secret shared with the subscriber.
    pub auth: AuthSecret,
    /// The id of the VAPID key that it was made with.
    pub vapid: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last put.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_leads_to_a_known_push_service_and_nowhere_else() {
        let hosts = PushHosts::parse("fcm.googleapis.com, *.push.apple.com,http://127.0.0.1:9000");

        for good in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://fcm.googleapis.com:443/x",
            "https://FCM.googleapis.com/x",
            "https://web.push.apple.com/x",
            "http://127.0.0.1:9000/x",
        ] {
            assert!(hosts.endpoint(good).is_ok(), "{good}");
        }
        for bad in [
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
            "https://[::1]/x",
            "http://127.0.0.1:9001/x",
            "https://127.0.0.1:9000/x",
            "http://localhost:9000/x",
            "ftp://fcm.googleapis.com/x",
        ] {
            assert!(hosts.endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_as_long_as_it_is_kept() {
        let hosts = PushHosts::parse("fcm.googleapis.com");
        let of = |path: &str, times| hosts.endpoint(&format!("https://fcm.googleapis.com/{}", path.repeat(times)));

        let longest = of("x", LONGEST_ENDPOINT - 27).expect("2,048 bytes");
        assert!(hosts.endpoint(longest.url().as_str()).is_ok());
        assert_eq!(of("x", LONGEST_ENDPOINT - 26), Err(NotAnEndpoint::TooLong));
        // Six bytes of the URL for each of these.
        assert_eq!(of("é", 500), Err(NotAnEndpoint::TooLong));
    }

    #[test]
    fn a_public_key_is_a_point_of_the_curve() {
        let good = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        assert!(P256dh::try_from(good.to_owned()).is_ok());

        let mut off_the_curve = URL_SAFE_NO_PAD.decode(good).expect("base64url");
        off_the_curve[64] ^= 1;
        for bad in [
            String::new(),
            good[1..].to_owned(),
            URL_SAFE_NO_PAD.encode([4; 65]),
            URL_SAFE_NO_PAD.encode(off_the_curve),
        ] {
            assert!(P256dh::try_from(bad.clone()).is_err(), "{bad}");
        }
    }
}
