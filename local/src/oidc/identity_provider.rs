//! Issues and verifies tokens with the claims of a Cognito user pool's tokens.

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, jwk::Jwk};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{oidc::sessions::SignIn, start_error::StartError, template::values::APP_CLIENT_ID};

/// The lifetime of a token, in seconds (1 hour).
pub(super) const TOKEN_LIFETIME: i64 = 3600;

/// Issues and verifies tokens with a key that is generated at the start and never leaves the process.
pub(crate) struct IdentityProvider {
    issuer: String,
    signing_key: EncodingKey,
    verification_key: DecodingKey,
    jwk: Value,
    key_id: String,
}

impl IdentityProvider {
    /// Generates an RSA key of 2048 bits.
    pub(crate) fn new(issuer: String) -> Result<Self, StartError> {
        Self::with_new_key(issuer).ok_or_else(|| StartError::new("The key that signs tokens cannot be generated."))
    }

    fn with_new_key(issuer: String) -> Option<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        // PEM, since `from_rsa_der` does not accept PKCS #8.
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let signing_key = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
        let jwk = Jwk::from_encoding_key(&signing_key, Algorithm::RS256).ok()?;
        let verification_key = DecodingKey::from_jwk(&jwk).ok()?;
        let mut jwk = serde_json::to_value(&jwk).ok()?;
        let hash = digest::digest(&digest::SHA256, jwk["n"].as_str()?.as_bytes());
        let key_id = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]);
        jwk["kid"] = key_id.clone().into();
        jwk["use"] = "sig".into();
        Some(Self { issuer, signing_key, verification_key, jwk, key_id })
    }

    /// The value of the `iss` claim.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public key as a JWK Set.
    pub(super) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    /// An ID token.
    pub(super) fn id_token(&self, sign_in: SignIn, nonce: Option<&str>) -> Option<String> {
        self.id_token_for(APP_CLIENT_ID, sign_in, nonce)
    }

    /// An ID token that another app client of the user pool would get.
    pub(super) fn id_token_for(&self, audience: &str, sign_in: SignIn, nonce: Option<&str>) -> Option<String> {
        let mut claims = self.common_claims(sign_in, "id");
        let user = sign_in.user;
        claims.insert("aud".into(), audience.into());
        claims.insert("name".into(), user.name.into());
        let email = format!("{}.example", user.username);
        claims.insert("email".into(), email.into());
        claims.insert("email_verified".into(), true.into());
        let custom = [("custom:account", user.account), ("custom:role", user.role), ("nonce", nonce)];
        for (claim, value) in custom {
            if let Some(value) = value {
                claims.insert(claim.into(), value.into());
            }
        }
        self.sign(&claims)
    }

    /// An access token. The API's authorizer accepts ID tokens only, as on AWS.
    pub(super) fn access_token(&self, sign_in: SignIn) -> Option<String> {
        let mut claims = self.common_claims(sign_in, "access");
        claims.insert("client_id".into(), APP_CLIENT_ID.into());
        claims.insert("scope".into(), "openid profile email".into());
        self.sign(&claims)
    }

    fn common_claims(&self, SignIn { user, auth_time }: SignIn, token_use: &str) -> Map<String, Value> {
        let now = Timestamp::now().as_second();
        let claims = json!({
            "sub": user.sub(), "iss": self.issuer, "token_use": token_use, "cognito:username": user.sub(),
            "auth_time": auth_time, "iat": now, "exp": now + TOKEN_LIFETIME, "jti": Uuid::new_v4().to_string(),
        });
        match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        }
    }

    fn sign(&self, claims: &Map<String, Value>) -> Option<String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.key_id.clone());
        encode(&header, claims, &self.signing_key).ok()
    }

    /// The claims of a valid ID token, all as strings, as API Gateway passes them to a function. The audience is any app client
    /// of the user pool, as on API Gateway.
    pub(crate) fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        let claims = decode::<Map<String, Value>>(token, &self.verification_key, &validation).ok()?.claims;
        if claims.get("token_use")? != "id" {
            return None;
        }
        Some(claims.into_iter().map(|(name, value)| (name.clone(), claim_as_string(&name, value).into())).collect())
    }
}

fn claim_as_string(claim: &str, value: Value) -> String {
    match (claim, value) {
        (_, Value::String(text)) => text,
        // API Gateway passes these two as dates.
        ("exp" | "iat", Value::Number(seconds)) => seconds
            .as_i64()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map_or_else(String::new, |at| at.strftime("%a %b %d %H:%M:%S UTC %Y").to_string()),
        (_, value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::users::User;

    fn provider() -> IdentityProvider {
        IdentityProvider::new("http://i".to_owned()).expect("a key")
    }

    fn ada() -> SignIn {
        SignIn::now(User::find("admin@acme").expect("a user"))
    }

    #[test]
    fn the_claims_of_an_id_token_are_strings() {
        let provider = provider();
        let claims = provider.claims(&provider.id_token(ada(), None).expect("a token")).expect("valid");
        assert_eq!(claims["custom:account"], "acme");
        assert_eq!(claims["custom:role"], "admin");
        assert_eq!(claims["name"], "Ada");
        assert_eq!(claims["email_verified"], "true");
        assert_eq!(claims["sub"], ada().user.sub());
        assert!(claims["exp"].as_str().is_some_and(|date| date.contains(" UTC ")));
        assert!(claims.values().all(Value::is_string));
    }

    #[test]
    fn a_user_without_an_account_has_no_account_claim() {
        let provider = provider();
        let noah = SignIn::now(User::find("nobody@nowhere").expect("a user"));
        let claims = provider.claims(&provider.id_token(noah, None).expect("a token")).expect("valid");
        assert!(!claims.contains_key("custom:account") && !claims.contains_key("custom:role"));
    }

    #[test]
    fn other_tokens_are_invalid() {
        let provider = provider();
        let other_provider = IdentityProvider::new("http://i".to_owned()).expect("a key");
        let token_with = |claim: &str, value: Value| {
            let mut claims = provider.common_claims(ada(), "id");
            claims.insert("aud".into(), APP_CLIENT_ID.into());
            claims.insert(claim.into(), value);
            provider.sign(&claims).expect("a token")
        };
        assert!(provider.claims(&token_with("x", 1.into())).is_some());
        assert_eq!(provider.claims(&token_with("aud", "other".into())).expect("valid")["aud"], "other");
        for token in [
            provider.access_token(ada()).expect("a token"),
            other_provider.id_token(ada(), None).expect("a token"),
            token_with("iss", "other".into()),
            token_with("exp", (Timestamp::now().as_second() - 1).into()),
            token_with("token_use", "access".into()),
            encode(&Header::default(), &provider.common_claims(ada(), "id"), &EncodingKey::from_secret(b"x"))
                .expect("a token"),
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert_eq!(provider.claims(&token), None, "{token}");
        }
    }
}
