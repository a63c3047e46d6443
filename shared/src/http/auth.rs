//! The principal of a request: a user of an account, or a key.

use serde_json::Value;

use super::problem::Problem;
use super::request::{Extract as _, Request};
use crate::domain::account::{Account, Actor};
use crate::domain::caller::Caller;
use crate::domain::key::is_invisible;

/// The maximum length of a user's name; longer ones are cut.
const MAX_USER_NAME: usize = 100;

/// A signed-in user of an account.
#[derive(Clone, Debug)]
pub struct Member {
    /// The account.
    pub account: Account,
    /// The user, as changes record them.
    pub actor: Actor,
}

/// A member who may change keys and channels. Only [`admin`] creates one.
pub struct Admin(Member);

impl std::ops::Deref for Admin {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

/// The signed-in user of a request.
pub fn member(request: &Request) -> Result<Member, Problem> {
    let claims = request.authorizer().get("claims").and_then(Value::as_object);
    let claims = claims.ok_or_else(|| Problem::internal("a management route was called without claims"))?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let account = Account::try_from(claim("custom:account")).map_err(|_| Problem::NoAccount)?;
    if claim("sub").is_empty() {
        return Err(Problem::internal("a token without a subject"));
    }

    // Users choose their own name, and it is copied to the keys that they create.
    let name = claim("name").chars().filter(|c| !is_invisible(*c)).take(MAX_USER_NAME).collect();
    Ok(Member { account, actor: Actor { id: claim("sub"), name } })
}

/// The signed-in user of a request, who must be an admin.
pub fn admin(request: &Request) -> Result<Admin, Problem> {
    let member = member(request)?;
    let claims = request.authorizer().get("claims").and_then(Value::as_object);
    match claims.and_then(|claims| claims.get("custom:role")).and_then(Value::as_str) {
        Some("admin") => Ok(Admin(member)),
        _ => Err(Problem::AdminRequired),
    }
}

/// The key of a request, which the authorizer allowed and which is within its rate limits.
pub fn caller(request: &Request) -> Result<Caller, Problem> {
    let caller = Caller::from_context(request.authorizer());
    let caller = caller.ok_or_else(|| Problem::internal("the authorizer's context is missing or malformed"))?;
    match caller.retry_after {
        Some(retry_after) => Err(Problem::RateLimited { retry_after }),
        None => Ok(caller),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::request::from_event;

    #[test]
    fn invisible_characters_are_removed_from_a_user_s_name() {
        let claims = json!({ "sub": "1", "custom:account": "acme", "name": "Ada\u{202e}\n\u{2066}Admin" });
        let request = from_event(json!({ "requestContext": { "authorizer": { "claims": claims } } }));
        assert_eq!(member(&request).expect("a member").actor.name, "AdaAdmin");
    }
}
