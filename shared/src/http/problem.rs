//! Every problem of the API (RFC 9457): its status, code, title and the sentence that the client reads.
//!
//! Add a problem when a client must act differently on it. A cause that no program distinguishes is a sentence of an
//! existing one.

use std::error::Error;

use serde::Serialize;

use super::json_body::{FieldError, InvalidField};
use crate::aws::{queue, vapid_secret};
use crate::domain::access::Denial;
use crate::domain::channel::{Slugs, join_slugs};
use crate::domain::id::KeyId;
use crate::domain::key::KeyReference;
use crate::domain::notification::MAX_PLAINTEXT_BYTES;
use crate::domain::permission::Permission;
use crate::domain::scope::ScopeError;
use crate::store;

/// Why a request has no result.
#[derive(Debug)]
pub enum Problem {
    /// The body has errors, all of them named.
    InvalidBody(Vec<FieldError>),
    /// A parameter of the path or the query, or a header, is invalid; the sentence says which and why.
    InvalidParameter(String),
    /// The ID token is of another app client.
    Unauthenticated,
    /// The signed-in user belongs to no account, or has no role in it.
    NoAccount,
    /// The action requires an admin.
    AdminRequired,
    /// The key is inactive.
    KeyInactive,
    /// The key has expired.
    KeyExpired,
    /// The key lacks the permission that the route requires.
    PermissionDenied(Permission),
    /// The target is outside the key's scope.
    Scope(ScopeError),
    /// The account has no such resource.
    NotFound(&'static str),
    /// A channel with this slug exists.
    ChannelExists,
    /// The account already has this number of keys, the maximum.
    KeyLimitReached(u64),
    /// The account already has this number of channels, the maximum.
    ChannelLimitReached(u64),
    /// These keys have the channel in their scope.
    ChannelInUse(Vec<KeyReference>),
    /// An earlier request with the same idempotency key created a secret of this key.
    AlreadyCreated(KeyId),
    /// A send with the same idempotency key is in progress.
    IdempotencyInProgress {
        /// Seconds until it has certainly ended.
        retry_after: i64,
    },
    /// The idempotency key was used for another request.
    IdempotencyMismatch,
    /// The key has changed since the client read it.
    PreconditionFailed,
    /// Concurrent edits won every attempt.
    EditConflict,
    /// The plaintext has more bytes than one encrypted push can carry.
    PushTooLarge(usize),
    /// The account does not have these channels.
    UnknownChannel(Slugs),
    /// A subscription would be in more than this number of channels.
    TooManyChannels(usize),
    /// A rate limit of the key is exhausted.
    RateLimited {
        /// Seconds until the key may be used again.
        retry_after: i64,
    },
    /// The event is of another function's route, or its authorizer's context is not of this request. The cause goes to the log
    /// only.
    Mismatch(Box<dyn Error + Send + Sync>),
    /// A bug or a misconfiguration. The cause goes to the log only.
    Internal(Box<dyn Error + Send + Sync>),
    /// A service does not respond. The cause goes to the log only.
    Unavailable(Box<dyn Error + Send + Sync>),
}

/// The part of a problem that is the same for each occurrence.
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, which the problem's type ends with.
    pub code: &'static str,
    /// The title.
    pub title: &'static str,
}

