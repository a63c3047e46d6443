//! A rate limit allows exactly its number of requests, also of concurrent ones.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::json;
use shared::domain::time::Timestamp;

use super::print::print_line;
use crate::app::App;

const LIMIT: usize = 60;
const CONCURRENCY: usize = 1_000;

/// Measures this many trials, each with a key of its own.
pub async fn run(trials: usize) {
    let app = App::start().await;
    let (mut exact, mut repeated, mut unavailable) = (0, 0, 0);
    while exact < trials {
        let key = app.key().with("limits", json!({ "per_minute": LIMIT })).create().await;
        let minute = Timestamp::now().minute();
        let responses =
            join_all((0..CONCURRENCY).map(|_| async { key.push(&json!({ "title": "Hello" })).await })).await;
        if Timestamp::now().minute() != minute {
            // A new minute has begun, with a new limit.
            repeated += 1;
            continue;
        }
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for response in &responses {
            *statuses.entry(response.status).or_default() += 1;
        }
        let allowed = statuses.get(&202).copied().unwrap_or_default();
        assert!(allowed <= LIMIT, "trial {exact}: {statuses:?}");
        if statuses.contains_key(&503) {
            // On a busy machine the store may not respond in time. The limit still holds, but fewer may be allowed.
            unavailable += 1;
            assert!(unavailable <= trials, "trial {exact}: {statuses:?}: this machine is too busy to measure");
            app.delivered().await;
            continue;
        }
        assert_eq!(statuses, [(202, LIMIT), (429, CONCURRENCY - LIMIT)].into(), "trial {exact}");
        assert_eq!(key.uses().await, LIMIT as u64, "a denied request is not counted");
        for response in responses.iter().filter(|response| response.status == 429) {
            let seconds: u64 = response.header("Retry-After").expect("a header").parse().expect("seconds");
            assert!((1..=60).contains(&seconds));
        }
        exact += 1;
        // The pushes have no recipients, but their delivery would slow down the next trial.
        app.delivered().await;
    }
    print_line(&format!(
        "limits: {trials} trials of {CONCURRENCY} concurrent requests with a limit of {LIMIT} per minute: exactly {LIMIT} each; \
         repeated: {repeated} trials that crossed the end of a minute, {unavailable} with a 503"
    ));
    app.delivered().await;
    app.stop().await;
}
