//! Audit events: each is written together with the change that it records, and read newest first.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, actor, number, primary_key, text, timestamp};
use super::page::{Order, Page, PageQuery};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::history::{Action, AuditEvent};
use crate::domain::id::{EventId, KeyId};
use crate::domain::time::Timestamp;

const TABLE: &str = "history";

impl Store {
    /// A page of a key's events, newest first, those before `before`. A deleted key still has its events.
    pub async fn history(
        &self,
        account: &Account,
        key: &KeyId,
        before: Option<&EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<AuditEvent>, Error> {
        let page = PageQuery {
            partition: ("pk", &partition(account, key)),
            sort: ("sk", before.map(EventId::as_str)),
            order: Order::Descending,
            limit,
        };
        let query = self.client.query().table_name(&self.tables.history);
        page.send(query, from_item, |event| event.expires() > now.seconds()).await
    }

    /// Whether this event exists: it is written together with its change, or not at all.
    pub(super) async fn has_event(&self, account: &Account, key: &KeyId, event: &AuditEvent) -> Result<bool, Error> {
        let key = primary_key(("pk", partition(account, key)), ("sk", event.id.as_str()));
        Ok(self.get(&self.tables.history, key).await?.is_some())
    }

    /// The put of a transaction that writes this event.
    pub(super) fn audit_item(
        &self,
        account: &Account,
        key: &KeyId,
        event: &AuditEvent,
    ) -> Result<TransactWriteItem, Error> {
        let changes = serde_json::to_string(&event.changes).map_err(|_| Error::Malformed(TABLE))?;
        let item = HashMap::from([
            ("pk".to_owned(), text(partition(account, key))),
            ("sk".to_owned(), text(event.id.as_str())),
            ("at".to_owned(), timestamp(event.at)),
            ("by".to_owned(), actor(&event.by)),
            ("action".to_owned(), text(stored_name(event.action))),
            ("changes".to_owned(), text(changes)),
            ("expires".to_owned(), number(event.expires())),
        ]);
        Expression::default().transact_put(&self.tables.history, item)
    }
}

fn partition(account: &Account, key: &KeyId) -> String {
    format!("{account}#{key}")
}

const fn stored_name(action: Action) -> &'static str {
    match action {
        Action::Created => "created",
        Action::Changed => "changed",
        Action::Rotated => "rotated",
        Action::Deleted => "deleted",
    }
}

fn from_item(item: &Item) -> Result<AuditEvent, Error> {
    let reader = Reader::new(TABLE, item);
    let name = reader.text("action")?;
    let action = Action::ALL.into_iter().find(|action| stored_name(*action) == name);

    Ok(AuditEvent {
        id: reader.parsed("sk")?,
        at: reader.timestamp("at")?,
        by: reader.actor("by")?,
        action: action.ok_or(Error::Malformed(TABLE))?,
        changes: serde_json::from_str(&reader.text("changes")?).map_err(|_| Error::Malformed(TABLE))?,
    })
}
