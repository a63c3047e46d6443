//! A limit lets through exactly as many as it says, however many come at once.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::json;
use shared::time::Timestamp;

use super::say;
use crate::App;

const LIMIT: usize = 60;
const AT_ONCE: usize = 1_000;

/// So many trials, each with a key of its own.
pub async fn run(trials: usize) {
    let app = App::start().await;
    let (mut exact, mut again, mut busy) = (0, 0, 0);
    while exact < trials {
        let key = app.key().with("limits", json!({ "per_minute": LIMIT })).create().await;
        let minute = Timestamp::now().minute();
        let answers = join_all((0..AT_ONCE).map(|_| async { key.push(&json!({ "title": "Hello" })).await })).await;
        if Timestamp::now().minute() != minute {
            // The minute ended meanwhile, and the limit with it.
            again += 1;
            continue;
        }
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        for answer in &answers {
            *statuses.entry(answer.status).or_default() += 1;
        }
        let through = statuses.get(&202).copied().unwrap_or_default();
        assert!(through <= LIMIT, "trial {exact}: {statuses:?}");
        if statuses.contains_key(&503) {
            // Too busy a machine could not ask the store in time. It let through no more than it may, but perhaps fewer.
            busy += 1;
            assert!(busy <= trials, "trial {exact}: {statuses:?}: this machine is too busy to try it");
            app.delivered().await;
            continue;
        }
        assert_eq!(statuses, [(202, LIMIT), (429, AT_ONCE - LIMIT)].into(), "trial {exact}");
        assert_eq!(key.uses().await, LIMIT as u64, "what is refused is not counted");
        for answer in answers.iter().filter(|answer| answer.status == 429) {
            let seconds: u64 = answer.header("Retry-After").expect("a header").parse().expect("seconds");
            assert!((1..=60).contains(&seconds));
        }
        exact += 1;
        // What was sent goes to nobody, but delivering that would take time from the next trial.
        app.delivered().await;
    }
    say(&format!(
        "limits: {trials} trials of {AT_ONCE} at once with a limit of {LIMIT} per minute: exactly {LIMIT} each; \
         done again: {again} trials that crossed the end of a minute, {busy} with a 503"
    ));
    app.delivered().await;
    app.stop().await;
}
