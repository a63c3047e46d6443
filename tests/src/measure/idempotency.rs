//! 64 concurrent sends with one `Idempotency-Key` are one push: the others get its response, or 409 while it is in
//! flight.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use super::print::print_line;
use crate::actors::Key;
use crate::app::App;

const CONCURRENCY: usize = 64;

/// Measures this many rounds.
pub async fn run(rounds: usize) {
    let app = App::start().await;
    let browser = app.push_service.browser();
    app.subscriber().await.subscribe(&browser, &[]).await;
    let key = app.key().create().await;
    let (mut accepted, mut in_flight) = (0, 0);
    for round in 0..rounds {
        let (ids, conflicts) = send_concurrently(&key, &format!("round-{round}")).await;
        assert_eq!(ids.len(), 1, "round {round}: {ids:?}");
        accepted += CONCURRENCY - conflicts;
        in_flight += conflicts;
    }
    app.delivered().await;
    let pushes = browser.received().len();
    print_line(&format!(
        "idempotency: {rounds} rounds of {CONCURRENCY} concurrent sends: {pushes} pushes; {accepted} responses with the push, \
         {in_flight} with 409 while it was in flight"
    ));
    assert_eq!(pushes, rounds);
    app.stop().await;
}

/// The ids in the 202 responses, and the number of 409 responses.
async fn send_concurrently(key: &Key<'_>, name: &str) -> (BTreeSet<String>, usize) {
    let body = json!({ "title": name });
    let responses = join_all((0..CONCURRENCY).map(|_| key.push_with_idempotency_key(name, &body))).await;
    let (mut ids, mut conflicts) = (BTreeSet::new(), 0);
    for response in responses {
        match response.status {
            202 => drop(ids.insert(response.json()["id"].to_string())),
            409 => {
                response.assert_problem(409, "idempotency_in_flight");
                assert!(response.header("Retry-After").is_some());
                conflicts += 1;
            }
            _ => panic!("{} {}", response.status, response.text),
        }
    }
    (ids, conflicts)
}
