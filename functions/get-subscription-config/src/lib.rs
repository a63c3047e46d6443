//! `GET /subscriptions/config`: what a page needs to subscribe a browser.

use serde::Serialize;
use shared::aws::vapid_secret::VapidSecret;
use shared::domain::time::Timestamp;
use shared::http::{Problem, Request, Response, Routes, auth, response};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/subscriptions/config")];

#[derive(Serialize)]
struct SubscriptionConfig {
    vapid_public_key: String,
}

/// Responds with 200 and the public key for `applicationServerKey`.
pub async fn handle(vapid: &VapidSecret, request: &Request) -> Result<Response, Problem> {
    auth::caller(request)?;

    let vapid_public_key = vapid.keys(Timestamp::now()).await?.current().public();

    Ok(response::ok(&SubscriptionConfig { vapid_public_key }))
}
