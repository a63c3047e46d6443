//! The people of this machine and their tokens, with the claims that the user pool's tokens carry.

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

use crate::{StartError, random};

/// The app client that tokens are issued to.
pub(crate) const CLIENT: &str = "pushgate-local";
/// How long a token is valid, in seconds.
pub(crate) const LIFE: i64 = 3600;

/// Somebody who can sign in.
#[derive(Debug)]
pub(crate) struct Person {
    /// How the person is named in addresses and on the sign-in page, such as `admin@acme`.
    pub(crate) user: &'static str,
    pub(crate) name: &'static str,
    account: Option<&'static str>,
    role: Option<&'static str>,
}

const fn person(
    user: &'static str,
    name: &'static str,
    account: Option<&'static str>,
    role: Option<&'static str>,
) -> Person {
    Person { user, name, account, role }
}

/// Two accounts, and one person who belongs to none.
pub(crate) const PEOPLE: [Person; 5] = [
    person("admin@acme", "Ada", Some("acme"), Some("admin")),
    person("member@acme", "Max", Some("acme"), Some("member")),
    person("admin@globex", "Gina", Some("globex"), Some("admin")),
    person("member@globex", "Mona", Some("globex"), Some("member")),
    person("nobody@nowhere", "Noah", None, None),
];

impl Person {
    /// The person of this name.
    pub(crate) fn named(user: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.user == user)
    }

    /// The same at each start, since keys remember who made them.
    fn sub(&self) -> String {
        let hash = digest::digest(&digest::SHA256, self.user.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        random::format_uuid(bytes)
    }
}

/// Issues tokens and checks them, with a key that is made at the start and never leaves the process.
pub(crate) struct People {
    issuer: String,
    signing: EncodingKey,
    checking: DecodingKey,
    jwk: Value,
    key_id: String,
}

impl People {
    /// With a new RSA key of 2048 bits.
    pub(crate) fn new(issuer: String) -> Result<Self, StartError> {
        Self::with_new_key(issuer)
            .ok_or_else(|| StartError::new("The key that signs this machine's tokens cannot be made.".to_owned()))
    }

    fn with_new_key(issuer: String) -> Option<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
        // As PEM, since the DER that is taken there is not PKCS #8.
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
        let jwk = Jwk::from_encoding_key(&signing, Algorithm::RS256).ok()?;
        let checking = DecodingKey::from_jwk(&jwk).ok()?;
        let mut jwk = serde_json::to_value(&jwk).ok()?;
        let hash = digest::digest(&digest::SHA256, jwk["n"].as_str()?.as_bytes());
        let key_id = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]);
        jwk["kid"] = key_id.clone().into();
        jwk["use"] = "sig".into();
        Some(Self { issuer, signing, checking, jwk, key_id })
    }

    /// Who issues the tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public key, as a JWK set.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    /// An ID token, valid for an hour.
    pub(crate) fn id_token(&self, person: &Person, nonce: Option<&str>) -> Option<String> {
        let mut claims = self.common(person, "id");
        claims.insert("aud".into(), CLIENT.into());
        claims.insert("name".into(), person.name.into());
        let email = format!("{}.example", person.user);
        claims.insert("email".into(), email.into());
        claims.insert("email_verified".into(), true.into());
        let custom = [("custom:account", person.account), ("custom:role", person.role), ("nonce", nonce)];
        for (claim, value) in custom {
            if let Some(value) = value {
                claims.insert(claim.into(), value.into());
            }
        }
        self.sign(&claims)
    }

    /// An access token, which the API's authorizer refuses as on AWS: it is not about who somebody is.
    pub(crate) fn access_token(&self, person: &Person) -> Option<String> {
        let mut claims = self.common(person, "access");
        claims.insert("client_id".into(), CLIENT.into());
        claims.insert("scope".into(), "openid profile email".into());
        self.sign(&claims)
    }

    fn common(&self, person: &Person, token_use: &str) -> Map<String, Value> {
        let now = Timestamp::now().as_second();
        let claims = json!({
            "sub": person.sub(), "iss": self.issuer, "token_use": token_use, "cognito:username": person.sub(),
            "auth_time": now, "iat": now, "exp": now + LIFE, "jti": random::uuid(),
        });
        match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        }
    }

    fn sign(&self, claims: &Map<String, Value>) -> Option<String> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.key_id.clone());
        encode(&header, claims, &self.signing).ok()
    }

    /// The claims of a valid ID token, all as strings, as API Gateway gives them to a function.
    pub(crate) fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.set_audience(&[CLIENT]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        let claims = decode::<Map<String, Value>>(token, &self.checking, &validation).ok()?.claims;
        if claims.get("token_use")? != "id" {
            return None;
        }
        Some(claims.into_iter().map(|(name, value)| (name.clone(), as_text(&name, value).into())).collect())
    }
}

fn as_text(claim: &str, value: Value) -> String {
    match (claim, value) {
        (_, Value::String(text)) => text,
        // These two reach a function as dates.
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

    fn people() -> People {
        People::new("http://i".to_owned()).expect("a key")
    }

    fn ada() -> &'static Person {
        Person::named("admin@acme").expect("a person")
    }

    #[test]
    fn an_id_token_gives_its_claims_as_strings() {
        let people = people();
        let claims = people.claims(&people.id_token(ada(), None).expect("a token")).expect("valid");
        assert_eq!(claims["custom:account"], "acme");
        assert_eq!(claims["custom:role"], "admin");
        assert_eq!(claims["name"], "Ada");
        assert_eq!(claims["email_verified"], "true");
        assert_eq!(claims["sub"], ada().sub());
        assert!(claims["exp"].as_str().is_some_and(|date| date.contains(" UTC ")));
        assert!(claims.values().all(Value::is_string));
    }

    #[test]
    fn somebody_of_no_account_has_no_account_claim() {
        let people = people();
        let noah = Person::named("nobody@nowhere").expect("a person");
        let claims = people.claims(&people.id_token(noah, None).expect("a token")).expect("valid");
        assert!(!claims.contains_key("custom:account") && !claims.contains_key("custom:role"));
    }

    #[test]
    fn other_tokens_are_refused() {
        let people = people();
        let foreign = People::new("http://i".to_owned()).expect("a key");
        let with = |claim: &str, value: Value| {
            let mut claims = people.common(ada(), "id");
            claims.insert("aud".into(), CLIENT.into());
            claims.insert(claim.into(), value);
            people.sign(&claims).expect("a token")
        };
        assert!(people.claims(&with("x", 1.into())).is_some());
        for token in [
            people.access_token(ada()).expect("a token"),
            foreign.id_token(ada(), None).expect("a token"),
            with("aud", "other".into()),
            with("iss", "other".into()),
            with("exp", (Timestamp::now().as_second() - 1).into()),
            with("token_use", "access".into()),
            encode(&Header::default(), &people.common(ada(), "id"), &EncodingKey::from_secret(b"x")).expect("a token"),
            "a.b.c".to_owned(),
            String::new(),
        ] {
            assert_eq!(people.claims(&token), None, "{token}");
        }
    }
}
