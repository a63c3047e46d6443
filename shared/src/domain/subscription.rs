//! One device that receives pushes.

use aws_lc_rs::agreement;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// The maximum number of channels in one `PUT`.
pub const MAX_CHANNELS: usize = 20;

/// A subscription as it is stored, without its memberships.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Where its pushes go.
    pub target: Target,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// The time of the last `PUT`.
    pub updated_at: Timestamp,
}

/// Where a subscription's pushes go: one variant for each transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A browser's push service (RFC 8030).
    WebPush(WebPush),
}

/// A browser's push subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebPush {
    /// The push service's URL, as the browser gave it; parsed again before each send, because the allowed hosts may change.
    pub endpoint: String,
    /// The browser's public key.
    pub p256dh: P256dh,
    /// The secret shared with the browser.
    pub auth: AuthSecret,
    /// The id of the VAPID key that the browser subscribed with.
    pub vapid_key: String,
}

/// A subscription's id: 32 hexadecimal digits, derived from its target. Only a client that knows the target knows the id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// The id of this digest.
    pub fn from_digest(digest: u128) -> Self {
        Self(format!("{digest:032x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest of this id.
    pub fn digest(&self) -> u128 {
        u128::from_str_radix(&self.0, 16).unwrap_or_else(|_| unreachable!("an id is 32 hexadecimal digits"))
    }

    /// The first digit, by which subscriptions are spread over partitions.
    pub fn first_digit(&self) -> char {
        self.0.chars().next().unwrap_or_else(|| unreachable!("an id is 32 hexadecimal digits"))
    }
}

/// The text is not a subscription's id.
#[derive(Debug, thiserror::Error)]
#[error("is not a subscription's id: 32 hexadecimal digits")]
pub struct InvalidSubscriptionId;

impl TryFrom<String> for SubscriptionId {
    type Error = InvalidSubscriptionId;

    fn try_from(text: String) -> Result<Self, InvalidSubscriptionId> {
        let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then_some(Self(text)).ok_or(InvalidSubscriptionId)
    }
}

/// The browser's public key: an uncompressed point of P-256, base64url (RFC 8291).
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
pub struct InvalidPublicKey;

impl TryFrom<String> for P256dh {
    type Error = InvalidPublicKey;

    fn try_from(text: String) -> Result<Self, InvalidPublicKey> {
        let point: [u8; 65] = decode_exact(&text).ok_or(InvalidPublicKey)?;
        let key = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &point);
        agreement::ParsedPublicKey::try_from(key).map_err(|_| InvalidPublicKey)?;
        // The library accepts other encodings of a point too; the RFC has this one.
        (point[0] == 4).then_some(Self(point)).ok_or(InvalidPublicKey)
    }
}

impl From<P256dh> for String {
    fn from(key: P256dh) -> Self {
        URL_SAFE_NO_PAD.encode(key.0)
    }
}

/// The secret that the browser shares with the application server: 16 bytes, base64url (RFC 8291).
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

/// The text is not an authentication secret.
#[derive(Debug, thiserror::Error)]
#[error("is not an authentication secret: 16 bytes as base64url")]
pub struct InvalidAuthSecret;

impl TryFrom<String> for AuthSecret {
    type Error = InvalidAuthSecret;

    fn try_from(text: String) -> Result<Self, InvalidAuthSecret> {
        decode_exact(&text).map(Self).ok_or(InvalidAuthSecret)
    }
}

impl From<AuthSecret> for String {
    fn from(secret: AuthSecret) -> Self {
        URL_SAFE_NO_PAD.encode(secret.0)
    }
}

/// Decodes base64url of exactly `N` bytes, with or without padding.
fn decode_exact<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_a_point_of_the_curve() {
        let valid = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        assert!(P256dh::try_from(valid.to_owned()).is_ok());

        let mut off_the_curve = URL_SAFE_NO_PAD.decode(valid).expect("base64url");
        off_the_curve[64] ^= 1;
        for invalid in [
            String::new(),
            valid[1..].to_owned(),
            URL_SAFE_NO_PAD.encode([4; 65]),
            URL_SAFE_NO_PAD.encode(off_the_curve),
        ] {
            assert!(P256dh::try_from(invalid.clone()).is_err(), "{invalid}");
        }
    }
}
