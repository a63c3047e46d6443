//! Hands pushes to push services, over connections that are kept, and says what they answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::json;
use shared::event::millis;
use shared::http::chain;
use shared::push::Push;
use shared::subscription::{Endpoint, PushHosts, Subscription};
use shared::time::Timestamp;
use shared::vapid::{VapidKey, VapidKeys};

use crate::web_push;

/// A signature is for an origin and so many seconds; a push service accepts up to 24 hours (RFC 8292, section 2).
const SIGNED_FOR: i64 = 12 * 3_600;

/// It is made anew when so many seconds are left.
const RENEWED_BEFORE: i64 = 3_600;

/// So many origins' signatures are kept; strangers choose the origins.
const MOST_SIGNATURES: usize = 1_000;

/// So much of an answer is read, to keep its connection; a longer one costs the connection.
const LONGEST_ANSWER: usize = 4_096;

/// What a push service said of one push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It takes care of it.
    Delivered,
    /// The subscription is no more.
    Gone,
    /// Not now. It may have said after how many seconds.
    Later(Option<u32>),
    /// Never.
    Failed,
    /// It accepts none of our signatures.
    SignatureRefused,
}

/// An answer, and where it came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// What it means.
    pub answer: Answer,
    /// The same in a word of a closed set, for the log.
    pub outcome: &'static str,
    /// The push service's host. Its path is a secret of the subscriber.
    pub host: Option<String>,
    /// The status, if it answered.
    pub status: Option<u16>,
    /// How long it took.
    pub millis: u64,
}

impl Answered {
    /// Nobody was asked.
    fn unasked(outcome: &'static str) -> Self {
        Self { answer: Answer::Failed, outcome, host: None, status: None, millis: 0 }
    }
}

/// The way to the push services.
pub struct Sender {
    client: Client,
    hosts: PushHosts,
    /// Whom a push service may write to if something is wrong with our pushes: a `mailto:` or `https:` URL.
    subject: String,
    signatures: Mutex<HashMap<(String, String), Signature>>,
}

#[derive(Clone)]
struct Signature {
    header: String,
    expires: Timestamp,
}

impl Sender {
    /// A sender to these hosts.
    pub fn new(hosts: PushHosts, subject: String) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(100)
            .no_proxy()
            .build()?;
        Ok(Self { client, hosts, subject, signatures: Mutex::default() })
    }

    /// Sends this plaintext to one subscription, signed with the key that the subscription notes. A note can be wrong after
    /// a rotation, so a push service that refuses the signature is offered the others, once each.
    pub async fn send(
        &self,
        push: &Push,
        plaintext: &str,
        subscription: &Subscription,
        keys: &VapidKeys,
        now: Timestamp,
    ) -> Answered {
        let Ok(endpoint) = self.hosts.endpoint(&subscription.endpoint) else {
            return Answered::unasked("not_allowed");
        };
        let Ok(body) = web_push::encrypt(plaintext.as_bytes(), &subscription.p256dh, &subscription.auth) else {
            return Answered::unasked("not_encrypted");
        };
        let started = Instant::now();
        let (mut answer, mut status) = (Answer::SignatureRefused, None);
        for key in keys.in_turn(&subscription.vapid) {
            (answer, status) = self.offer(push, body.clone(), &endpoint, key, now).await;
            if answer != Answer::SignatureRefused {
                break;
            }
        }
        let outcome = if status.is_none() { "no_answer" } else { word(answer) };
        let host = endpoint.url().host_str().map(str::to_owned);

        Answered { answer, outcome, host, status, millis: millis(started.elapsed()) }
    }

    /// One request to a push service.
    async fn offer(
        &self,
        push: &Push,
        body: Vec<u8>,
        endpoint: &Endpoint,
        key: &VapidKey,
        now: Timestamp,
    ) -> (Answer, Option<u16>) {
        let elapsed = now.seconds() - push.created_at.seconds();
        let mut request = self
            .client
            .post(endpoint.url().clone())
            .header(AUTHORIZATION, self.signature(key, &endpoint.origin(), now))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_ENCODING, "aes128gcm")
            .header("TTL", (i64::from(push.ttl.seconds()) - elapsed).max(0))
            .header("Urgency", push.urgency.name());
        if let Some(topic) = &push.topic {
            request = request.header("Topic", topic.as_str());
        }

        match request.body(body).send().await {
            Ok(response) => {
                let (status, retry_after) = (response.status(), retry_after(response.headers(), now));
                let said = read_a_little(response).await;
                (meaning(status, retry_after, &said), Some(status.as_u16()))
            }
            Err(error) => {
                tracing::debug!(request_id = push.request_id, cause = chain(&error.without_url()), "no answer");
                (Answer::Later(None), None)
            }
        }
    }

    /// The `Authorization` of RFC 8292, made once for an origin and some hours.
    fn signature(&self, key: &VapidKey, origin: &str, now: Timestamp) -> String {
        let of = (key.id().to_owned(), origin.to_owned());
        let mut signatures = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signature) = signatures.get(&of).filter(|s| s.expires > now.plus_seconds(RENEWED_BEFORE)) {
            return signature.header.clone();
        }
        let expires = now.plus_seconds(SIGNED_FOR);
        let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT", "alg": "ES256" }).to_string());
        let claims = json!({ "aud": origin, "exp": expires.seconds(), "sub": self.subject });
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        let header = format!("vapid t={signed}.{signature}, k={}", key.public());
        if signatures.len() == MOST_SIGNATURES {
            signatures.clear();
        }
        signatures.insert(of, Signature { header: header.clone(), expires });

        header
    }
}

