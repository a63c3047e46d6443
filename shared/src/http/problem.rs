//! Every refusal, each a row: status, code, title and the sentence that the customer reads (RFC 9457).

use std::error::Error;

use serde::Serialize;

use crate::aws::{queue, vapid_secret};
use crate::domain::channel::{Slugs, in_words};
use crate::domain::key::{KeyName, Refusal};
use crate::domain::permission::Permission;
use crate::domain::push::MOST_BYTES;
use crate::domain::scope;
use crate::http::json_body::{Flawed, Mistake};
use crate::store;

/// Why a request is refused.
#[derive(Debug)]
pub enum Problem {
    /// The body has mistakes, all of them named.
    InvalidBody(Vec<Mistake>),
    /// A part of the path or the query is wrong; the sentence says which and how.
    InvalidParameter(String),
    /// The signed-in person belongs to no account.
    NoAccount,
    /// Only an admin may do this.
    AdminRequired,
    /// The key is switched off.
    KeyInactive,
    /// The key's time is over.
    KeyExpired,
    /// The key has not the permission that the route needs.
    PermissionDenied(Permission),
    /// The key does not reach what was asked for.
    Scope(scope::Refusal),
    /// There is no such thing in the caller's account.
    NotFound(&'static str),
    /// A channel of this slug exists.
    ChannelExists,
    /// The keys of these names name the channel.
    ChannelInUse(Vec<KeyName>),
    /// Another send of this name is being worked on.
    SendInFlight {
        /// Seconds until it is surely over.
        retry_after: i64,
    },
    /// The name of the send was used for another one.
    SendMismatch,
    /// The key has changed since it was read.
    PreconditionFailed,
    /// Too many people change the same thing at once.
    EditConflict,
    /// The plaintext has so many bytes.
    PushTooLarge(usize),
    /// Channels that do not exist.
    UnknownChannel(Slugs),
    /// A subscription would be in too many channels.
    TooManyChannels(usize),
    /// The key was used as often as it may be.
    RateLimited {
        /// Seconds until it may be used again.
        retry_after: i64,
    },
    /// Our fault. The cause goes to the log and nowhere else.
    Internal(Box<dyn Error + Send + Sync>),
    /// A part that we need does not answer. The cause goes to the log and nowhere else.
    Unavailable(Box<dyn Error + Send + Sync>),
}

/// A problem's row: what is the same each time it occurs.
pub struct Row {
    /// The HTTP status.
    pub status: u16,
    /// The stable code; the problem's type is its address.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
}

impl Problem {
    /// What is the same each time this problem occurs.
    pub const fn row(&self) -> Row {
        let (status, code, title) = match self {
            Self::InvalidBody(_) => (400, "invalid_body", "The body is not valid"),
            Self::InvalidParameter(_) => (400, "invalid_parameter", "A parameter is not valid"),
            Self::NoAccount => (403, "no_account", "No account"),
            Self::AdminRequired => (403, "admin_required", "Only for admins"),
            Self::KeyInactive => (403, "key_inactive", "The key is inactive"),
            Self::KeyExpired => (403, "key_expired", "The key has expired"),
            Self::PermissionDenied(_) => (403, "permission_denied", "Permission missing"),
            Self::Scope(scope::Refusal::EmptyScope) => (403, "empty_scope", "The key reaches nobody"),
            Self::Scope(scope::Refusal::Violation { .. }) => {
                (403, "scope_violation", "Channel outside the key's scope")
            }
            Self::NotFound(_) => (404, "not_found", "Not found"),
            Self::ChannelExists => (409, "channel_exists", "The channel exists"),
            Self::ChannelInUse(_) => (409, "channel_in_use", "The channel is in use"),
            Self::EditConflict => (409, "edit_conflict", "Changed at the same time"),
            Self::SendInFlight { .. } => (409, "idempotency_in_flight", "The same send is in flight"),
            Self::PreconditionFailed => (412, "precondition_failed", "Changed since it was read"),
            Self::SendMismatch => (422, "idempotency_mismatch", "Another send of the same name"),
            Self::PushTooLarge(_) => (413, "push_too_large", "The push is too large"),
            Self::UnknownChannel(_) => (422, "unknown_channel", "Unknown channel"),
            Self::TooManyChannels(_) => (422, "too_many_channels", "Too many channels"),
            Self::RateLimited { .. } => (429, "rate_limited", "Over the key's limit"),
            Self::Internal(_) => (500, "internal", "Internal error"),
            Self::Unavailable(_) => (503, "unavailable", "Temporarily unavailable"),
        };
        Row { status, code, title }
    }

