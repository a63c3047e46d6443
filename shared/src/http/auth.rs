//! The principal of a request: a user of an account, or a key.

use serde_json::Value;

use super::problem::Problem;
use super::request::{Extract as _, Request};
use crate::domain::account::{Account, Actor, Role};
use crate::domain::caller::Caller;
use crate::domain::text;

/// The maximum length of a user's name; longer ones are cut.
const MAX_USER_NAME: usize = 100;

/// A signed-in user of an account.
#[derive(Clone, Debug)]
pub struct Member {
    /// The account.
    pub account: Account,
    /// The user, as changes record them.
    pub actor: Actor,
    /// The email address, if the token has one.
    pub email: Option<String>,
    role: Role,
}

impl Member {
    /// The role in the account.
    pub const fn role(&self) -> Role {
        self.role
    }
}

/// A member who may change keys and channels. Only [`admin`] creates one.
pub struct Admin(Member);

impl std::ops::Deref for Admin {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

/// The ID of the app client whose users may call the API. API Gateway itself does not compare the audience of tokens here:
/// its authorizer would name the app client, and the app client names the API's address as a callback URL.
pub fn app_client(request: &Request) -> Result<&str, Problem> {
    let id = request.stage_variable("app_client").filter(|id| !id.is_empty());
    id.ok_or_else(|| Problem::mismatch("the stage has no variable app_client"))
}

/// The signed-in user of a request. A user without a known role may not even read.
pub fn member(request: &Request) -> Result<Member, Problem> {
    let claims = request.authorizer().get("claims").and_then(Value::as_object);
    let claims = claims.ok_or_else(|| Problem::mismatch("a management route was called without claims"))?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if claim("aud") != app_client(request)? {
        return Err(Problem::Unauthenticated);
    }
    if claim("sub").is_empty() {
        return Err(Problem::internal("a token without a subject"));
    }
    let account = Account::try_from(claim("custom:account")).map_err(|_| Problem::NoAccount)?;
    let role = Role::try_from(claim("custom:role")).map_err(|_| Problem::NoAccount)?;

    // Users choose their own name, and it is copied to the keys that they create.
    let name = text::without_hidden(&claim("name")).chars().take(MAX_USER_NAME).collect();
    let email = Some(text::without_hidden(&claim("email"))).filter(|email| !email.is_empty());
    Ok(Member { account, actor: Actor { id: claim("sub"), name }, email, role })
}

/// The signed-in user of a request, who must be an admin.
pub fn admin(request: &Request) -> Result<Admin, Problem> {
    let member = member(request)?;
    match member.role {
        Role::Admin => Ok(Admin(member)),
        Role::Member => Err(Problem::AdminRequired),
    }
}

/// The key of a request, which the authorizer allowed and which is within its rate limits.
pub fn caller(request: &Request) -> Result<Caller, Problem> {
    let caller = Caller::from_context(request.authorizer(), request.request_id()).map_err(Problem::mismatch)?;
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

    /// A request of a user of `acme` with these claims besides.
    fn request(more: &Value) -> Request {
        let mut claims = json!({ "sub": "1", "aud": "console", "custom:account": "acme" });
        claims.as_object_mut().expect("claims").extend(more.as_object().expect("claims").clone());
        from_event(json!({
            "stageVariables": { "app_client": "console" }, "requestContext": { "authorizer": { "claims": claims } },
        }))
    }

    #[test]
    fn a_token_of_another_app_client_is_rejected() {
        let user = |audience: Value| request(&json!({ "aud": audience, "custom:role": "admin" }));
        assert!(member(&user(json!("console"))).is_ok());
        for audience in
            [json!("other"), json!("console "), json!("Console"), json!(""), json!(null), json!(["console"])]
        {
            assert!(matches!(member(&user(audience.clone())), Err(Problem::Unauthenticated)), "{audience}");
            assert!(matches!(admin(&user(audience.clone())), Err(Problem::Unauthenticated)), "{audience}");
        }
    }

    #[test]
    fn without_an_app_client_nobody_is_a_member() {
        let claims = json!({ "sub": "1", "aud": "", "custom:account": "acme", "custom:role": "admin" });
        for variables in [json!(null), json!({}), json!({ "app_client": "" }), json!({ "app_client": null })] {
            let event = json!({
                "stageVariables": variables, "requestContext": { "authorizer": { "claims": claims } },
            });
            assert!(matches!(member(&from_event(event)), Err(Problem::Mismatch(_))), "{variables}");
        }
    }

    #[test]
    fn invisible_characters_are_removed_from_a_user_s_name() {
        let request = request(&json!({ "custom:role": "member", "name": "Ada\u{202e}\n\u{2066}Admin" }));
        assert_eq!(member(&request).expect("a member").actor.name, "AdaAdmin");
    }

    #[test]
    fn a_user_without_a_known_role_is_no_member() {
        let user = |role: Value| request(&json!({ "custom:role": role }));
        for role in
            ["", "Admin", "ADMIN", "Member", " admin", "admin ", "admin\u{a0}", "admin,member", "owner", "аdmin"]
        {
            assert!(matches!(member(&user(json!(role))), Err(Problem::NoAccount)), "{role:?}");
            assert!(matches!(admin(&user(json!(role))), Err(Problem::NoAccount)), "{role:?}");
        }
        for role in [json!(null), json!(1), json!(["admin"]), json!({ "admin": true })] {
            assert!(matches!(member(&user(role.clone())), Err(Problem::NoAccount)), "{role}");
        }
        assert!(matches!(admin(&user(json!("member"))), Err(Problem::AdminRequired)));
        assert!(admin(&user(json!("admin"))).is_ok() && member(&user(json!("member"))).is_ok());
    }
}
