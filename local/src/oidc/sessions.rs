//! The sessions of browsers that signed in. They are in memory, and end with the program.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, header::COOKIE};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::oidc::users::User;

/// The lifetime of a session, which its use does not extend: that of a user pool's session cookie.
pub(super) const SESSION_LIFETIME: Duration = Duration::from_hours(1);

/// The `Set-Cookie` that removes the cookie.
const REMOVED_COOKIE: &str = "pushgate_session=; Max-Age=0; Path=/_local; HttpOnly; SameSite=Lax";

/// Who signed in, and when.
#[derive(Clone, Copy)]
pub(super) struct SignIn {
    pub(super) user: &'static User,
    /// The time in seconds since 1970, which is the `auth_time` claim.
    pub(super) auth_time: i64,
}

impl SignIn {
    pub(super) fn now(user: &'static User) -> Self {
        Self { user, auth_time: Timestamp::now().as_second() }
    }
}

struct Session {
    sign_in: SignIn,
    started: Instant,
}

/// The sessions by the value of their cookie.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// The sign-in of the session that a request's cookie names.
    pub(super) fn find(&self, headers: &HeaderMap, now: Instant) -> Option<SignIn> {
        let sessions = self.lock();
        let mut sessions = cookie_values(headers).filter_map(|value| sessions.get(value));
        sessions.find(|session| is_valid(session, now)).map(|session| session.sign_in)
    }

    /// Starts a session in place of the request's session, and returns its `Set-Cookie`.
    pub(super) fn start(&self, headers: &HeaderMap, sign_in: SignIn, now: Instant) -> String {
        self.end(headers);
        let value = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        // No `Secure`, since this machine has no TLS.
        let max_age = SESSION_LIFETIME.as_secs();
        let cookie = format!("pushgate_session={value}; Max-Age={max_age}; Path=/_local; HttpOnly; SameSite=Lax");
        let mut sessions = self.lock();
        sessions.retain(|_, session| is_valid(session, now));
        sessions.insert(value, Session { sign_in, started: now });
        cookie
    }

    /// Ends the session that a request's cookie names, and returns the `Set-Cookie` that removes the cookie.
    pub(super) fn end(&self, headers: &HeaderMap) -> &'static str {
        let mut sessions = self.lock();
        for value in cookie_values(headers) {
            sessions.remove(value);
        }
        REMOVED_COOKIE
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_valid(session: &Session, now: Instant) -> bool {
    now.duration_since(session.started) < SESSION_LIFETIME
}

/// The values of the cookie. There may be several, since programs on other ports share the cookies of this host.
fn cookie_values(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    cookies.flat_map(|header| header.split(';')).filter_map(|cookie| cookie.trim().strip_prefix("pushgate_session="))
}
