//! The HTTP client for push services, over kept connections, and what their responses mean.

use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use shared::domain::push::Push;
use shared::domain::push_hosts::{Endpoint, PushHosts};
use shared::domain::subscription::WebPush;
use shared::domain::time::Timestamp;
use shared::domain::vapid::{VapidKey, VapidKeys};
use shared::error::error_chain;
use shared::log::event::millis;
use tokio::time::timeout;

use super::encrypt::encrypt;
use super::origins::{Answer, Origins};
use super::vapid_tokens::VapidTokens;
use crate::transport::attempt::{Attempt, DeliveryResult};

/// The number of bytes of a response that are read so that the connection can be reused; a longer one closes it.
const MAX_RESPONSE_BYTES: usize = 4_096;

/// How long a request waits for others to the same origin to end, before it is left to a retry: a page must fit the function's
/// minute.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// A client for the allowed push services.
pub(super) struct WebPushClient {
    client: Client,
    hosts: PushHosts,
    tokens: VapidTokens,
    origins: Origins,
}

impl WebPushClient {
    /// A client for these hosts. `subject` is the contact in VAPID tokens.
    pub(super) fn new(hosts: PushHosts, subject: String) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(8))
            .pool_max_idle_per_host(100)
            .no_proxy()
            .build()?;
        Ok(Self { client, hosts, tokens: VapidTokens::new(subject), origins: Origins::default() })
    }

    /// Sends a plaintext to one target, signed with the key that it records. The record can be wrong after a rotation, so a
    /// push service that rejects the signature is offered the other keys, once each.
    pub(super) async fn send(&self, push: &Push, plaintext: &str, target: &WebPush, keys: &VapidKeys) -> Attempt {
        let Ok(endpoint) = self.hosts.endpoint(&target.endpoint) else {
            return Attempt::skipped("not_allowed");
        };
        let Ok(body) = encrypt(plaintext.as_bytes(), &target.p256dh, &target.auth) else {
            return Attempt::skipped("not_encrypted");
        };
        let mut started = Instant::now();
        let host = endpoint.url().host_str().map(str::to_owned);
        let (mut result, mut status) = (DeliveryResult::SignatureRejected, None);
        for key in keys.preferred_order(&target.vapid_key) {
            let origin = self.origins.get(&endpoint.origin());
            let permit = match timeout(MAX_WAIT, origin.permit(Timestamp::now)).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(pause)) => return Attempt { host, ..Attempt::left_for(pause.seconds_left(Timestamp::now())) },
                Err(_) => return Attempt { host, ..Attempt::left_for(0) },
            };
            started = Instant::now();
            (result, status) = self.post(push, body.clone(), &endpoint, key, Timestamp::now()).await;
            permit.answered(answer(result, status), Timestamp::now());
            if result != DeliveryResult::SignatureRejected {
                break;
            }
        }
        let outcome = label(result);

        Attempt { result, outcome, host, status, millis: millis(started.elapsed()) }
    }

    /// Sends one request.
    async fn post(
        &self,
        push: &Push,
        body: Vec<u8>,
        endpoint: &Endpoint,
        key: &VapidKey,
        now: Timestamp,
    ) -> (DeliveryResult, Option<u16>) {
        let elapsed = now.seconds() - push.created_at.seconds();
        let mut request = self
            .client
            .post(endpoint.url().clone())
            .header(AUTHORIZATION, self.tokens.authorization(key, &endpoint.origin(), now))
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
                let body = read_capped(response).await;
                (classify(status, retry_after, &body), Some(status.as_u16()))
            }
            Err(error) => {
                tracing::debug!(request_id = push.request_id, cause = error_chain(&error.without_url()), "no answer");
                (DeliveryResult::NoAnswer, None)
            }
        }
    }
}

/// What a response means. Only 404 and 410 say that a subscription no longer exists: an outage deletes none.
fn classify(status: StatusCode, retry_after: Option<u32>, body: &[u8]) -> DeliveryResult {
    match status.as_u16() {
        // Apple's response to a subscription of another VAPID key; other push services respond with 401 or 403.
        400 if String::from_utf8_lossy(body).contains("VapidPkHashMismatch") => DeliveryResult::SignatureRejected,
        200..=299 => DeliveryResult::Delivered,
        404 | 410 => DeliveryResult::Gone,
        429 | 500..=599 => DeliveryResult::Retry(retry_after),
        401 | 403 => DeliveryResult::SignatureRejected,
        _ => DeliveryResult::Failed,
    }
}

/// What a result says of its origin. A 503 says that the service is overloaded; a 429 may be about this recipient alone.
fn answer(result: DeliveryResult, status: Option<u16>) -> Answer {
    match (result, status) {
        (DeliveryResult::NoAnswer, _) => Answer::Silent,
        (DeliveryResult::Retry(after), Some(503)) => Answer::Overloaded(after),
        (_, Some(429)) => Answer::Overloaded(None),
        _ => Answer::Normal,
    }
}

/// A result as a word for the log.
fn label(result: DeliveryResult) -> &'static str {
    match result {
        DeliveryResult::Delivered => "delivered",
        DeliveryResult::Gone => "gone",
        DeliveryResult::Retry(_) => "later",
        DeliveryResult::NoAnswer => "no_answer",
        DeliveryResult::Failed => "failed",
        DeliveryResult::SignatureRejected => "signature_rejected",
    }
}

/// `Retry-After` in seconds: a number, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    u32::try_from((date.as_second() - now.seconds()).max(0)).ok()
}

/// The beginning of a response's body.
async fn read_capped(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_RESPONSE_BYTES {
            break;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_404_and_410_say_that_a_subscription_is_gone() {
        for (status, expected) in [
            (200, DeliveryResult::Delivered),
            (201, DeliveryResult::Delivered),
            (202, DeliveryResult::Delivered),
            (301, DeliveryResult::Failed),
            (400, DeliveryResult::Failed),
            (401, DeliveryResult::SignatureRejected),
            (403, DeliveryResult::SignatureRejected),
            (404, DeliveryResult::Gone),
            (410, DeliveryResult::Gone),
            (413, DeliveryResult::Failed),
            (429, DeliveryResult::Retry(Some(7))),
            (500, DeliveryResult::Retry(Some(7))),
            (503, DeliveryResult::Retry(Some(7))),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(classify(status, Some(7), b"VAPID"), expected, "{status}");
        }
    }

    #[test]
    fn apple_s_key_mismatch_is_a_rejected_signature() {
        let body = br#"{"reason":"VapidPkHashMismatch"}"#;
        assert_eq!(classify(StatusCode::BAD_REQUEST, None, body), DeliveryResult::SignatureRejected);
        assert_eq!(classify(StatusCode::NOT_FOUND, None, body), DeliveryResult::Gone);
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
