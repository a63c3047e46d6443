//! VAPID key pairs, which sign requests to push services (RFC 8292). They are derived from one generated secret, and older
//! secrets keep signing for the subscriptions that were created with them.

use aws_lc_rs::agreement::{self, PrivateKey};
use aws_lc_rs::hkdf;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The key pairs, the current one first.
#[derive(Debug)]
pub struct VapidKeys(Vec<VapidKey>);

/// One key pair.
pub struct VapidKey {
    id: String,
    public: [u8; 65],
    pair: EcdsaKeyPair,
}

/// The secret is not of the form `{"current": "…", "old": ["…"]}`, or a part of it is too short.
#[derive(Debug, thiserror::Error)]
#[error("the VAPID secret is not {{\"current\": \"…\", \"old\": […]}} with at least 32 characters each")]
pub struct InvalidVapidSecret;

impl VapidKeys {
    /// The key pairs of a stored secret.
    pub fn derive(secret: &str) -> Result<Self, InvalidVapidSecret> {
        #[derive(Deserialize)]
        struct Stored {
            current: String,
            #[serde(default)]
            old: Vec<String>,
        }
        let Stored { current, old } = serde_json::from_str(secret).map_err(|_| InvalidVapidSecret)?;
        let keys: Option<Vec<VapidKey>> =
            std::iter::once(&current).chain(&old).map(|seed| VapidKey::derive(seed)).collect();

        keys.map(Self).ok_or(InvalidVapidSecret)
    }

    /// The key pair for new subscriptions.
    pub fn current(&self) -> &VapidKey {
        &self.0[0]
    }

    /// The key pairs in the order to try for a subscription with this key id.
    pub fn preferred_order<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a VapidKey> {
        let (recorded, others) =
            (self.0.iter().filter(move |key| key.id == id), self.0.iter().filter(move |key| key.id != id));
        recorded.chain(others)
    }

    /// Whether `self` has a key that `other` does not.
    pub fn has_new_keys(&self, other: &Self) -> bool {
        self.0.iter().any(|key| other.by_id(&key.id).is_none())
    }

    /// The key pair of this id.
    pub fn by_id(&self, id: &str) -> Option<&VapidKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl VapidKey {
    /// HKDF-SHA-256 of the seed, to a scalar of P-256. The label is numbered for the one case in 2^32 in which the 32 bytes
    /// are not below the order of the curve.
    fn derive(seed: &str) -> Option<Self> {
        if seed.len() < 32 {
            return None;
        }
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"pushgate").extract(seed.as_bytes());
        (0u8..=255).find_map(|attempt| {
            let mut scalar = [0; 32];
            let label: [&[u8]; 2] = [b"vapid p-256 scalar", &[attempt]];
            extracted.expand(&label, hkdf::HKDF_SHA256).ok()?.fill(&mut scalar).ok()?;
            Self::from_scalar(&scalar)
        })
    }

    fn from_scalar(scalar: &[u8; 32]) -> Option<Self> {
        let point = PrivateKey::from_private_key(&agreement::ECDH_P256, scalar).ok()?.compute_public_key().ok()?;
        let public: [u8; 65] = point.as_ref().try_into().ok()?;
        let pair =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, scalar, &public).ok()?;
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..6]);

        Some(Self { id, public, pair })
    }

    /// The key pair's id: 8 characters derived from the public key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key in the form of a browser's `applicationServerKey`.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.public)
    }

    /// An ECDSA signature over SHA-256, in the form of JSON Web Signature (RFC 7518, ES256).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let fixed = signature.ok().and_then(|signature| signature.as_ref().try_into().ok());
        fixed.unwrap_or_else(|| unreachable!("a P-256 key pair signs, in 64 bytes"))
    }
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VapidKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_always_derives_the_same_keys_and_old_ones_are_found_by_id() {
        let (first, second) = ("a".repeat(64), "b".repeat(64));
        let before = VapidKeys::derive(&format!(r#"{{"old": [], "current": "{first}"}}"#)).expect("keys");
        let after = VapidKeys::derive(&format!(r#"{{"old": ["{first}"], "current": "{second}"}}"#)).expect("keys");

        assert_ne!(before.current().public(), after.current().public());
        let old = after.by_id(before.current().id()).expect("the old key");
        assert_eq!(old.public(), before.current().public());
        assert_eq!(old.public().len(), 87);
        let order = |id: &str| after.preferred_order(id).map(|key| key.id().to_owned()).collect::<Vec<_>>();
        let (old, new) = (old.id().to_owned(), after.current().id().to_owned());
        assert_eq!(order(&old), [old.clone(), new.clone()]);
        assert_eq!(order("unknown"), [new, old], "the current one first");
        assert_eq!((after.has_new_keys(&before), before.has_new_keys(&after)), (true, false));
    }

    #[test]
    fn the_error_of_an_invalid_secret_does_not_contain_it() {
        for secret in ["", "[]", r#"{"current": "short-secret"}"#, r#"{"current": 1}"#] {
            let error = VapidKeys::derive(secret).expect_err("no keys").to_string();
            assert!(!error.contains("short-secret"));
        }
    }
}