impl Problem {
    /// The part that is the same for each occurrence.
    pub const fn row(&self) -> Row {
        let (status, code, title) = match self {
            Self::InvalidBody(_) => (400, "invalid_body", "The body is not valid"),
            Self::InvalidParameter(_) => (400, "invalid_parameter", "A parameter is not valid"),
            Self::Unauthenticated => (401, "unauthenticated", "Not authenticated"),
            Self::NoAccount => (403, "no_account", "No account"),
            Self::AdminRequired => (403, "admin_required", "Admins only"),
            Self::KeyInactive => (403, "key_inactive", "The key is inactive"),
            Self::KeyExpired => (403, "key_expired", "The key has expired"),
            Self::PermissionDenied(_) => (403, "permission_denied", "Permission denied"),
            Self::Scope(ScopeError::EmptyScope) => (403, "empty_scope", "The key reaches nobody"),
            Self::Scope(ScopeError::OutOfScope { .. }) => (403, "scope_violation", "Channel outside the key's scope"),
            Self::NotFound(_) => (404, "not_found", "Not found"),
            Self::ChannelExists => (409, "channel_exists", "The channel exists"),
            Self::ChannelInUse(_) => (409, "channel_in_use", "The channel is in use"),
            Self::KeyLimitReached(_) => (409, "key_limit_reached", "Too many keys"),
            Self::ChannelLimitReached(_) => (409, "channel_limit_reached", "Too many channels"),
            Self::EditConflict => (409, "edit_conflict", "Concurrent change"),
            Self::AlreadyCreated(_) => (409, "already_created", "Secret already created"),
            Self::IdempotencyInProgress { .. } => (409, "idempotency_in_flight", "Request in progress"),
            Self::PreconditionFailed => (412, "precondition_failed", "Changed since it was read"),
            Self::IdempotencyMismatch => (422, "idempotency_mismatch", "Idempotency key reused"),
            Self::PushTooLarge(_) => (413, "push_too_large", "The push is too large"),
            Self::UnknownChannel(_) => (422, "unknown_channel", "Unknown channel"),
            Self::TooManyChannels(_) => (422, "too_many_channels", "Too many channels"),
            Self::RateLimited { .. } => (429, "rate_limited", "Rate limit exceeded"),
            Self::Mismatch(_) | Self::Internal(_) => (500, "internal", "Internal error"),
            Self::Unavailable(_) => (503, "unavailable", "Temporarily unavailable"),
        };
        Row { status, code, title }
    }

    /// The sentence of this occurrence.
    pub fn detail(&self) -> String {
        match self {
            Self::InvalidBody(errors) if errors.len() == 1 => "1 field is invalid".to_owned(),
            Self::InvalidBody(errors) => format!("{} fields are invalid", errors.len()),
            Self::InvalidParameter(sentence) => sentence.clone(),
            // Word for word what the gateway responds to a token that it rejects.
            Self::Unauthenticated => "Send a valid API key or sign in".to_owned(),
            Self::NoAccount => "Your user has no account, or no role in it; ask an admin to add you".to_owned(),
            Self::AdminRequired => "Ask an admin of your account to do this".to_owned(),
            Self::KeyInactive => "This key is inactive; an admin can activate it".to_owned(),
            Self::KeyExpired => "This key has expired; an admin can extend it".to_owned(),
            Self::PermissionDenied(needed) => format!("This key does not have the permission {}", needed.name()),
            Self::Scope(ScopeError::EmptyScope) => "This key is scoped to channels and has none".to_owned(),
            Self::Scope(error @ ScopeError::OutOfScope { .. }) => {
                format!("This key may not send to: {}", error.refused())
            }
            Self::NotFound(thing) => format!("No such {thing}"),
            Self::ChannelExists => "A channel with this slug already exists".to_owned(),
            Self::ChannelInUse(keys) => in_use(keys),
            Self::KeyLimitReached(max) => format!("The account has {max} keys, the maximum; delete one first"),
            Self::ChannelLimitReached(max) => {
                format!("The account has {max} channels, the maximum; delete one first")
            }
            Self::EditConflict => "Other requests are changing the same resource; try again".to_owned(),
            Self::AlreadyCreated(_) => {
                "An earlier request with this Idempotency-Key created the secret, which is returned only once"
                    .to_owned()
            }
            Self::IdempotencyInProgress { .. } => {
                "The first request with this Idempotency-Key is still in progress".to_owned()
            }
            Self::IdempotencyMismatch => {
                "This Idempotency-Key was used with a different body, or for a different key or audience".to_owned()
            }
            Self::PreconditionFailed => "The key's ETag does not match If-Match; read the key again".to_owned(),
            Self::PushTooLarge(bytes) => {
                format!("The push has {bytes} bytes; the maximum is {MAX_PLAINTEXT_BYTES}")
            }
            Self::UnknownChannel(slugs) => format!("Unknown channels: {}", join_slugs(slugs)),
            Self::TooManyChannels(max) => format!("A subscription can be in at most {max} channels"),
            Self::RateLimited { retry_after } => format!("Try again in {retry_after} seconds"),
            Self::Mismatch(_) | Self::Internal(_) => "An internal error occurred".to_owned(),
            Self::Unavailable(_) => "Try again in a few seconds".to_owned(),
        }
    }

