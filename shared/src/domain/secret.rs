//! A key's secret: the string that a client sends. It exists in plaintext only in the response that shows it and in the
//! requests that present it; everything else has its hash.
//!
//! A part of the secret is a tag that only this deployment can compute. A string without it costs no call to the store, so
//! that a flood of invented keys cannot use up the write capacity of an account.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use sha2::{Digest, Sha256};

use crate::domain::account::Account;
use crate::domain::id::KeyId;
use crate::domain::random;

/// The form of every secret, for secret scanners and the OpenAPI document.
pub const PATTERN: &str = "pgk_[a-z0-9]{1,32}_[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{38}";

/// 62^6 tags: at 10,000 guesses a second, one in about 66 days is right by luck.
const TAG: usize = 6;
const RANDOM: usize = 26;
const CHECKSUM: usize = 6;
/// The minimum length of the tag key's text.
const MIN_TAG_KEY: usize = 32;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A secret in plaintext: `pgk_<account>_<key id>_<tag of 6><26 random characters><checksum of 6>`.
///
/// It has no `Display` and no `Serialize`, and `Debug` redacts: the one way out is [`Secret::expose`].
#[derive(Clone)]
pub struct Secret {
    text: String,
    account: Account,
    key: KeyId,
}

/// The stored form of a secret: SHA-256 of the whole string. 154 random bits need no slow hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

/// The key of the tags, one per deployment. A leak of it opens no request: the hash of a secret must still match.
pub struct TagKey(hmac::Key);

/// The text is too short for a key of tags.
#[derive(Debug, thiserror::Error)]
#[error("the tag key has less than {MIN_TAG_KEY} characters")]
pub struct InvalidTagKey;

impl TagKey {
    /// The key that this text is.
    pub fn new(text: &str) -> Result<Self, InvalidTagKey> {
        if text.len() < MIN_TAG_KEY {
            return Err(InvalidTagKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())))
    }

    /// The tag of a secret with this prefix, `pgk_<account>_<key id>_`, and these random characters.
    fn tag(&self, prefix: &str, random: &str) -> String {
        let mut hmac = hmac::Context::with_key(&self.0);
        hmac.update(prefix.as_bytes());
        hmac.update(random.as_bytes());
        let first: u64 = hmac.sign().as_ref().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));

        base62(first)
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey(…)")
    }
}

impl Secret {
    /// A new secret of this key, from the operating system's generator.
    pub fn generate(account: &Account, key: &KeyId, tag_key: &TagKey) -> Self {
        let (prefix, random) = (format!("pgk_{account}_{key}_"), random::base62(RANDOM));
        let unchecked = format!("{prefix}{}{random}", tag_key.tag(&prefix, &random));
        let text = format!("{unchecked}{}", checksum(&unchecked));

        Self { text, account: account.clone(), key: key.clone() }
    }

    /// Whether the text has the form and the checksum of a secret, of whichever deployment.
    pub fn is_well_formed(text: &str) -> bool {
        split(text).is_some()
    }

    /// Parses a secret of this deployment; `None` if the text is not one, so that no call to the store is needed.
    pub fn parse(text: &str, tag_key: &TagKey) -> Option<Self> {
        let Parts { account, key, tag, random } = split(text)?;
        let prefix = &text[..text.len() - CHECKSUM - RANDOM - TAG];
        constant_time::verify_slices_are_equal(tag_key.tag(prefix, random).as_bytes(), tag.as_bytes()).ok()?;

        Some(Self { account, key, text: text.to_owned() })
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

/// The parts of a well-formed secret.
struct Parts<'a> {
    account: Account,
    key: KeyId,
    tag: &'a str,
    random: &'a str,
}

/// The parts of a text with the form and the checksum of a secret.
fn split(text: &str) -> Option<Parts<'_>> {
    let (account, rest) = text.strip_prefix("pgk_")?.split_once('_')?;
    let (key, secret) = rest.split_once('_')?;
    let base62 = secret.len() == TAG + RANDOM + CHECKSUM && secret.bytes().all(|b| b.is_ascii_alphanumeric());
    if !base62 {
        return None;
    }
    let (unchecked, sum) = text.split_at(text.len() - CHECKSUM);
    if checksum(unchecked) != sum {
        return None;
    }
    Some(Parts {
        account: Account::try_from(account.to_owned()).ok()?,
        key: KeyId::try_from(key.to_owned()).ok()?,
        tag: &secret[..TAG],
        random: &secret[TAG..TAG + RANDOM],
    })
}

