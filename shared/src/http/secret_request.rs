//! `Idempotency-Key` of the requests that create a secret: a repeat is told which key has it, and creates no second one.

use super::problem::Problem;
use super::request::{Extract as _, Request};
use crate::domain::account::Account;
use crate::domain::idempotency::{Fingerprint, SecretRequest};
use crate::domain::time::Timestamp;
use crate::store::Store;

/// Parses the idempotency key of a request for a secret, if it has one.
pub fn parse(request: &Request) -> Result<Option<SecretRequest>, Problem> {
    let path = format!("{} {}", request.route(), request.raw_path_param("id").unwrap_or_default());
    let fingerprint = Fingerprint::of_secret_request(&path, request.body_text());
    let idempotency_key = request.parse_header("Idempotency-Key")?;

    Ok(idempotency_key.map(|idempotency_key| SecretRequest { idempotency_key, fingerprint }))
}

/// Rejects a request whose idempotency key was used before. The transaction that stores the secret repeats this check.
pub async fn reject_repeat(
    store: &Store,
    account: &Account,
    request: Option<&SecretRequest>,
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(request) = request else { return Ok(()) };
    match store.first_request(account, request, now).await? {
        None => Ok(()),
        Some(first) if first.fingerprint == request.fingerprint => Err(Problem::AlreadyCreated(first.key)),
        Some(_) => Err(Problem::IdempotencyMismatch),
    }
}
