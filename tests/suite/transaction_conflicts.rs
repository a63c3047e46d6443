//! Transaction conflicts: neither the counting write nor an edit is applied, and both are retried. The embedded
//! database has no conflicts, so the proxy injects them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::domain::access::{AccessRequest, RequestedTarget};
use shared::domain::history::{Action, AuditEvent};
use shared::domain::key::{Key, Status};
use shared::domain::permission::Permission;
use shared::domain::random;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use shared::store::{EditOutcome, Error, Store, Verdict};
use tests::embedded_dynamodb::EmbeddedDynamoDb;
use tests::fault_proxy::{Fault, FaultProxy};

/// A key whose writes conflict as many times as the test says.
struct ContendedKey {
    database: EmbeddedDynamoDb,
    proxy: FaultProxy,
    store: Store,
    left: Arc<AtomicUsize>,
    key: Key,
    secret: Secret,
}

impl ContendedKey {
    async fn new() -> Self {
        let database = EmbeddedDynamoDb::start().await;
        let left = Arc::new(AtomicUsize::new(0));
        let to_come = Arc::clone(&left);
        let proxy = FaultProxy::start(database.url(), true, move |_| {
            let one_less = to_come.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if one_less.is_ok() { Fault::Conflict } else { Fault::None }
        })
        .await;
        let store = EmbeddedDynamoDb::store(&proxy.url()).await;
        let (key, secret) = database.add_key(&EmbeddedDynamoDb::store(database.url()).await, |_| ()).await;
        Self { database, proxy, store, left, key, secret }
    }

    async fn authorize(&self, conflicts: usize) -> Result<Verdict, Error> {
        self.left.store(conflicts, Ordering::SeqCst);
        let request = AccessRequest { permission: Permission::SendPush, target: RequestedTarget::InBody };
        self.store.authorize(&self.secret, &request, Timestamp::now()).await
    }

    async fn disable(&self, conflicts: usize) -> Result<EditOutcome, Error> {
        self.left.store(conflicts, Ordering::SeqCst);
        let after = Key { status: Status::Inactive, revision: random::base62(8), ..self.key.clone() };
        let now = Timestamp::now();
        let event = AuditEvent::new(Action::Changed, &self.key.created_by, Some(&self.key), Some(&after), now);
        self.store.edit_key(&self.key, &after, &event, false).await
    }

    async fn actions(&self) -> Vec<Action> {
        let history = self.store.history(&self.key.account, &self.key.id, None, 100, Timestamp::now()).await;
        history.expect("a history").items.iter().map(|event| event.action).collect()
    }

    fn attempts(&self) -> usize {
        self.proxy.take_calls().len()
    }
}

#[tokio::test]
async fn a_request_that_conflicts_with_an_edit_is_retried_and_counted_once() {
    let contended = ContendedKey::new().await;

    let verdict = contended.authorize(3).await;

    assert!(matches!(verdict, Ok(Verdict::Allowed(_))), "{verdict:?}");
    assert_eq!((contended.attempts(), contended.database.counted(&contended.key).await), (4, 1));
}

#[tokio::test]
async fn a_request_that_always_conflicts_is_unavailable_and_not_counted() {
    let contended = ContendedKey::new().await;

    let verdict = contended.authorize(1_000).await;

    assert!(matches!(verdict, Err(Error::Unavailable(_))), "{verdict:?}");
    contended.left.store(0, Ordering::SeqCst);
    assert_eq!(contended.database.counted(&contended.key).await, 0);
}

#[tokio::test]
async fn an_edit_that_conflicts_with_requests_is_retried_and_applied_once_with_its_event() {
    let contended = ContendedKey::new().await;

    assert_eq!(contended.disable(5).await.expect("a response"), EditOutcome::Written);

    assert_eq!(contended.attempts(), 6);
    assert_eq!(contended.database.item(&contended.key).await["status"].as_s().expect("text"), "inactive");
    assert_eq!(contended.actions().await, [Action::Changed, Action::Created]);
}

#[tokio::test]
async fn an_edit_that_always_conflicts_leaves_key_and_history_unchanged() {
    let contended = ContendedKey::new().await;
    let before = contended.database.item(&contended.key).await;

    // The number of attempts of the edit; its read of the history afterwards succeeds.
    let edited = contended.disable(12).await;

    assert!(matches!(edited, Err(Error::Unavailable(_))), "{edited:?}");
    assert_eq!(contended.database.item(&contended.key).await, before);
    assert_eq!(contended.actions().await, [Action::Created]);
}
