//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a repeated send with the same key is the same push, and a
//! repeated request for a secret creates no second one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::audience::Audience;
use crate::domain::id::KeyId;

/// How long an idempotency key is remembered, in seconds (24 hours).
pub const IDEMPOTENCY_WINDOW: i64 = 86_400;

/// The value of `Idempotency-Key`: 1 to 255 visible ASCII characters. Each API key has its own space of them, and so has each
/// account for its users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A digest for the store: its length is bounded, and it contains no separator.
    pub fn digest(&self, key: &KeyId) -> String {
        let digest = Sha256::new().chain_update(key.as_str()).chain_update(&self.0).finalize();
        URL_SAFE_NO_PAD.encode(digest)
    }

    /// The digest for a request of the account's users.
    pub fn digest_of_account(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }
}

/// The text is not an idempotency key.
#[derive(Debug, thiserror::Error)]
#[error("is not 1 to 255 visible ASCII characters")]
pub struct InvalidIdempotencyKey;

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidIdempotencyKey;

    fn try_from(text: String) -> Result<Self, InvalidIdempotencyKey> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(text)).ok_or(InvalidIdempotencyKey)
    }
}

/// A request for a secret that its client may repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretRequest {
    /// The idempotency key.
    pub idempotency_key: IdempotencyKey,
    /// The fingerprint of its path and body.
    pub fingerprint: Fingerprint,
}

/// A digest of a request. Of a send, it is of the body and the audience: a key whose scope has changed since sends to another
/// audience.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of this body, sent to this audience.
    pub fn of(body: &str, audience: &Audience) -> Self {
        let mut digest = Sha256::new();
        match audience {
            Audience::All => digest.update([0]),
            Audience::Channels(channels) => {
                digest.update([1]);
                for (slug, id) in channels {
                    digest.update(format!("{slug}={}\n", id.as_str()));
                }
            }
        }
        // A slug does not begin with NUL, so the body cannot be taken for a channel.
        digest.update([0]);
        digest.update(body);
        Self(digest.finalize().into())
    }

    /// The fingerprint of a request for a secret, with this path and body.
    pub fn of_secret_request(path: &str, body: &str) -> Self {
        let digest = Sha256::new().chain_update([2]).chain_update(path).chain_update([0]).chain_update(body);
        Self(digest.finalize().into())
    }

    /// The fingerprint of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::{ChannelId, Channels, Slug};

    fn audience(channels: &[(&str, &str)]) -> Audience {
        let channel = |(slug, id): &(&str, &str)| {
            (Slug::try_from((*slug).to_owned()).expect("a slug"), ChannelId::from_stored((*id).to_owned()))
        };
        Audience::Channels(channels.iter().map(channel).collect::<Channels>())
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        for valid in ["a", "order 1".replace(' ', "-").as_str(), &"x".repeat(255), "!~"] {
            assert!(IdempotencyKey::try_from(valid.to_owned()).is_ok(), "{valid}");
        }
        for invalid in ["", " ", "a b", "é", "a\n", "\u{7f}", &"x".repeat(256)] {
            assert!(IdempotencyKey::try_from(invalid.to_owned()).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn another_body_audience_or_path_has_another_fingerprint() {
        let all = [
            Fingerprint::of("{}", &Audience::All),
            Fingerprint::of("{} ", &Audience::All),
            Fingerprint::of("{}", &audience(&[("ops", "1")])),
            Fingerprint::of("{}", &audience(&[("ops", "2")])),
            Fingerprint::of("{}", &audience(&[("ops", "1"), ("news", "1")])),
            Fingerprint::of_secret_request("/keys", "{}"),
            Fingerprint::of_secret_request("/keys", "{} "),
            Fingerprint::of_secret_request("/keys/1/rotate", "{}"),
            Fingerprint::of_secret_request("/keys/2/rotate", "{}"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
        assert_eq!(all[0], Fingerprint::of("{}", &Audience::All));
    }
}
