//! The preview of a send: what a dry run and `POST /keys/{id}/explain` show.

use serde::Serialize;

use super::problem::Problem;
use super::send_request::ResolvedSend;
use super::views::{self, AudienceView};
use crate::domain::account::Account;
use crate::domain::id_range::IdRange;
use crate::domain::scope::ScopeError;
use crate::store::{self, Store};

/// The number up to which recipients are counted; a larger audience shows a lower bound.
const MAX_COUNTED: usize = 1_000;

/// The number of items that one query of a partition reads: 16 of them read little more than the maximum.
const QUERY: usize = 80;

/// The result that a send would have now.
#[derive(Serialize)]
pub struct SendPreview<'a> {
    decision: Decision,
    audience: AudienceView<'a>,
    recipients: RecipientCount,
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
struct RecipientCount {
    count: usize,
    exact: bool,
}

impl<'a> SendPreview<'a> {
    /// The preview of an allowed send.
    pub async fn allowed(store: &Store, account: &Account, send: &'a ResolvedSend) -> Result<Self, store::Error> {
        let plan = store.plan(account, &send.audience).await?;
        let mut all = store.recipients(account, &send.audience, plan.source, IdRange::ALL, QUERY);
        let (counted, more) = all.next(MAX_COUNTED).await?;

        Ok(Self {
            decision: Decision { allow: true, rule: send.rule, refused: None, allowed: None },
            audience: views::audience(&send.audience),
            recipients: RecipientCount { count: counted.len(), exact: !more },
            bytes: send.bytes,
        })
    }

    /// The preview of a send of this size that is denied with this problem.
    pub fn denied(problem: &Problem, bytes: usize) -> Self {
        let out_of_scope = match problem {
            Problem::Scope(error @ ScopeError::OutOfScope { .. }) => Some(error),
            _ => None,
        };
        let decision = Decision {
            allow: false,
            rule: problem.row().code,
            refused: out_of_scope.map(ScopeError::refused),
            allowed: out_of_scope.map(ScopeError::allowed),
        };

        Self { decision, audience: AudienceView::empty(), recipients: RecipientCount { count: 0, exact: true }, bytes }
    }
}