    /// The sentence of this occurrence.
    pub fn detail(&self) -> String {
        match self {
            Self::InvalidBody(mistakes) if mistakes.len() == 1 => "1 field is wrong".to_owned(),
            Self::InvalidBody(mistakes) => format!("{} fields are wrong", mistakes.len()),
            Self::InvalidParameter(sentence) => sentence.clone(),
            Self::NoAccount => "You belong to no account; ask an admin of yours to add you".to_owned(),
            Self::AdminRequired => "Ask an admin of your account to do this".to_owned(),
            Self::KeyInactive => "This key was switched off; an admin can switch it on again".to_owned(),
            Self::KeyExpired => "The time of this key is over; an admin can extend it".to_owned(),
            Self::PermissionDenied(needed) => format!("This key has not the permission {}", needed.name()),
            Self::Scope(scope::Refusal::EmptyScope) => "This key is scoped to channels and has none".to_owned(),
            Self::Scope(refusal @ scope::Refusal::Violation { .. }) => {
                format!("This key may not send to: {}", refusal.refused())
            }
            Self::NotFound(thing) => format!("There is no such {thing}"),
            Self::ChannelExists => "A channel of this slug exists already".to_owned(),
            Self::ChannelInUse(names) => in_use(names),
            Self::EditConflict => "Others are changing the same thing; try again".to_owned(),
            Self::SendInFlight { .. } => "The first send with this Idempotency-Key is not answered yet".to_owned(),
            Self::SendMismatch => {
                "This Idempotency-Key was used for another body, or the key reached others then".to_owned()
            }
            Self::PreconditionFailed => "The key is not what If-Match names; read it again".to_owned(),
            Self::PushTooLarge(bytes) => format!("The push has {bytes} bytes; at most {MOST_BYTES} can be encrypted"),
            Self::UnknownChannel(slugs) => format!("There is no channel: {}", in_words(slugs)),
            Self::TooManyChannels(most) => format!("A subscription can be in at most {most} channels"),
            Self::RateLimited { retry_after } => format!("Try again in {retry_after} seconds"),
            Self::Internal(_) => "The fault is on our side".to_owned(),
            Self::Unavailable(_) => "Try again in a moment".to_owned(),
        }
    }

    /// The body, for the request of this id.
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
            errors: Option<&'a [Mistake]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            refused: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            allowed: Option<String>,
        }
        let Row { status, code, title } = self.row();
        let violation = match self {
            Self::Scope(refusal @ scope::Refusal::Violation { .. }) => Some(refusal),
            _ => None,
        };
        let body = Body {
            r#type: format!("/v1/problems/{code}"),
            title,
            status,
            code,
            detail: self.detail(),
            request_id,
            errors: if let Self::InvalidBody(mistakes) = self { Some(mistakes) } else { None },
            refused: violation.map(scope::Refusal::refused),
            allowed: violation.map(scope::Refusal::allowed),
        };

        serde_json::to_string(&body).unwrap_or_else(|_| unreachable!("strings and numbers serialize"))
    }

    /// Seconds after which it is worth trying again.
    pub const fn retry_after(&self) -> Option<i64> {
        match self {
            Self::RateLimited { retry_after } | Self::SendInFlight { retry_after } => Some(*retry_after),
            Self::Unavailable(_) => Some(1),
            _ => None,
        }
    }

    /// What the log is told of a failure on our side.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        match self {
            Self::Internal(cause) | Self::Unavailable(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }

    /// What a key's refusal is to whoever is refused. Who has not the secret learns nothing of the key.
    pub fn refused(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::WrongSecret => None,
            Refusal::Inactive => Some(Self::KeyInactive),
            Refusal::Expired => Some(Self::KeyExpired),
            Refusal::PermissionDenied(permission) => Some(Self::PermissionDenied(permission)),
            Refusal::Scope(refusal) => Some(Self::Scope(refusal)),
            Refusal::RateLimited { retry_after } => Some(Self::RateLimited { retry_after }),
        }
    }

    /// A failure on our side that is only a sentence.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

/// A problem names at most so many keys.
const MOST_NAMED: usize = 10;

fn in_use(names: &[KeyName]) -> String {
    if let [only] = names {
        return format!("1 key names this channel: {}; take it out of its scope first", only.as_str());
    }
    let first: Vec<&str> = names.iter().take(MOST_NAMED).map(KeyName::as_str).collect();
    let more = match names.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = first.join(", ");
    format!("{} keys name this channel: {first}{more}; take it out of their scopes first", names.len())
}

impl From<Vec<Mistake>> for Problem {
    fn from(mistakes: Vec<Mistake>) -> Self {
        Self::InvalidBody(mistakes)
    }
}

/// A flawed field has its mistake noted, and `Fields::finish` says it first; this keeps a forgotten `finish` a refusal.
impl From<Flawed> for Problem {
    fn from(Flawed: Flawed) -> Self {
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