/// CRC-32: secret scanners recognize a mistyped or truncated secret by it.
fn checksum(unchecked: &str) -> String {
    base62(crc32fast::hash(unchecked.as_bytes()).into())
}

/// The last 6 base62 digits of a number.
fn base62(mut rest: u64) -> String {
    let mut digits = [b'0'; 6];
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

    fn tag_key(letter: &str) -> TagKey {
        TagKey::new(&letter.repeat(MIN_TAG_KEY)).expect("a tag key")
    }

    fn secret() -> Secret {
        let account = Account::try_from("acme".to_owned()).expect("an account");
        Secret::generate(&account, &KeyId::generate(Timestamp::from_millis(1_795_000_000_000)), &tag_key("k"))
    }

    fn parse(text: &str) -> Option<Secret> {
        Secret::parse(text, &tag_key("k"))
    }

    /// The text of `secret` with another checksum, which anyone can compute.
    fn rechecked(unchecked: &str) -> String {
        format!("{unchecked}{}", checksum(unchecked))
    }

    #[test]
    fn a_secret_parses_into_its_account_and_key() {
        let secret = secret();

        let read = parse(secret.expose()).expect("a secret");

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
            assert!(parse(&String::from_utf8(changed).expect("ASCII")).is_none(), "changed at {place}");
            assert!(parse(&text[..place]).is_none(), "cut at {place}");
        }
        assert!(parse(&format!("{text}0")).is_none());
        assert!(parse(&format!(" {text}")).is_none());
    }

    #[test]
    fn a_secret_of_another_deployment_is_none_whatever_its_checksum() {
        let secret = secret();
        assert!(Secret::parse(secret.expose(), &tag_key("l")).is_none());

        let unchecked = &secret.expose()[..secret.expose().len() - CHECKSUM];
        for place in 4..unchecked.len() {
            let mut changed = unchecked.to_owned().into_bytes();
            changed[place] = if changed[place] == b'1' { b'2' } else { b'1' };
            let changed = rechecked(&String::from_utf8(changed).expect("ASCII"));
            assert!(parse(&changed).is_none(), "changed at {place}");
        }
        assert!(parse(&rechecked(unchecked)).is_some());
    }

    #[test]
    fn a_tag_is_a_part_of_hmac_sha_256() {
        let tag_key = TagKey::new("0123456789abcdef0123456789abcdef").expect("a tag key");
        let tag = tag_key.tag("pgk_acme_01JD0000000000000000000000_", "abcdefghijklmnopqrstuvwxyz");
        assert_eq!(tag, "0SRy0a");
    }

    #[test]
    fn a_checksum_is_crc_32() {
        assert_eq!(checksum("pgk_acme"), "2GJL75");
    }

    #[test]
    fn a_short_tag_key_is_an_error() {
        assert!(TagKey::new(&"k".repeat(MIN_TAG_KEY - 1)).is_err());
        assert_eq!(format!("{:?}", tag_key("k")), "TagKey(…)");
    }

    #[test]
    fn untrusted_text_is_rejected_without_a_panic() {
        for text in ["", "pgk_", "pgk___", "pgk_ä_ö_ü", "pgk_acme_ü", &"_".repeat(200), &"é".repeat(60)] {
            assert!(parse(text).is_none(), "{text}");
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
        assert!(Secret::is_well_formed(&rechecked(unchecked)));
        for other in [
            &unchecked[..unchecked.len() - 1],
            &format!("{unchecked}0"),
            &format!("{}-", &unchecked[..unchecked.len() - 1]),
        ] {
            assert!(!Secret::is_well_formed(&rechecked(other)), "{other}");
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
