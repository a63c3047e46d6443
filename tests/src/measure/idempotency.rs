//! 64 sends at once with one `Idempotency-Key` are one push: the others wait, or get its answer.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use super::say;
use crate::{App, Key};

const AT_ONCE: usize = 64;

/// So many rounds.
pub async fn run(rounds: usize) {
    let app = App::start().await;
    let device = app.push_service.device();
    app.subscriber().await.subscribe(&device, &[]).await;
    let key = app.key().create().await;
    let (mut answered, mut in_flight) = (0, 0);
    for round in 0..rounds {
        let (ids, waiting) = self::round(&key, &format!("round-{round}")).await;
        assert_eq!(ids.len(), 1, "round {round}: {ids:?}");
        answered += AT_ONCE - waiting;
        in_flight += waiting;
    }
    app.delivered().await;
    let pushes = device.received().len();
    say(&format!(
        "idempotency: {rounds} rounds of {AT_ONCE} at once: {pushes} pushes; {answered} answered with the push, \
         {in_flight} with 409 while it was in flight"
    ));
    assert_eq!(pushes, rounds);
    app.stop().await;
}

/// The ids that were answered, and how many were told to wait.
async fn round(key: &Key<'_>, name: &str) -> (BTreeSet<String>, usize) {
    let body = json!({ "title": name });
    let answers = join_all((0..AT_ONCE).map(|_| key.push_named(name, &body))).await;
    let (mut ids, mut waiting) = (BTreeSet::new(), 0);
    for answer in answers {
        match answer.status {
            202 => drop(ids.insert(answer.json()["id"].to_string())),
            409 => {
                assert_eq!(answer.refusal(), (409, "idempotency_in_flight".to_owned()));
                assert!(answer.header("Retry-After").is_some());
                waiting += 1;
            }
            _ => panic!("{} {}", answer.status, answer.text),
        }
    }
    (ids, waiting)
}
