//! VAPID tokens (RFC 8292): the `Authorization` header of a request to a push service, cached for each origin.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use shared::domain::time::Timestamp;
use shared::domain::vapid::VapidKey;

/// The lifetime of a token, in seconds; a push service accepts up to 24 hours (RFC 8292, section 2).
const TOKEN_LIFETIME: i64 = 12 * 3_600;

/// A token is renewed this many seconds before it expires.
const RENEW_BEFORE_EXPIRY: i64 = 3_600;

/// The maximum number of cached tokens; untrusted clients choose the origins.
const MAX_CACHED_TOKENS: usize = 1_000;

/// The tokens of one application server.
pub(super) struct VapidTokens {
    /// The contact for a push service's operator: a `mailto:` or `https:` URL.
    subject: String,
    cached: Mutex<HashMap<(String, String), Token>>,
}

struct Token {
    header: String,
    expires: Timestamp,
}

impl VapidTokens {
    pub(super) fn new(subject: String) -> Self {
        Self { subject, cached: Mutex::default() }
    }

    /// The `Authorization` header for requests to an origin.
    pub(super) fn authorization(&self, key: &VapidKey, origin: &str, now: Timestamp) -> String {
        let cache_key = (key.id().to_owned(), origin.to_owned());
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = cached.get(&cache_key).filter(|it| it.expires > now.plus_seconds(RENEW_BEFORE_EXPIRY)) {
            return token.header.clone();
        }
        let expires = now.plus_seconds(TOKEN_LIFETIME);
        let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT", "alg": "ES256" }).to_string());
        let claims = json!({ "aud": origin, "exp": expires.seconds(), "sub": self.subject });
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        let header = format!("vapid t={signed}.{signature}, k={}", key.public());
        if cached.len() == MAX_CACHED_TOKENS {
            cached.clear();
        }
        cached.insert(cache_key, Token { header: header.clone(), expires });

        header
    }
}
