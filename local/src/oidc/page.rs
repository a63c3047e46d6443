//! The sign-in page: the people of this machine as buttons, with nothing from outside.

use std::fmt::Write as _;

use super::Fields;
use crate::oidc::html::escape;
use crate::oidc::users::PEOPLE;

/// What is handed on from the request to the choice.
const KEPT: [&str; 7] =
    ["client_id", "redirect_uri", "response_type", "state", "nonce", "code_challenge", "code_challenge_method"];

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem;\
color:#1b1b1f;background:#fff}button{display:block;width:100%;margin:.5rem 0;padding:.75rem 1rem;font:inherit;\
text-align:left;color:inherit;background:#f2f3f7;border:1px solid #767680;border-radius:.4rem;cursor:pointer}\
button:focus-visible{outline:3px solid #0b57d0}@media(prefers-color-scheme:dark){body{color:#eee;background:#17171a}\
button{background:#26262b}}";

/// The page on which a person is chosen.
pub(super) fn choice(request: &Fields) -> String {
    let mut form = String::new();
    for name in KEPT {
        if let Some(value) = request.get(name) {
            let _ = write!(form, r#"<input type="hidden" name="{name}" value="{}">"#, escape(value));
        }
    }
    for person in &PEOPLE {
        let _ = write!(
            form,
            r#"<button name="user" value="{0}">{1}, {0}</button>"#,
            escape(person.user),
            escape(person.name)
        );
    }
    page(
        "Sign in to Pushgate",
        &format!(
            r#"<p>This machine has no passwords. Who are you?</p><form method="post" action="/_local/authorize">{form}</form><p><a href="/_local/api">The API to read</a></p>"#
        ),
    )
}

/// The page that says why signing in cannot go on.
pub(super) fn refusal(reason: &str) -> String {
    page("This sign-in cannot go on", &format!("<p>{}</p>", escape(reason)))
}

fn page(title: &str, content: &str) -> String {
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_echoed_is_escaped() {
        let request = [("state".to_owned(), r#""><script>alert('x')</script>"#.to_owned())].into();
        let page = choice(&request);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
    }
}
