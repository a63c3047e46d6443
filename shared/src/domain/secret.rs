//! A key's secret: the string that a client sends. It exists in plaintext only in the response that shows it and in the
//! requests that present it; everything else has its hash.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::account::Account;
use crate::domain::id::KeyId;
use crate::domain::random;

/// The form of every secret, for secret scanners and the OpenAPI document.
pub const PATTERN: &str = "pgk_[a-z0-9]{1,32}_[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{38}";

const RANDOM: usize = 32;
const CHECKSUM: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A secret in plaintext: `pgk_<account>_<key id>_<32 random characters><6 of checksum>`.
///
/// It has no `Display` and no `Serialize`, and `Debug` redacts: the one way out is [`Secret::expose`].
#[derive(Clone)]
pub struct Secret {
    text: String,
    account: Account,
    key: KeyId,
}

/// The stored form of a secret: SHA-256 of the whole string. 190 random bits need no slow hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl Secret {
    /// A new secret of this key, from the operating system's generator.
    pub fn generate(account: &Account, key: &KeyId) -> Self {
        let unchecked = format!("pgk_{account}_{key}_{}", random::base62(RANDOM));
        let text = format!("{unchecked}{}", checksum(&unchecked));

        Self { text, account: account.clone(), key: key.clone() }
    }

    /// Parses a secret; `None` if the text is not one, so that no call to the store is needed.
    pub fn parse(text: &str) -> Option<Self> {
        let (account, rest) = text.strip_prefix("pgk_")?.split_once('_')?;
        let (key, random) = rest.split_once('_')?;
        let base62 = random.len() == RANDOM + CHECKSUM && random.bytes().all(|b| b.is_ascii_alphanumeric());
        if !base62 {
            return None;
        }
        let (unchecked, sum) = text.split_at(text.len() - CHECKSUM);
        if checksum(unchecked) != sum {
            return None;
        }

        Some(Self {
            account: Account::try_from(account.to_owned()).ok()?,
            key: KeyId::try_from(key.to_owned()).ok()?,
            text: text.to_owned(),
        })
    }

    /// The plaintext, for the one response that shows it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The account of the key.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The id of the key.
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// The hash to store or to compare with.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The last 4 of the random characters, by which admins tell keys apart.
    pub fn hint(&self) -> String {
        let end = self.text.len() - CHECKSUM;
        self.text[end - 4..end].to_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(of {}/{})", self.account, self.key)
    }
}

impl SecretHash {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash as it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// CRC-32 in 6 base62 characters: it detects typing errors and truncation without a call to the store.
fn checksum(unchecked: &str) -> String {
    let mut rest = crc32fast::hash(unchecked.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }

    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn secret() -> Secret {
        let account = Account::try_from("acme".to_owned()).expect("an account");
        Secret::generate(&account, &KeyId::generate(Timestamp::from_millis(1_795_000_000_000)))
    }

    #[test]
    fn a_secret_parses_into_its_account_and_key() {
        let secret = secret();

        let read = Secret::parse(secret.expose()).expect("a secret");

        assert_eq!((read.account(), read.key()), (secret.account(), secret.key()));
        assert_eq!(read.hash(), secret.hash());
        assert!(secret.expose().contains(&secret.hint()));
    }

    #[test]
    fn any_changed_missing_or_added_character_is_not_a_secret() {
        let text = secret().expose().to_owned();

        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(Secret::parse(&String::from_utf8(changed).expect("ASCII")).is_none(), "changed at {place}");
            assert!(Secret::parse(&text[..place]).is_none(), "cut at {place}");
        }
        assert!(Secret::parse(&format!("{text}0")).is_none());
        assert!(Secret::parse(&format!(" {text}")).is_none());
    }

    #[test]
    fn untrusted_text_is_rejected_without_a_panic() {
        for text in ["", "pgk_", "pgk___", "pgk_ä_ö_ü", "pgk_acme_ü", &"_".repeat(200), &"é".repeat(60)] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_redacts_the_secret() {
        let secret = secret();
        let shown = format!("{secret:?} {:?}", secret.hash());
        assert!(!shown.contains(secret.expose()) && !shown.contains(&secret.hint()));
    }

    #[test]
    fn a_secret_of_another_length_is_none_whatever_its_checksum() {
        let text = secret().expose().to_owned();
        let unchecked = &text[..text.len() - CHECKSUM];
        let with_checksum = |unchecked: &str| format!("{unchecked}{}", checksum(unchecked));
        assert!(Secret::parse(&with_checksum(unchecked)).is_some());
        for other in [
            &unchecked[..unchecked.len() - 1],
            &format!("{unchecked}0"),
            &format!("{}-", &unchecked[..unchecked.len() - 1]),
        ] {
            assert!(Secret::parse(&with_checksum(other)).is_none(), "{other}");
        }
    }

    #[test]
    fn the_hint_is_the_end_of_the_random_characters() {
        let secret = secret();
        let text = secret.expose();
        assert_eq!(secret.hint(), text[text.len() - 10..text.len() - 6]);
    }

    #[test]
    fn a_stored_hash_is_the_hash_that_was_stored() {
        let hash = secret().hash();
        assert_eq!(SecretHash::from_bytes(hash.as_bytes()), Some(hash.clone()));
        assert_ne!(hash, secret().hash());
        assert_eq!(SecretHash::from_bytes(&hash.as_bytes()[1..]), None);
        let expected: [u8; 32] = Sha256::digest(b"pgk").into();
        let known = Secret { text: "pgk".to_owned(), ..secret() }.hash();
        assert_eq!(known.as_bytes(), &expected);
    }
}
