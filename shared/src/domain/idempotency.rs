//! A send that may be repeated: the sender names it, and the same name with the same content is the same push.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::key::KeyId;
use crate::domain::push::Audience;

/// A named send is remembered so many seconds: 24 hours.
pub const REMEMBERED: i64 = 86_400;

/// The name that a sender gives to a send: 1 to 255 visible ASCII characters. It is the key's own: other keys may use the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// What stands for it in the store: its length is bounded, and its characters mean nothing.
    pub fn digest(&self, key: &KeyId) -> String {
        let digest = Sha256::new().chain_update(key.as_str()).chain_update(&self.0).finalize();
        URL_SAFE_NO_PAD.encode(digest)
    }
}

/// The text is not a name for a send.
#[derive(Debug, thiserror::Error)]
#[error("is not 1 to 255 visible ASCII characters")]
pub struct NotAnIdempotencyKey;

impl TryFrom<String> for IdempotencyKey {
    type Error = NotAnIdempotencyKey;

    fn try_from(text: String) -> Result<Self, NotAnIdempotencyKey> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(text)).ok_or(NotAnIdempotencyKey)
    }
}

/// What a send asked for and whom it would reach. A key whose scope was changed meanwhile asks for something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of this body, sent to this audience.
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
        // No channel begins with a NUL, so what follows cannot be taken for one.
        digest.update([0]);
        digest.update(body);
        Self(digest.finalize().into())
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
            (Slug::try_from((*slug).to_owned()).expect("a slug"), ChannelId::stored((*id).to_owned()))
        };
        Audience::Channels(channels.iter().map(channel).collect::<Channels>())
    }

    #[test]
    fn a_name_is_visible_ascii() {
        for good in ["a", "order 1".replace(' ', "-").as_str(), &"x".repeat(255), "!~"] {
            assert!(IdempotencyKey::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "é", "a\n", "\u{7f}", &"x".repeat(256)] {
            assert!(IdempotencyKey::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn another_body_or_audience_is_another_send() {
        let all = [
            Fingerprint::of("{}", &Audience::All),
            Fingerprint::of("{} ", &Audience::All),
            Fingerprint::of("{}", &audience(&[("ops", "1")])),
            Fingerprint::of("{}", &audience(&[("ops", "2")])),
            Fingerprint::of("{}", &audience(&[("ops", "1"), ("news", "1")])),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
        assert_eq!(all[0], Fingerprint::of("{}", &Audience::All));
    }
}