    /// The body, for the request with this id.
    pub fn body(&self, request_id: &str) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: String,
            request_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            errors: Option<&'a [FieldError]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            key_id: Option<&'a KeyId>,
            #[serde(skip_serializing_if = "Option::is_none")]
            keys: Option<&'a [KeyReference]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            key_count: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            refused: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            allowed: Option<String>,
        }
        let Row { status, code, title } = self.row();
        let out_of_scope = match self {
            Self::Scope(error @ ScopeError::OutOfScope { .. }) => Some(error),
            _ => None,
        };
        let keys = if let Self::ChannelInUse(keys) = self { Some(keys) } else { None };
        let body = Body {
            r#type: format!("/v1/problems/{code}"),
            title,
            status,
            code,
            detail: self.detail(),
            request_id,
            errors: if let Self::InvalidBody(errors) = self { Some(errors) } else { None },
            key_id: if let Self::AlreadyCreated(key) = self { Some(key) } else { None },
            keys: keys.map(|keys| &keys[..keys.len().min(MAX_KEYS)]),
            key_count: keys.map(Vec::len),
            refused: out_of_scope.map(ScopeError::refused),
            allowed: out_of_scope.map(ScopeError::allowed),
        };

        serde_json::to_string(&body).unwrap_or_else(|_| unreachable!("strings and numbers serialize"))
    }

    /// The path of the resource that the client should read, below the stage.
    pub fn location(&self) -> Option<String> {
        if let Self::AlreadyCreated(key) = self { Some(format!("/keys/{key}")) } else { None }
    }

    /// Seconds after which the client should try again.
    pub const fn retry_after(&self) -> Option<i64> {
        match self {
            Self::RateLimited { retry_after } | Self::IdempotencyInProgress { retry_after } => Some(*retry_after),
            Self::Unavailable(_) => Some(1),
            _ => None,
        }
    }

    /// The cause of a 5xx, for the log.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        match self {
            Self::Mismatch(cause) | Self::Internal(cause) | Self::Unavailable(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }

    /// The problem of a denial; `None` for a wrong secret, whose sender must learn nothing about the key.
    pub fn from_denial(denial: Denial) -> Option<Self> {
        match denial {
            Denial::WrongSecret => None,
            Denial::Inactive => Some(Self::KeyInactive),
            Denial::Expired => Some(Self::KeyExpired),
            Denial::PermissionDenied(permission) => Some(Self::PermissionDenied(permission)),
            Denial::Scope(error) => Some(Self::Scope(error)),
            Denial::RateLimited { retry_after } => Some(Self::RateLimited { retry_after }),
        }
    }

    /// An event that this function must not carry out.
    pub fn mismatch(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Mismatch(cause.into())
    }

    /// An internal error that only has a sentence.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

/// The maximum number of keys in the fields of a problem.
const MAX_KEYS: usize = 50;

/// The maximum number of keys that the sentence of a problem names.
const MAX_NAMED: usize = 10;

fn in_use(keys: &[KeyReference]) -> String {
    if let [only] = keys {
        return format!("1 key uses this channel: {}; remove it from its scope first", only.name.as_str());
    }
    let first: Vec<&str> = keys.iter().take(MAX_NAMED).map(|key| key.name.as_str()).collect();
    let more = match keys.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = first.join(", ");
    format!("{} keys use this channel: {first}{more}; remove it from their scopes first", keys.len())
}

impl From<Vec<FieldError>> for Problem {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::InvalidBody(errors)
    }
}

/// The error of an invalid field is recorded, and `JsonBody::finish` returns it first. This keeps a forgotten `finish` a
/// 400.
impl From<InvalidField> for Problem {
    fn from(InvalidField: InvalidField) -> Self {
        Self::InvalidBody(Vec::new())
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) | store::Error::Ambiguous(_) => Self::Unavailable(error.into()),
            store::Error::Unexpected(_) | store::Error::Malformed(_) => Self::Internal(error.into()),
        }
    }
}

impl From<queue::Error> for Problem {
    fn from(error: queue::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<vapid_secret::Error> for Problem {
    fn from(error: vapid_secret::Error) -> Self {
        match error {
            vapid_secret::Error::Unavailable(_) => Self::Unavailable(error.into()),
            vapid_secret::Error::Malformed(_) => Self::Internal(error.into()),
        }
    }
}
