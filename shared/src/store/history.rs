//! Audit events: each is written together with the change that it records, and read newest first. An event is two items: one in
//! the history of its key, and one in the history of the account.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::error::Error;
use super::expression::Expression;
use super::item::{Item, Reader, actor, number, primary_key, text, timestamp};
use super::page::{Order, Page, PageQuery};
use super::tables::Store;
use crate::domain::account::Account;
use crate::domain::history::{AccountEvent, Action, AuditEvent};
use crate::domain::id::{EventId, KeyId};
use crate::domain::key::{Key, KeyName, KeyReference};
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

    /// A page of the events of all keys of an account, newest first, those before `before`.
    pub async fn account_history(
        &self,
        account: &Account,
        before: Option<&EventId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<AccountEvent>, Error> {
        let page = PageQuery {
            partition: ("pk", account.as_str()),
            sort: ("sk", before.map(EventId::as_str)),
            order: Order::Descending,
            limit,
        };
        let query = self.client.query().table_name(&self.tables.history);
        page.send(query, account_event, |one| one.event.expires() > now.seconds()).await
    }

    /// Whether this event exists: it is written together with its change, or not at all.
    pub(super) async fn has_event(&self, account: &Account, key: &KeyId, event: &AuditEvent) -> Result<bool, Error> {
        let key = primary_key(("pk", partition(account, key)), ("sk", event.id.as_str()));
        Ok(self.get(&self.tables.history, key).await?.is_some())
    }

    /// The puts of a transaction that write this event of a key, as it is after the change.
    pub(super) fn audit_items(&self, key: &Key, event: &AuditEvent) -> Result<Vec<TransactWriteItem>, Error> {
        let changes = serde_json::to_string(&event.changes).map_err(|_| Error::Malformed(TABLE))?;
        let of_key = HashMap::from([
            ("pk".to_owned(), text(partition(&key.account, &key.id))),
            ("sk".to_owned(), text(event.id.as_str())),
            ("at".to_owned(), timestamp(event.at)),
            ("by".to_owned(), actor(&event.by)),
            ("action".to_owned(), text(stored_name(event.action))),
            ("changes".to_owned(), text(changes)),
            ("expires".to_owned(), number(event.expires())),
        ]);
        let mut of_account = of_key.clone();
        of_account.extend([
            ("pk".to_owned(), text(key.account.as_str())),
            ("key".to_owned(), text(key.id.as_str())),
            ("key_name".to_owned(), text(key.name.as_str())),
        ]);
        let put = |item| Expression::default().transact_put(&self.tables.history, item);
        Ok(vec![put(of_key)?, put(of_account)?])
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

fn account_event(item: &Item) -> Result<AccountEvent, Error> {
    let reader = Reader::new(TABLE, item);
    let key = KeyReference { id: reader.parsed("key")?, name: KeyName::from_stored(reader.text("key_name")?) };
    Ok(AccountEvent { key, event: from_item(item)? })
}
