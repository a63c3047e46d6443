//! The sign-in page: a button for each development user. It loads nothing.

use std::fmt::Write as _;

use crate::oidc::{parameters::Parameters, users::USERS};
use crate::page::{escape, page};

/// The request parameters that the form submits again.
const FORWARDED: [&str; 8] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// The page for an authorization request.
pub(super) fn sign_in(request: &Parameters) -> String {
    let mut form = String::new();
    for name in FORWARDED {
        if let Some(value) = request.get(name) {
            let _ = write!(form, r#"<input type="hidden" name="{name}" value="{}">"#, escape(value));
        }
    }
    for user in &USERS {
        let (username, name) = (escape(user.username), escape(user.name));
        let _ = write!(form, r#"<button name="user" value="{username}">{name}, {username}</button>"#);
    }
    form.push_str(r#"<button name="cancel" value="true">Cancel</button>"#);
    page(
        "Sign in to Pushgate",
        &format!(
            r#"<p>There are no passwords on this machine. Choose a user:</p><form method="post" action="/_local/oauth2/authorize">{form}</form><p><a href="/_local/api">API reference</a></p>"#
        ),
    )
}

/// The page for a request that is not redirected.
pub(super) fn error(title: &str, reason: &str) -> String {
    page(title, &format!("<p>{}</p>", escape(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_parameters_are_escaped() {
        let request = Parameters::parse(b"state=%22%3E%3Cscript%3Ealert('x')%3C/script%3E");
        let page = sign_in(&request);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
    }
}
