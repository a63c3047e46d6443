//! The history of keys: each event is written together with what it tells of, and read newest first.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};

use super::item::{self, Item, Reader, author, moment, number, text};
use super::{Error, Store, built, failed, page_limit};
use crate::domain::account::Account;
use crate::domain::history::{Action, Event, EventId};
use crate::domain::key::KeyId;
use crate::domain::time::Timestamp;

const KIND: &str = "history";

impl Store {
    /// The events of a key, newest first, so many at most, those before `before`; and whether more follow. A key that was
    /// deleted has its events still.
    pub async fn history(
        &self,
        account: &Account,
        key: &KeyId,
        before: Option<&EventId>,
        most: usize,
        now: Timestamp,
    ) -> Result<(Vec<Event>, bool), Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.history)
            .key_condition_expression(if before.is_some() { "pk = :pk AND sk < :sk" } else { "pk = :pk" })
            .expression_attribute_values(":pk", text(partition(account, key)))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(page_limit(most));
        if let Some(id) = before {
            query = query.expression_attribute_values(":sk", text(id.as_str()));
        }
        let found = query.send().await.map_err(failed)?;
        let mut events = found.items().iter().map(from_item).collect::<Result<Vec<_>, _>>()?;
        // The table deletes late.
        events.retain(|event| event.expires() > now.seconds());
        let more = events.len() > most;
        events.truncate(most);

        Ok((events, more))
    }

    /// Whether this event of this key happened: it is kept together with the change that it tells of, or not at all.
    pub(super) async fn is_noted(&self, account: &Account, key: &KeyId, event: &Event) -> Result<bool, Error> {
        let noted = item::key(("pk", partition(account, key)), ("sk", event.id.as_str()));
        Ok(self.get(&self.tables.history, noted).await?.is_some())
    }

    /// The part of a transaction that keeps this event of this key.
    pub(super) fn note(&self, account: &Account, key: &KeyId, event: &Event) -> Result<TransactWriteItem, Error> {
        let changes = serde_json::to_string(&event.changes).map_err(|_| Error::Malformed(KIND))?;
        let item = HashMap::from([
            ("pk".to_owned(), text(partition(account, key))),
            ("sk".to_owned(), text(event.id.as_str())),
            ("at".to_owned(), moment(event.at)),
            ("by".to_owned(), author(&event.by)),
            ("action".to_owned(), text(word(event.action))),
            ("changes".to_owned(), text(changes)),
            ("expires".to_owned(), number(event.expires())),
        ]);
        let put = Put::builder().table_name(&self.tables.history).set_item(Some(item)).build().map_err(built)?;

        Ok(TransactWriteItem::builder().put(put).build())
    }
}

fn partition(account: &Account, key: &KeyId) -> String {
    format!("{account}#{key}")
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Created => "created",
        Action::Changed => "changed",
        Action::Rotated => "rotated",
        Action::Deleted => "deleted",
    }
}

fn from_item(item: &Item) -> Result<Event, Error> {
    let reader = Reader::new(KIND, item);
    let action = reader.text("action")?;
    let all = [Action::Created, Action::Changed, Action::Rotated, Action::Deleted];

    Ok(Event {
        id: reader.parsed("sk")?,
        at: reader.moment("at")?,
        by: reader.author("by")?,
        action: all.into_iter().find(|it| word(*it) == action).ok_or(Error::Malformed(KIND))?,
        changes: serde_json::from_str(&reader.text("changes")?).map_err(|_| Error::Malformed(KIND))?,
    })
}
