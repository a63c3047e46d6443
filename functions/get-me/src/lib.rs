//! `GET /me`: the signed-in user, with their account and role.

use serde::Serialize;
use shared::domain::account::{Account, Actor, Role};
use shared::http::{Problem, Request, Response, Routes, auth, response};

/// The routes of this function in the template.
pub const ROUTES: Routes = &[("GET", "/me")];

#[derive(Serialize)]
struct Me<'a> {
    user: User<'a>,
    account: &'a Account,
    role: Role,
}

#[derive(Serialize)]
struct User<'a> {
    #[serde(flatten)]
    actor: &'a Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

/// Responds with 200 and what the ID token says of its user.
#[expect(clippy::unused_async, reason = "every handler has the same signature")]
pub async fn handle(request: &Request) -> Result<Response, Problem> {
    let member = auth::member(request)?;

    Ok(response::ok(&Me {
        user: User { actor: &member.actor, email: member.email.as_deref() },
        account: &member.account,
        role: member.role(),
    }))
}
