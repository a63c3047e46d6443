//! The sign-in page: a button for each development user. It loads nothing.

use std::{collections::HashMap, fmt::Write as _};

use crate::oidc::users::USERS;

/// The request parameters that the form submits again.
const FORWARDED: [&str; 7] =
    ["client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method"];

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem;\
color:#1b1b1f;background:#fff}button{display:block;width:100%;margin:.5rem 0;padding:.75rem 1rem;font:inherit;\
text-align:left;color:inherit;background:#f2f3f7;border:1px solid #767680;border-radius:.4rem;cursor:pointer}\
button:focus-visible{outline:3px solid #0b57d0}@media(prefers-color-scheme:dark){body{color:#eee;background:#17171a}\
button{background:#26262b}}";

/// The page for an authorization request.
pub(super) fn sign_in(request: &HashMap<String, String>) -> String {
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
    page(
        "Sign in to Pushgate",
        &format!(
            r#"<p>There are no passwords on this machine. Choose a user:</p><form method="post" action="/_local/authorize">{form}</form><p><a href="/_local/api">API reference</a></p>"#
        ),
    )
}

/// The page for an invalid authorization request.
pub(super) fn error(reason: &str) -> String {
    page("Sign-in failed", &format!("<p>{}</p>", escape(reason)))
}

fn page(title: &str, content: &str) -> String {
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"#
    )
}

/// Escapes text for HTML content and attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_parameters_are_escaped() {
        let request = [("state".to_owned(), r#""><script>alert('x')</script>"#.to_owned())].into();
        let page = sign_in(&request);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
    }
}
