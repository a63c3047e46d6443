//! What a send comes to before it is sent: whom it reaches, by which rule, and how big it is.

use serde::Serialize;

use crate::domain::account::Account;
use crate::domain::channel::Slugs;
use crate::domain::push::{self, Audience, Content, MOST_BYTES, PushId, ShownAudience};
use crate::domain::scope::{self, Reach, Refusal, Scope};
use crate::http::problem::Problem;
use crate::store::{self, Store};

/// Recipients are counted up to so many; beyond that the count is a lower bound.
const MOST_COUNTED: usize = 1_000;

/// A send that the scope of its key allows.
pub struct Plan {
    /// Whom it reaches.
    pub audience: Audience,
    /// The rule that decided.
    pub rule: &'static str,
    /// The plaintext, in bytes.
    pub bytes: usize,
}

/// What would become of a send, as the API shows it.
#[derive(Serialize)]
pub struct Outlook<'a> {
    decision: Decision,
    audience: ShownAudience<'a>,
    recipients: Counted,
    bytes: usize,
}

#[derive(Serialize)]
struct Decision {
    allow: bool,
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
}

#[derive(Serialize)]
struct Counted {
    count: usize,
    exact: bool,
}

impl Plan {
    /// Plans a push of this content, with a key of this scope, to the channels that are asked for. Only a key that reaches
    /// everyone learns which channels do not exist.
    pub async fn make(
        store: &Store,
        account: &Account,
        scope: &Scope,
        requested: Option<&Slugs>,
        content: &Content,
        id: &PushId,
    ) -> Result<Self, Problem> {
        let reach = scope::decide(scope, requested).map_err(Problem::Scope)?;
        let rule = reach.rule();
        let audience = match reach {
            Reach::Everyone => Audience::All,
            Reach::Assigned { channels, .. } => Audience::Channels(channels),
            Reach::Requested(slugs) => {
                let channels = store.resolve(account, &slugs).await?;
                Audience::Channels(channels.map_err(Problem::UnknownChannel)?)
            }
        };
        let bytes = push::plaintext(id, content).len();
        if bytes > MOST_BYTES {
            return Err(Problem::PushTooLarge(bytes));
        }

        Ok(Self { audience, rule, bytes })
    }

    /// What would become of it now.
    pub async fn outlook(&self, store: &Store, account: &Account) -> Result<Outlook<'_>, store::Error> {
        let found = store.recipients(account, &self.audience, None, MOST_COUNTED).await?;

        Ok(Outlook {
            decision: Decision { allow: true, rule: self.rule, refused: None, allowed: None },
            audience: self.audience.shown(),
            recipients: Counted { count: found.ids.len(), exact: !found.more },
            bytes: self.bytes,
        })
    }
}

impl Outlook<'_> {
    /// Of a send of this size that is refused with this problem.
    pub fn refused(problem: &Problem, bytes: usize) -> Self {
        let violation = match problem {
            Problem::Scope(refusal @ Refusal::Violation { .. }) => Some(refusal),
            _ => None,
        };
        let decision = Decision {
            allow: false,
            rule: problem.row().code,
            refused: violation.map(Refusal::refused),
            allowed: violation.map(Refusal::allowed),
        };

        Self { decision, audience: ShownAudience::nobody(), recipients: Counted { count: 0, exact: true }, bytes }
    }
}