/// What a push service's status means. Only 404 and 410 say that a subscription is no more: an outage removes nobody.
fn meaning(status: StatusCode, retry_after: Option<u32>, said: &[u8]) -> Answer {
    match status.as_u16() {
        // Apple's word for a subscription that was made with another key of ours; others say 401 or 403.
        400 if String::from_utf8_lossy(said).contains("VapidPkHashMismatch") => Answer::SignatureRefused,
        200..=299 => Answer::Delivered,
        404 | 410 => Answer::Gone,
        429 | 500..=599 => Answer::Later(retry_after),
        401 | 403 => Answer::SignatureRefused,
        _ => Answer::Failed,
    }
}

/// An answer in a word.
fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Delivered => "delivered",
        Answer::Gone => "gone",
        Answer::Later(_) => "later",
        Answer::Failed => "failed",
        Answer::SignatureRefused => "signature_rejected",
    }
}

/// `Retry-After` in seconds, whether it is a number or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    u32::try_from((date.as_second() - now.seconds()).max(0)).ok()
}

/// What an answer says, or its beginning.
async fn read_a_little(mut response: reqwest::Response) -> Vec<u8> {
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        said.extend_from_slice(&chunk);
        if said.len() > LONGEST_ANSWER {
            break;
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_404_and_410_say_that_a_subscription_is_gone() {
        for (status, expected) in [
            (200, Answer::Delivered),
            (201, Answer::Delivered),
            (202, Answer::Delivered),
            (301, Answer::Failed),
            (400, Answer::Failed),
            (401, Answer::SignatureRefused),
            (403, Answer::SignatureRefused),
            (404, Answer::Gone),
            (410, Answer::Gone),
            (413, Answer::Failed),
            (429, Answer::Later(Some(7))),
            (500, Answer::Later(Some(7))),
            (503, Answer::Later(Some(7))),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(meaning(status, Some(7), b"VAPID"), expected, "{status}");
        }
    }

    #[test]
    fn a_key_that_a_subscription_was_not_made_with_is_a_wrong_signature_however_it_is_said() {
        let said = br#"{"reason":"VapidPkHashMismatch"}"#;
        assert_eq!(meaning(StatusCode::BAD_REQUEST, None, said), Answer::SignatureRefused);
        assert_eq!(meaning(StatusCode::NOT_FOUND, None, said), Answer::Gone);
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let now = Timestamp::from_millis(784_111_777_000);
        for (text, expected) in [
            ("120", Some(120)),
            ("99999999999", Some(u32::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:40:37 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
    }
}
