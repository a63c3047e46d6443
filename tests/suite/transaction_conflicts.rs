//! An item that somebody else's transaction holds: neither the counting write nor an edit is applied, and both are repeated.
//! The embedded database has no conflicts, so they are put in on the wire, as DynamoDB answers them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::history::{Action, Event};
use shared::key::{Ask, AskedReach, Key, Status};
use shared::permission::Permission;
use shared::random;
use shared::secret::Secret;
use shared::store::{Edited, Error, Store, Verdict};
use shared::time::Timestamp;
use tests::embedded_dynamodb::Engine;
use tests::fault_proxy::{Fate, Proxy};

/// A key whose item is held as often as it is told to be.
struct Held {
    engine: Engine,
    wire: Proxy,
    store: Store,
    left: Arc<AtomicUsize>,
    key: Key,
    secret: Secret,
}

impl Held {
    async fn new() -> Self {
        let engine = Engine::start().await;
        let left = Arc::new(AtomicUsize::new(0));
        let to_come = Arc::clone(&left);
        let wire = Proxy::start(engine.url(), true, move |_| {
            let one_less = to_come.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if one_less.is_ok() { Fate::Conflict } else { Fate::Pass }
        })
        .await;
        let store = Engine::store(&wire.url());
        let (key, secret) = engine.add_key(&Engine::store(engine.url()), |_| ()).await;
        Self { engine, wire, store, left, key, secret }
    }

    async fn authorize(&self, conflicts: usize) -> Result<Verdict, Error> {
        self.left.store(conflicts, Ordering::SeqCst);
        let ask = Ask { permission: Permission::Send, reach: AskedReach::InBody };
        self.store.authorize(&self.secret, &ask, Timestamp::now()).await
    }

    async fn disable(&self, conflicts: usize) -> Result<Edited, Error> {
        self.left.store(conflicts, Ordering::SeqCst);
        let after = Key { status: Status::Inactive, revision: random::base62(8), ..self.key.clone() };
        let now = Timestamp::now();
        let event = Event::new(Action::Changed, &self.key.created_by, Some(&self.key), Some(&after), now);
        self.store.edit_key(&self.key, &after, &event).await
    }

    async fn actions(&self) -> Vec<Action> {
        let history = self.store.history(&self.key.account, &self.key.id, None, 100, Timestamp::now()).await;
        history.expect("a history").0.iter().map(|event| event.action).collect()
    }

    fn attempts(&self) -> usize {
        self.wire.take_calls().len()
    }
}

#[tokio::test]
async fn a_request_that_meets_an_edit_is_repeated_and_counted_once() {
    let held = Held::new().await;

    let verdict = held.authorize(3).await;

    assert!(matches!(verdict, Ok(Verdict::Through(_))), "{verdict:?}");
    assert_eq!((held.attempts(), held.engine.counted(&held.key).await), (4, 1));
}

#[tokio::test]
async fn a_request_that_meets_nothing_but_edits_is_unavailable_and_not_counted() {
    let held = Held::new().await;

    let verdict = held.authorize(1_000).await;

    assert!(matches!(verdict, Err(Error::Unavailable(_))), "{verdict:?}");
    held.left.store(0, Ordering::SeqCst);
    assert_eq!(held.engine.counted(&held.key).await, 0);
}

#[tokio::test]
async fn an_edit_that_meets_requests_is_repeated_and_happens_once_with_its_event() {
    let held = Held::new().await;

    assert_eq!(held.disable(5).await.expect("an answer"), Edited::Done);

    assert_eq!(held.attempts(), 6);
    assert_eq!(held.engine.item(&held.key).await["status"].as_s().expect("text"), "inactive");
    assert_eq!(held.actions().await, [Action::Changed, Action::Created]);
}

#[tokio::test]
async fn an_edit_that_meets_nothing_but_requests_leaves_key_and_history_as_they_were() {
    let held = Held::new().await;
    let before = held.engine.item(&held.key).await;

    // As many as the edit repeats itself; what comes after, its look at whether it landed, passes.
    let edited = held.disable(12).await;

    assert!(matches!(edited, Err(Error::Unavailable(_))), "{edited:?}");
    assert_eq!(held.engine.item(&held.key).await, before);
    assert_eq!(held.actions().await, [Action::Created]);
}
