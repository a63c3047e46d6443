//! `GET /subscriptions/config`: what a page needs to subscribe its visitor.

use serde::Serialize;
use shared::aws::vapid_secret::VapidSecret;
use shared::domain::time::Timestamp;
use shared::http::problem::Problem;
use shared::http::{self, Reply, Request};

#[derive(Serialize)]
struct SubscriptionConfig {
    vapid_public_key: String,
}

/// Answers 200 with the public key for `applicationServerKey`.
pub async fn handle(vapid: &VapidSecret, request: Request) -> Result<Reply, Problem> {
    http::caller(&request)?;

    let vapid_public_key = vapid.keys(Timestamp::now()).await?.current().public();

    Ok(Reply::ok(&SubscriptionConfig { vapid_public_key }))
}
