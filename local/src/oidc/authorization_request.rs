//! A request to the authorization endpoint, and the redirects that answer it (RFC 6749, section 4.1; RFC 7636; `OpenID`
//! Connect Core 1.0, section 3.1.2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use crate::{oidc::parameters::Parameters, template::values::APP_CLIENT_ID};

/// The scopes of the app client.
pub(super) const SCOPES: [&str; 3] = ["openid", "profile", "email"];

/// The error page's text for another client.
pub(super) const INVALID_CLIENT: &str = "client_id is not pushgate-local.";

/// Where the response to a request goes, also to an invalid one.
pub(super) struct Callback {
    url: Url,
    /// The URL as the client sent it.
    pub(super) redirect_uri: String,
    state: Option<String>,
}

impl Callback {
    /// The error is shown on a page, since a request of another client, or for another address, is never redirected.
    pub(super) fn parse(parameters: &Parameters, callback_urls: &[String]) -> Result<Self, &'static str> {
        if parameters.get("client_id") != Some(APP_CLIENT_ID) {
            return Err(INVALID_CLIENT);
        }
        let redirect_uri = parameters.get("redirect_uri").unwrap_or_default();
        if !callback_urls.iter().any(|allowed| allowed == redirect_uri) {
            return Err("redirect_uri is not a callback URL of the user pool's client.");
        }
        let url = Url::parse(redirect_uri).map_err(|_| "redirect_uri is not a URL.")?;
        let state = parameters.get("state").map(str::to_owned);
        Ok(Self { url, redirect_uri: redirect_uri.to_owned(), state })
    }

    /// The address that passes a code to the client.
    pub(super) fn with_code(self, code: &str) -> Url {
        self.with(&[("code", code)])
    }

    /// The address that passes an error to the client.
    pub(super) fn with_error(self, AuthorizationError { error, description }: AuthorizationError) -> Url {
        self.with(&[("error", error), ("error_description", description)])
    }

    fn with(mut self, response: &[(&str, &str)]) -> Url {
        let state = self.state.as_deref().map(|state| ("state", state));
        self.url.query_pairs_mut().extend_pairs(response).extend_pairs(state);
        self.url
    }
}

/// An error that the client receives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuthorizationError {
    error: &'static str,
    description: &'static str,
}

impl AuthorizationError {
    pub(super) const ACCESS_DENIED: Self = Self { error: "access_denied", description: "The sign-in was canceled." };
    pub(super) const LOGIN_REQUIRED: Self =
        Self { error: "login_required", description: "No user is signed in, and prompt is none." };

    const fn invalid_request(description: &'static str) -> Self {
        Self { error: "invalid_request", description }
    }
}

/// Whether the user sees the sign-in page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Only without a session.
    Unspecified,
    /// Never.
    None,
    /// Also with a session.
    SignIn,
}

/// A valid authorization request.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) code_challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) prompt: Prompt,
}

impl AuthorizationRequest {
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, AuthorizationError> {
        if parameters.has_repeated() {
            return Err(AuthorizationError::invalid_request("A parameter is repeated."));
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => {
                let error = "unsupported_response_type";
                return Err(AuthorizationError { error, description: "response_type is not code." });
            }
            None => return Err(AuthorizationError::invalid_request("response_type is required.")),
        }
        // Without a scope, a user pool grants all scopes of the client.
        if let Some(scope) = parameters.get("scope") {
            check_scope(scope)?;
        }
        let code_challenge = parameters.get("code_challenge").unwrap_or_default();
        let challenge_len = URL_SAFE_NO_PAD.decode(code_challenge).map_or(0, |it| it.len());
        if parameters.get("code_challenge_method") != Some("S256") || challenge_len != 32 {
            let description = "A code_challenge with the method S256 is required.";
            return Err(AuthorizationError::invalid_request(description));
        }
        Ok(Self {
            code_challenge: code_challenge.to_owned(),
            nonce: parameters.get("nonce").map(str::to_owned),
            prompt: prompt(parameters.get("prompt").unwrap_or_default())?,
        })
    }
}

fn check_scope(scope: &str) -> Result<(), AuthorizationError> {
    let error = |description| Err(AuthorizationError { error: "invalid_scope", description });
    if scope.split(' ').any(|it| !SCOPES.contains(&it)) {
        return error("A scope is not openid, profile or email.");
    }
    if scope.split(' ').all(|it| it != "openid") {
        return error("The scope openid is required.");
    }
    Ok(())
}

fn prompt(prompt: &str) -> Result<Prompt, AuthorizationError> {
    let (mut none, mut sign_in, mut consent) = (false, false, false);
    for value in prompt.split(' ').filter(|value| !value.is_empty()) {
        match value {
            "none" => none = true,
            "login" | "select_account" => sign_in = true,
            // There is no page that asks for consent, as with a user pool's own client.
            "consent" => consent = true,
            _ => return Err(AuthorizationError::invalid_request("prompt is not supported.")),
        }
    }
    match (none, sign_in) {
        (true, false) if !consent => Ok(Prompt::None),
        (true, _) => Err(AuthorizationError::invalid_request("prompt has none and other values.")),
        (false, true) => Ok(Prompt::SignIn),
        (false, false) => Ok(Prompt::Unspecified),
    }
}
